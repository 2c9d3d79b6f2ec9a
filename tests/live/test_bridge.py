"""`vigie bridge` on a real broker and a real Kamailio: what is decided stands, through kills, outages and doubt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from pbx.bridge.table import table_hash
from streams.times import format_time
from streams.topics import Layout
from support.bridging import DOMAIN, BridgeProcess, Kamailio, Network, Phone, lifted, placed, record, wall_ms
from vigie.dev.broker import Broker
from vigie.topics import create

PARTITIONS = 2


class Bench:
    """One broker, one Kamailio, and the bridge between them; what it starts ends with the test."""

    def __init__(self, broker: Broker, prefix: str, kamailio: Kamailio, directory: Path) -> None:
        self.broker, self.prefix, self.kamailio, self.directory = broker, prefix, kamailio, directory
        self.target = kamailio.target()
        self.phones: list[Phone] = []
        self.bridges: list[BridgeProcess] = []
        self._producer: Any = None

    def bridge(self, *options: str) -> BridgeProcess:
        one = BridgeProcess(self.broker.bootstrap, self.prefix, self.kamailio, self.directory, *options)
        self.bridges.append(one)
        return one

    def send(self, *records: dict[str, Any]) -> None:
        producer = self._open()
        for sent in [placed(producer, self.prefix, one, PARTITIONS) for one in records]:
            sent.get(timeout=30)

    def tell(self, action: str, pbx: str = "edge") -> None:
        """An operator's command."""
        one = {"v": 1, "kind": "bridge", "id": f"c-{time.time_ns()}", "time": format_time(wall_ms()), "pbx": pbx, "action": action}
        value = json.dumps(one | {"author": "nadia", "reason": "drill"}).encode()
        self._open().send(f"{self.prefix}control", value, key=pbx.encode(), partition=0).get(timeout=30)

    def _open(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, acks="all")
        return self._producer

    def standing(self) -> list[str]:
        return sorted(aor.partition("@")[0] for aor in self.target.table())

    def phone(self, licence: str) -> Phone:
        address = f"127.0.9.{len(self.phones) + 1}"
        self.kamailio.trunk(address, f"u{licence}@{DOMAIN}")
        self.phones.append(Phone(address, self.kamailio.sip))
        return self.phones[-1]

    def close(self) -> None:
        for one in self.bridges:
            one.child.kill()
        for phone in self.phones:
            phone.close()
        self.target.close()
        if self._producer is not None:
            self._producer.close(timeout=5)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    one = Network()
    yield one
    one.close()


@pytest.fixture
def bench(broker: Broker, prefix: str, network: Network, tmp_path: Path) -> Iterator[Bench]:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    with Kamailio(tmp_path / "kamailio", network.address) as kamailio:
        kamailio.wait()
        one = Bench(broker, prefix, kamailio, tmp_path)
        yield one
        one.close()


def equals(what: Callable[[], object], wanted: object) -> Callable[[], bool]:
    return lambda: what() == wanted


def test_a_suspension_is_applied_calls_end_a_receipt_says_so_and_a_lift_undoes_it(bench: Bench) -> None:
    bridge, phone, caller = bench.bridge(), bench.phone("101"), bench.phone("101")
    bridge.until(bridge.ready)
    assert caller.call("+33145000000").startswith("SIP/2.0 200")
    bench.send(record("101"))
    bridge.until(lambda: phone.refused("+33145000002") == "de-acme-101-1")
    assert caller.hears("BYE")
    bridge.until(bridge.receipts)
    [said] = bridge.receipts()
    assert (said["status"], said["pbx"], said["epoch"], said["sequence"]) == ("applied", "edge", 1, 1)
    # The held call, and whichever call of the probe had come through just before.
    assert said["calls_ended"] >= 1
    bench.send(lifted("101"))
    bridge.until(lambda: not phone.refused("+33145000002"))
    bridge.until(lambda: bridge.statuses().get("de-acme-101-2") == ["applied"])


def test_an_older_record_is_stale_and_what_it_says_is_not_done(bench: Bench) -> None:
    bridge = bench.bridge()
    bridge.until(bridge.ready)
    bench.send(record("101", 3), lifted("101", 4), record("101", 3))
    bridge.until(lambda: bridge.statuses().get("de-acme-101-3", [])[-1:] == ["stale"])
    assert bench.standing() == []
    # A higher epoch counts from one again.
    bench.send(record("101", 1, epoch=2, decision_id="de-anew"))
    bridge.until(lambda: bridge.statuses().get("de-anew") == ["applied"])
    assert bench.standing() == ["u101"]


