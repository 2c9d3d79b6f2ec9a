"""From an abusive call to a refused one and back: real Kamailio, sipp, Redis, Kafka, and every process of vigie between them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import redis

from support.bridging import DOMAIN
from support.emergencies import emergencies
from support.enforcing import CLI, System
from support.gating import EMERGENCY_FORMS
from vigie.dev.broker import Broker
from vigie.dev.process import Child
from vigie.dev.redis import Redis

ALICE = f"alice@{DOMAIN}"
#: A satellite network that the customer never called: three attempts within an hour are a breach.
SATELLITE = "+8816123456{}"
HOME = "+33612345678"


def test_abuse_is_restricted_torn_down_proved_and_lifted_while_112_answers(
    broker: Broker, redis_server: Redis, prefix: str, tmp_path: Path
) -> None:
    view = redis.Redis.from_url(redis_server.url)
    with System(broker, prefix, tmp_path, ("alice", "bob")) as system:
        gate = system.gate
        view_bridge = [*CLI, "bridge", "--pbx", "redis", "--name", "view", "--target", redis_server.url, "--bootstrap", broker.bootstrap]
        view_bridge += ["--prefix", prefix, "--snapshot", str(tmp_path / "view.json"), "--metrics-port", "0"]
        with (tmp_path / "view.log").open("wb") as out:
            system._children.append(("view", Child(view_bridge, out)))

        def run(scenario: str, port: int, **keys: str) -> None:
            gate.verdict(gate.sipp(scenario, "127.0.9.2", port, **{"user": "alice", **keys}))

        def emergency_answers() -> None:
            phone = gate.phone("127.0.9.5", ALICE)
            for form in EMERGENCY_FORMS:
                assert phone.call(form).startswith("SIP/2.0 200"), form
            phone.close()

        # Two calls that are answered and end, one to 112, and a third that stays up: the abuse.
        run("answered", 20_080, service=SATELLITE.format(1))
        run("answered", 20_080, service=SATELLITE.format(2))
        emergency = gate.sipp("emergency", "127.0.9.2", 20_081, user="alice", service="112")
        held = gate.sipp("held", "127.0.9.2", 20_082, user="alice", service=SATELLITE.format(3))
        emergency_answers()
        took = system.until(lambda: gate.rpc("htable.get", "suspended", ALICE).get("item"))
        print(f"from the third call to the table: {took:.2f} s")
        # Its own call was hung up on, the one to 112 was not.
        gate.verdict(held)
        gate.verdict(emergency)
        [alert] = [one for one in system.said("alerts") if one["kind"] == "alert" and one["level"] == "breach"][-1:]
        suspension = system.said("suspensions")[-1]
        assert (alert["rule"], alert["licence"]) == ("toll-fraud", "alice")
        assert (suspension["state"], sorted(suspension["restrictions"])) == ("active", ["international", "paid"])
        # 403 with the decision; home, colleagues and the support line go on, and so does 112.
        run("refused", 20_080, service=SATELLITE.format(4))
        run("refused", 20_080, service="+447911123456")
        run("answered", 20_080, service=HOME)
        run("answered", 20_080, user="bob", service=SATELLITE.format(5))
        emergency_answers()
        decision = suspension["decision_id"]
        said = {"pbx": "edge", "decision_id": decision, "status": "applied"}
        # The bridge of the Redis view answers too, and may be first.
        system.until(lambda: any(said.items() <= one.items() for one in system.bridge.receipts()))
        [receipt] = [one for one in system.bridge.receipts() if said.items() <= one.items()]
        assert receipt["calls_ended"] == 1
        system.until(lambda: view.get(f"vigie:suspended:{ALICE}"))
        assert json.loads(view.get(f"vigie:suspended:{ALICE}"))["decision_id"] == decision  # type: ignore[arg-type]
        # The refused attempts came back as such, and feed no rule.
        system.until(lambda: [one for one in system.said("calls") if one.get("refused_by") == decision])

        alert = [one for one in system.said("alerts") if one.get("alert_id") == alert["alert_id"]][-1]
        system.review(alert, "no_breach", "lift")
        system.until(lambda: not gate.rpc("htable.get", "suspended", ALICE).get("item"))
        run("answered", 20_080, service=SATELLITE.format(6))
        emergency_answers()
        lifted = system.said("suspensions")[-1]
        assert lifted["state"] == "lifted"
        system.until(lambda: "applied" in system.bridge.statuses().get(lifted["decision_id"], []))
        system.until(lambda: not view.exists(f"vigie:suspended:{ALICE}"))
        # What a person lifted, no later call brings back.
        time.sleep(3)
        assert system.said("suspensions")[-1] == lifted
        # Dead letters are what Kamailio wrote besides events, and nothing else.
        assert len(system.said("dead-letters")) <= sum("EVT {" not in text for text in gate.log().splitlines())


def test_after_every_batch_of_suspensions_every_emergency_number_is_answered(broker: Broker, prefix: str, tmp_path: Path) -> None:
    # python -m bench.emergency does it with 100 batches of 1,000.
    account = emergencies(broker, prefix, tmp_path, batches=3, records=100)
    assert account.answered == account.emergencies == 3 * 3 * 13
    assert account.refused == 9
