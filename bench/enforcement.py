"""``python -m bench.enforcement``: from producing the call that is too many to the first 403 of a real Kamailio, all on this machine."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from rich.console import Console

from bench.docs import DOC, replace, show, text
from bench.latency import percentile
from bench.run import OUT, ROOT, Result, at_most, machine, write_results
from streams.live.orderer import LATENESS_MS
from streams.partition import partition_of
from streams.times import format_time
from vigie.dev.broker import Broker

# The Kamailio and the phones of the tests, which lie beside us in the repo and are not installed.
sys.path.insert(0, str(ROOT / "tests"))
from support.bridging import DOMAIN, Network, Phone, wall_ms
from support.enforcing import PARTITIONS, System
from support.gating import Gate

PREFIX = "enforcement."
#: What is promised beyond the lateness that is allowed to events, seconds.
BAR_S = 2.0
BACKGROUND = 200
#: Between two crossings, and between two calls of a probe (the resolution of the figure), seconds.
PACE_S, PROBE_S = 0.5, 0.01
PATIENCE_S = 30.0
SETTLED_S = 4.0
SATELLITE = "+8816123456"


class Traffic:
    """What producers of the PBX side send; one customer for each crossing, a hundred in the background."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=1, acks="all")
        self._stopping = threading.Event()
        self._background = threading.Thread(target=self._run, daemon=True)

    def account(self, tenant: str) -> None:
        """A customer with one softphone, known for forty days."""
        since = format_time(wall_ms() - 40 * 86_400_000)
        self._send(
            "accounts", tenant, kind="tenant", id=f"t-{tenant}", time=since, name=tenant, offer="unlimited", time_zone="Europe/Paris"
        )
        licence: dict[str, Any] = {"licence": "1", "type": "softphone", "aors": [f"{tenant}@{DOMAIN}"], "active": True}
        self._send("accounts", tenant, kind="licence", id=f"l-{tenant}", time=since, **licence)

    def call(self, tenant: str, number: str, *phases: str) -> None:
        """These phases of a call, now, and in the hands of the broker."""
        call = f"{tenant}-{time.time_ns()}"
        for phase in phases:
            self._call(tenant, call, phase, number)
        self._producer.flush()

    def start(self) -> None:
        """Begin the background."""
        self._background.start()

    def close(self) -> None:
        """End it."""
        self._stopping.set()
        if self._background.is_alive():
            self._background.join()
        self._producer.close(timeout=5)

    def _run(self) -> None:
        begun, sent = time.monotonic(), 0
        while not self._stopping.is_set():
            call = f"b-{sent}"
            for phase in ("attempt", "end"):
                self._call(f"quiet{sent // 2 % 100}", call, phase, f"+336{sent % 40:08d}")
                sent += 1
            time.sleep(max(0.0, begun + sent / BACKGROUND - time.monotonic()))

    def _call(self, tenant: str, call: str, phase: str, number: str) -> None:
        now = format_time(wall_ms())
        own: dict[str, Any] = {"started_at": now} | ({"ended_at": now, "status": 487, "ended_by": "caller"} if phase == "end" else {})
        own |= {"call_id": call, "direction": "outbound", "aor": f"{tenant}@{DOMAIN}", "callee": number, "phase": phase}
        self._send("calls", tenant, kind="call", id=f"{call}-{phase}", time=now, pbx="edge", **own)

    def _send(self, topic: str, tenant: str, **fields: Any) -> None:
        value = json.dumps({"v": 1, "tenant": tenant, **fields}).encode()
        self._producer.send(PREFIX + topic, value, key=tenant.encode(), partition=partition_of(tenant, PARTITIONS))


def cross(traffic: Traffic, tenant: str, phone: Phone, found: list[float], failed: list[str]) -> None:
    """Two calls that end, then the third that is too many; call from then on until the gate refuses."""
    for n in (1, 2):
        traffic.call(tenant, f"{SATELLITE}{n}", "attempt", "end")
    # Long enough for a decision, had the two been enough.
    time.sleep(SETTLED_S)
    if phone.refused(f"{SATELLITE}4"):
        failed.append(f"{tenant} was refused before its third call")
        return
    produced = time.monotonic()
    traffic.call(tenant, f"{SATELLITE}3", "attempt")
    while not phone.refused(f"{SATELLITE}5"):
        if time.monotonic() - produced > PATIENCE_S:
            failed.append(tenant)
            return
        time.sleep(PROBE_S)
    found.append(time.monotonic() - produced)


def measure(crossings: int) -> tuple[list[float], list[str]]:
    """Seconds from producing to the first 403, and whose never came."""
    found: list[float] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vigie-enforcement-") as work, Broker(Path(work) / "kafka") as broker:
        # Public numbers are engaged: the probe leaves no calls standing, which the bridge would have to end.
        gate = Gate(Path(work) / "kamailio", public=Network())
        with System(broker, PREFIX, Path(work), (), gate=gate, collects=False, options=("--cap", str(10 * crossings))) as system:
            traffic = Traffic(broker.bootstrap)
            tenants = [f"cross{number}" for number in range(crossings)]
            for tenant in [*tenants, *(f"quiet{number}" for number in range(100))]:
                traffic.account(tenant)
            phones = [
                system.gate.phone(f"127.0.{10 + number // 200}.{1 + number % 200}", f"{tenant}@{DOMAIN}")
                for number, tenant in enumerate(tenants)
            ]
            traffic.start()
            # Every process has its partitions, and the accounts are known.
            system.until(lambda: system.worker.metric("frames_total") > 50, 90)
            running = []
            for tenant, phone in zip(tenants, phones, strict=True):
                running.append(threading.Thread(target=cross, args=(traffic, tenant, phone, found, failed), daemon=True))
                running[-1].start()
                time.sleep(PACE_S)
            for one in running:
                one.join()
            traffic.close()
            for phone in phones:
                phone.close()
    return found, failed


def results(found: list[float], failed: list[str], crossings: int) -> list[Result]:
    """The figures of a run, in seconds."""
    name = f"crossing call to first 403, {crossings} crossings under {BACKGROUND} events/s"
    return [
        Result(f"{name}: median", round(percentile(found, 50), 2), "s"),
        at_most(f"{name}: 99th percentile", percentile(found, 99), "s", BAR_S + LATENESS_MS / 1000),
        Result(f"{name}: longest", round(max(found), 2), "s"),
        at_most("crossings without a 403", len(failed), "", 0),
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.enforcement", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 crossings: a look, not a figure to quote")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    crossings = 20 if given.quick else 200
    figures = results(*measure(crossings), crossings)
    write_results(figures, OUT / "results-enforcement.json")
    Console().print(show(figures, "Enforcement"))
    if given.write_docs:
        replace("enforcement", text(figures, machine(one_core=False)))


if __name__ == "__main__":
    main()
