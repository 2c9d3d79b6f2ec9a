"""``python -m bench.bridge``: from a suspension on the topic to the first 403 of a real Kamailio, and 10,000 after its crash."""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

from kafka import KafkaProducer
from rich.console import Console

from bench.docs import DOC, replace, show, text
from bench.run import OUT, ROOT, Result, at_most, machine, write_results
from pbx.bridge.table import table_hash
from streams.partition import PARTITIONS
from streams.topics import Layout
from vigie.dev.broker import Broker
from vigie.topics import create

# The Kamailio and the phones of the tests, which lie beside us in the repo and are not installed.
sys.path.insert(0, str(ROOT / "tests"))
from support.bridging import DOMAIN, BridgeProcess, Kamailio, Network, Phone, lifted, placed, record

#: What is promised: suspension produced to first 403, and from a Kamailio's start until 10,000 stand.
BAR_MS, BAR_S = 50.0, 3.0
PREFIX = "bridge."
STANDING = 10_000
#: Between two calls of the probe, seconds: the resolution of the figure.
PROBE_S = 0.002


class Probe(threading.Thread):
    """One AoR calling all the time."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(daemon=True)
        self._phone = phone
        self._stopping = threading.Event()
        self._decision, self._refused = "", 0.0
        self.passed = threading.Event()

    def run(self) -> None:
        """Call until stopped. An answer counts when it is here."""
        while not self._stopping.is_set():
            decision = self._phone.refused("+33145000002")
            now = time.perf_counter()
            if decision and decision == self._decision and not self._refused:
                self._refused = now
            if not decision:
                self.passed.set()
            time.sleep(PROBE_S)

    def wait_for(self, decision: str) -> None:
        """Look out for the first call that a decision refuses."""
        self._decision, self._refused = decision, 0.0

    def refused(self) -> float:
        """When that was, by ``perf_counter``; 0 when it was not yet."""
        return self._refused

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join()


def rounds(broker: Broker, kamailio: Kamailio, count: int) -> list[float]:
    """Milliseconds from handing a suspension to the producer to the first 403, with nothing else to do."""
    kamailio.trunk("127.0.9.1", f"u101@{DOMAIN}")
    phone = Phone("127.0.9.1", kamailio.sip)
    probe = Probe(phone)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=0)
    # Detection has its connection long before it decides.
    producer.partitions_for(f"{PREFIX}suspensions")
    taken = []
    probe.start()
    try:
        for number in range(count):
            one = record("101", 2 * number + 1, by="bench")
            probe.wait_for(one["decision_id"])
            began = time.perf_counter()
            placed(producer, PREFIX, one, PARTITIONS)
            while not probe.refused():
                time.sleep(0.001)
                if time.perf_counter() - began > 30:
                    raise RuntimeError(f"round {number}: not refused within 30 s")
            taken.append((probe.refused() - began) * 1000)
            probe.passed.clear()
            placed(producer, PREFIX, lifted("101", 2 * number + 2), PARTITIONS)
            if not probe.passed.wait(30):
                raise RuntimeError(f"round {number}: not lifted within 30 s")
            # Not in step with anything.
            time.sleep(0.01 + number % 7 / 300)
    finally:
        probe.stop()
        phone.close()
        producer.close()
    return taken


def resync(broker: Broker, kamailio: Kamailio, bridge: BridgeProcess) -> float:
    """Seconds from the start of a killed Kamailio until 10,000 suspensions stand, by the hash of its table."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=5)
    for number in range(STANDING):
        placed(producer, PREFIX, record(str(1000 + number), by="bench", restrictions=["international", "paid"]), PARTITIONS)
    producer.flush()
    producer.close()
    bridge.until(lambda: f"vigie_bridge_table_size {float(STANDING)}" in bridge.get("/metrics")[1], 120)
    # Receipts and second looks of all are said and done.
    bridge.until(lambda: "vigie_bridge_pending 0.0" in bridge.get("/metrics")[1], 120)
    time.sleep(6)
    before = kamailio.target().table()
    kamailio.kill()
    began = kamailio.start()
    kamailio.wait()
    target = kamailio.target()
    while True:
        # The sentinel is set behind the whole table.
        if kamailio.rpc("htable.get", "sync", "state").get("item", {}).get("value") == "live":
            taken = time.monotonic() - began
            if table_hash(target.table()) != table_hash(before):
                raise RuntimeError("the table is said to be whole and is not")
            target.close()
            return taken
        time.sleep(0.01)


def run(out: Path, count: int, times: int) -> list[Result]:
    """Start everything, measure, stop everything."""
    folder = out / "bridge"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    network = Network()
    with Broker(folder / "broker") as broker, Kamailio(folder / "kamailio", network.address) as kamailio:
        kamailio.wait()
        create(broker.bootstrap, Layout(PREFIX, replication=1))
        bridge = BridgeProcess(broker.bootstrap, PREFIX, kamailio, folder)
        try:
            bridge.until(bridge.ready, 60)
            taken = sorted(rounds(broker, kamailio, count))
            resyncs = [resync(broker, kamailio, bridge)]
            while len(resyncs) < times:
                resyncs.append(resync(broker, kamailio, bridge))
            resident = re.search(r"^process_resident_memory_bytes (\S+)$", bridge.get("/metrics")[1], re.MULTILINE)
        finally:
            bridge.child.stop(20)
            network.close()
    shutil.rmtree(folder / "broker" / "data", ignore_errors=True)
    p99 = taken[min(len(taken) - 1, round(len(taken) * 0.99))]
    return [
        Result(f"suspension produced to first 403, {count} rounds: median", round(statistics.median(taken), 1), "ms"),
        at_most(f"suspension produced to first 403, {count} rounds: 99th percentile", p99, "ms", BAR_MS),
        Result(f"suspension produced to first 403, {count} rounds: longest", round(taken[-1], 1), "ms"),
        Result(f"memory of the bridge with {STANDING:,} suspensions", round(float(resident[1]) / 1e6) if resident else 0, "MB"),
        at_most(f"start of a killed Kamailio until {STANDING:,} suspensions stand, worst of {times}", max(resyncs), "s", BAR_S),
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.bridge", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 rounds: a look, not a figure to quote")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    results = run(OUT, 50 if given.quick else 500, 1 if given.quick else 3)
    write_results(results, OUT / "results-bridge.json")
    Console().print(show(results, "Bridge"))
    if given.write_docs:
        replace("bridge", text(results, machine(one_core=False)))


if __name__ == "__main__":
    main()