def test_several_licences_on_one_aor_are_united_and_an_aor_that_moved_away_is_lifted(bench: Bench) -> None:
    bridge, shared = bench.bridge(), f"desk@{DOMAIN}"
    bench.send(
        record("101", aors=[shared], restrictions=["paid"]), record("102", 5, aors=[shared, f"own@{DOMAIN}"], restrictions=["outgoing"])
    )
    bridge.until(equals(bench.standing, ["desk", "own"]))
    one = bench.target.table()[shared]
    assert (one.restrictions, one.decision_id) == (("paid", "outgoing"), "de-acme-102-5")
    bench.send(record("102", 6, aors=[f"own@{DOMAIN}"], aors_removed=[shared], restrictions=["outgoing"]))
    bridge.until(lambda: bench.target.table()[shared].restrictions == ("paid",))
    bench.send(lifted("101", aors=[shared]))
    bridge.until(equals(bench.standing, ["own"]))


def test_ten_thousand_suspensions_stand_again_after_kill_9_of_the_pbx(bench: Bench) -> None:
    bench.send(*(record(f"{n}", restrictions=["international", "paid"]) for n in range(10_000)))
    bridge = bench.bridge("--cap", "20000")
    bridge.until(bridge.ready, 60)
    before = bench.target.table()
    assert len(before) == 10_000
    bridge.until(lambda: "vigie_bridge_pending 0.0" in bridge.get("/metrics")[1], 60)
    bridge.until(lambda: bridge.heartbeat()["table_hash"] == table_hash(before))
    bench.kamailio.kill()
    began = bench.kamailio.start()
    bench.kamailio.wait()
    phone = bench.phone("9999")
    bridge.until(lambda: phone.refused("+447911123452"))
    refused = time.monotonic() - began
    bridge.until(lambda: table_hash(bench.target.table()) == table_hash(before))
    print(f"10,000 suspensions: first 403 {refused:.2f} s, table equal {time.monotonic() - began:.2f} s after the start of Kamailio")
    bridge.until(lambda: bridge.heartbeat()["table_hash"] == table_hash(before))
    # What had its receipt before is not said again.
    assert sum(map(len, bridge.statuses().values())) == 10_000


def test_kill_9_of_the_bridge_loses_nothing_and_repeats_no_hold(bench: Bench) -> None:
    bridge = bench.bridge("--cap", "1")
    bridge.until(bridge.ready)
    bench.send(record("101"), record("102"))
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["applied"], "de-acme-102-1": ["held"]})
    bridge.child.kill()
    bench.send(lifted("101"), record("103", by="marc"))
    bridge = bench.bridge("--cap", "50")
    bridge.until(equals(bench.standing, ["u103"]))
    bridge.until(lambda: bridge.statuses().get("de-acme-103-1") == ["applied"])
    # It was held for a person; a restart is none.
    assert bridge.statuses()["de-acme-102-1"] == ["held"]
    bench.send(record("102", 2, by="marc"))
    bridge.until(equals(bench.standing, ["u102", "u103"]))


def test_what_was_applied_is_no_first_application_after_the_snapshot_is_lost(bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"), record("102"))
    bridge.until(lambda: len(bridge.statuses()) == 2)
    bridge.child.kill()
    (bench.directory / "snapshot.json").unlink(missing_ok=True)
    bench.kamailio.kill()
    bench.kamailio.start()
    bench.kamailio.wait()
    bridge = bench.bridge("--cap", "0")
    bridge.until(equals(bench.standing, ["u101", "u102"]))
    assert bridge.statuses() == {"de-acme-101-1": ["applied"], "de-acme-102-1": ["applied"]}


def test_a_decision_published_late_is_held_unless_it_is_urgent_or_a_persons(bench: Bench) -> None:
    bridge = bench.bridge()
    old = format_time(wall_ms() - 31 * 60_000)
    bench.send(record("101", issued_at=old), record("102", issued_at=old, rule="toll-fraud"), record("103", issued_at=old, by="marc"))
    bench.send(lifted("104", issued_at=old))
    bridge.until(lambda: len(bridge.statuses()) == 4)
    assert bench.standing() == ["u102", "u103"]
    held = [one for one in bridge.receipts() if one["status"] == "held"]
    assert [one["decision_id"] for one in held] == ["de-acme-101-1"]
    assert "31 minutes" in held[0]["detail"]


def test_a_dry_run_gives_no_order_and_says_what_it_would_do(bench: Bench) -> None:
    bridge = bench.bridge("--dry-run")
    bench.send(record("101"))
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["dry_run"]})
    assert bench.standing() == []
    assert bench.target.generation().endswith("gone")


def test_the_allow_list_keeps_an_aor_open(bench: Bench) -> None:
    allow = bench.directory / "allow"
    allow.write_text(f"# the switchboard\nsip:U101@{DOMAIN}\n", "utf-8")
    bridge = bench.bridge("--allow", str(allow))
    bench.send(record("101"), record("102", aors=[f"u101@{DOMAIN}", f"u102@{DOMAIN}"]))
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["refused"], "de-acme-102-1": ["applied"]})
    assert bench.standing() == ["u102"]


def test_pause_resume_and_flush_are_obeyed_and_outlive_the_bridge(bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"))
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["applied"]})
    bench.tell("pause", "another")
    bench.tell("pause")
    bridge.until(lambda: bridge.heartbeat()["paused"])
    assert (bridge.heartbeat()["paused_by"], bridge.heartbeat()["reason"]) == ("nadia", "drill")
    bench.send(record("102"))
    bridge.until(lambda: "vigie_bridge_pending 1.0" in bridge.get("/metrics")[1])
    assert bench.standing() == ["u101"]
    bench.tell("flush")
    bridge.until(equals(bench.standing, []))
    bridge.child.kill()
    bridge = bench.bridge()
    bridge.until(lambda: bridge.get("/ready")[0] == 200 and bridge.heartbeat()["paused"])
    assert bench.standing() == []
    bench.tell("resume")
    bridge.until(equals(bench.standing, ["u101", "u102"]))
    bridge.until(lambda: not bridge.heartbeat()["paused"])


def test_without_a_broker_the_snapshot_stands_and_with_one_again_the_topic_does(broker: Broker, bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"), record("102"))
    bridge.until(lambda: len(bridge.statuses()) == 2)
    bridge.child.stop(20)
    bench.send(lifted("102"))
    broker.stop()
    try:
        bench.kamailio.kill()
        bench.kamailio.start()
        bench.kamailio.wait()
        bridge = bench.bridge()
        bridge.until(equals(bench.standing, ["u101", "u102"]))
        status, text = bridge.get("/ready")
        assert status == 503
        assert "the snapshot stands" in text
    finally:
        broker.start()
    bridge.until(equals(bench.standing, ["u101"]))
    bridge.until(lambda: bridge.statuses().get("de-acme-102-2") == ["applied"])


def test_a_broker_that_stops_while_all_stands_delays_what_is_new_and_nothing_else(broker: Broker, bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"))
    bridge.until(lambda: len(bridge.statuses()) == 1)
    broker.stop()
    try:
        # The PBX loses its table while nobody can be asked.
        bench.kamailio.kill()
        bench.kamailio.start()
        bench.kamailio.wait()
        bridge.until(equals(bench.standing, ["u101"]))
    finally:
        broker.start()
    bench.send(record("102"))
    bridge.until(equals(bench.standing, ["u101", "u102"]), 60)
    bridge.until(lambda: bridge.statuses().get("de-acme-102-1") == ["applied"], 60)


def test_a_pbx_that_is_away_gets_its_decisions_when_it_is_back_and_the_receipt_says_both(bench: Bench) -> None:
    bridge = bench.bridge()
    bridge.until(bridge.ready)
    bench.kamailio.kill()
    bench.send(record("101"))
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["failed"]})
    bench.kamailio.start()
    bridge.until(lambda: bridge.statuses() == {"de-acme-101-1": ["failed", "applied"]})
    assert bench.standing() == ["u101"]


def test_a_record_that_could_stop_an_emergency_call_is_refused_and_what_stood_stands(bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"), record("101", 2, emergency_allowed=False), record("102", 1, restrictions=["everything"]), record("103"))
    bridge.until(equals(bench.standing, ["u101", "u103"]))
    assert "vigie_bridge_records_refused_total 2.0" in bridge.get("/metrics")[1]
    assert bench.target.table()[f"u101@{DOMAIN}"].decision_id == "de-acme-101-1"


def test_what_somebody_changed_by_hand_is_found_at_the_next_start(bench: Bench) -> None:
    bridge = bench.bridge()
    bench.send(record("101"))
    bridge.until(lambda: len(bridge.statuses()) == 1)
    bench.target.drop([f"u101@{DOMAIN}"])
    bench.kamailio.rpc("htable.sets", "suspended", f"u999@{DOMAIN}", "by hand")
    bench.kamailio.rpc("htable.delete", "sync", "state")
    bridge.until(equals(bench.standing, ["u101"]))
