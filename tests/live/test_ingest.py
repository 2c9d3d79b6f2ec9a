"""`vigie ingest` on a real broker: order, dead letters, mis-keyed producers, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from kafka import KafkaConsumer, TopicPartition

from detectors.events import Call, Event, Licence, PolicyEvent, Reference, Registration, Tenant, Tick
from streams.frames import decode_frame
from streams.partition import PARTITIONS, partition_of
from streams.runs import total_order
from streams.topics import Layout, group
from support.files import line
from support.kafka import produce, read
from vigie.dev.broker import Broker
from vigie.dev.process import Child, free_port
from vigie.topics import create

VIGIE = Path(sys.executable).parent / "vigie"


def tenants() -> list[str]:
    """A tenant in each partition."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        found.setdefault(partition_of(f"customer-{number}"), f"customer-{number}")
        number += 1
    return [found[number] for number in range(PARTITIONS)]


TENANTS = tenants()
#: Traffic must not be later than its arrival by more than two minutes, so it is dated before now.
START = (time.time_ns() // 60_000_000_000 - 60) * 60_000


class World:
    """Topics of one test, and what is sent to them."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        self.bootstrap, self.prefix = broker.bootstrap, prefix
        create(broker.bootstrap, Layout(prefix, PARTITIONS, 1, ("paris",)))

    def send(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], **options: object) -> None:
        produce(self.bootstrap, self.prefix + topic, records, **options)

    def facts(self) -> None:
        for number, tenant in enumerate(TENANTS):
            at = START - 3_600_000
            facts = [
                line("tenant", at, id=f"t-{tenant}", tenant=tenant, name=tenant),
                line("licence", at, id=f"l-{tenant}", tenant=tenant, licence="101", aors=[f"101@{tenant}"]),
            ]
            self.send("accounts", [(b"tenant/x", facts[0]), (f"licence/{tenant}/101".encode(), facts[1])], partition=number)

    def close(self, at: int) -> None:
        """The last word of every source, on every partition: what is before it, less the lateness, leaves."""
        for topic in ("registrations", "calls"):
            self.send(topic, [(tenant.encode(), registration(tenant, at, f"end-{topic}-{tenant}")) for tenant in TENANTS])

    def log(self) -> dict[int, list[Event]]:
        found: dict[int, list[Event]] = {number: [] for number in range(PARTITIONS)}
        for record in read(self.bootstrap, self.prefix + "events"):
            found[record.partition] += decode_frame(record.value or b"")
        return found

    def letters(self) -> list[dict[str, object]]:
        return [json.loads(record.value or b"") for record in read(self.bootstrap, self.prefix + "dead-letters")]

    def committed(self, topic: str) -> list[int]:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group(self.prefix, "ingest"), enable_auto_commit=False)
        try:
            return [consumer.committed(TopicPartition(self.prefix + topic, number)) or 0 for number in range(PARTITIONS)]
        finally:
            consumer.close()

    @contextmanager
    def ingest(self, *options: str) -> Iterator[Child]:
        """A running ingest that is ready."""
        command: list[str] = [str(VIGIE), "ingest", "--bootstrap", self.bootstrap, "--prefix", self.prefix, *options]
        with tempfile.TemporaryFile() as output:  # not a pipe: nobody reads it
            child = Child(command, output.fileno(), {"VIGIE_HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"})
            try:
                until(lambda: b"ready" in os.pread(output.fileno(), 65_536, 0) or child.status() is not None)
                assert child.status() is None, os.pread(output.fileno(), 65_536, 0).decode()
                yield child
            finally:
                child.kill()


def stop(child: Child) -> int | None:
    child.stop(grace_s=20)
    return child.status()


def registration(tenant: str, at: int, ident: str, /, **fields: object) -> bytes:
    fields = {"pbx": "pbx-1", "aor": f"101@{tenant}", "action": "refresh", "source_ip": "192.0.2.7"} | fields
    return line("registration", at, id=ident, **fields)


def call(tenant: str, at: int, ident: str, /, **fields: object) -> bytes:
    fields = {"pbx": "pbx-1", "aor": f"101@{tenant}", "phase": "attempt", "call_id": ident, "callee": "0612345678"} | fields
    return line("call", at, id=ident, direction="outbound", **fields)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def numbered(world: World) -> int:
    """How many of the events ``e<number>`` are in the log."""
    return sum(name.startswith("e") and name[1:].isdecimal() for log in world.log().values() for name in ids(log))


def traffic(count: int, at: int = START) -> list[tuple[str, str, bytes]]:
    """Topic, tenant and line of events of all partitions, 10 ms apart, each sent up to half a second before its turn or after."""
    found = []
    for number in range(count):
        tenant, instant = TENANTS[number % PARTITIONS], at + number * 10 + number * 7919 % 500
        kind = registration if number // PARTITIONS % 2 else call
        found.append(("registrations" if kind is registration else "calls", tenant, kind(tenant, instant, f"e{number}")))
    return found


def send_traffic(world: World, events: list[tuple[str, str, bytes]]) -> None:
    for topic in ("calls", "registrations"):
        world.send(topic, [(tenant.encode(), data) for name, tenant, data in events if name == topic])


@pytest.fixture
def world(broker: Broker, prefix: str) -> World:
    return World(broker, prefix)


def test_events_leave_stamped_and_in_the_total_order_behind_policy_holidays_and_facts(world: World) -> None:
    world.facts()
    events = traffic(2_000)
    send_traffic(world, events)
    world.close(START + 130_000)
    with world.ingest() as child:
        until(lambda: numbered(world) == 2_000)
        assert stop(child) == 0
    sources = {
        (world.prefix + name, record.partition, record.offset): record.value
        for name in ("calls", "registrations")
        for record in read(world.bootstrap, world.prefix + name)
    }
    for number, log in world.log().items():
        assert [type(event) for event in log[:4]] == [PolicyEvent, Reference, Tenant, Licence]
        assert [total_order(event) for event in log] == sorted(total_order(event) for event in log)
        assert not any(event.late_ms for event in log)
        ticks = [event.time for event in log if type(event) is Tick]
        first = next(event.time for event in log if isinstance(event, Registration | Call))
        assert ticks == [time for time in range(START, START + 120_001, 60_000) if time >= first]
        for event in log:
            if isinstance(event, Registration | Call):
                assert (event.tenant, event.licence) == (TENANTS[number], "101")
                assert event.key
                assert event.digest
                topic, _, partition = event.src.rpartition("/")
                sent = json.loads(sources[topic, int(partition), event.line] or b"")
                assert sent["id"] == event.id
                if isinstance(event, Call):
                    assert event.dest is not None
                    assert event.dest.e164 == "+33612345678"
    # What waits for the watermark (the last word of each source) is read again by the next process.
    ends = Counter(partition for topic, partition, _ in sources if topic == world.prefix + "calls")
    assert world.committed("calls") == [ends[number] - 1 for number in range(PARTITIONS)]


def test_each_bad_record_is_one_dead_letter_with_its_coordinates_and_the_stream_goes_on(world: World) -> None:
    world.facts()
    tenant, at = TENANTS[3], START
    bad = [
        (b"{", "not_json"),
        (b"[]", "not_an_object"),
        (line("nonsense", at, id="x"), "unknown_kind"),
        (registration(tenant, at, "x").replace(b'"v":1', b'"v":9'), "unknown_version"),
        (registration(tenant, at, "x", source_port="high"), "bad_field"),
        (registration(tenant, at, "x").replace(b'Z"', b'"', 1), "bad_field"),
        (registration(tenant, at, "x", transport="u" * 70_000), "too_large"),
        (registration(tenant, time.time_ns() // 1_000_000 + 300_000, "x"), "ahead"),
        (registration(tenant, at, "x", tenant="somebody"), "tenant_contradicts"),
        (call("nobody", at, "x"), "unknown_aor"),
        (line("policy", at, id="p", name="mine", body={}), "wrong_topic"),
        (None, "not_json"),
    ]
    records = []
    for number, (data, _) in enumerate(bad):
        records += [(tenant.encode(), data), (tenant.encode(), registration(tenant, at + number, f"good{number}"))]
    world.send("registrations", records)
    world.close(at + 60_000)
    with world.ingest() as child:
        until(lambda: sum(name.startswith("good") for name in ids(world.log()[3])) == len(bad))
        until(lambda: len(world.letters()) >= len(bad))
        assert stop(child) == 0
    letters = {letter["line"]: (letter["src"], letter["error"]) for letter in world.letters()}
    assert len(world.letters()) == len(bad)
    assert letters == {2 * number: (f"{world.prefix}registrations/3", error) for number, (_, error) in enumerate(bad)}


def test_records_of_a_producer_that_keys_by_call_come_to_the_partition_of_their_tenant_with_their_own_coordinates(world: World) -> None:
    world.facts()
    events = [(tenant, call(tenant, START + number * 10, f"e{number}")) for number, tenant in enumerate(TENANTS * 5)]
    world.send("calls.paris", [(f"call-{number}".encode(), data) for number, (_, data) in enumerate(events)])
    world.close(START + 60_000)
    with world.ingest() as child:
        until(
            lambda: sum(name.startswith("e") and name[1:].isdecimal() for log in world.log().values() for name in ids(log)) == len(events)
        )
        assert stop(child) == 0
    origin = {
        json.loads(one.value or b"")["id"]: (f"{world.prefix}calls.paris/{one.partition}", one.offset)
        for one in read(world.bootstrap, world.prefix + "calls.paris")
    }
    for number, log in world.log().items():
        for event in log:
            if event.id in origin:
                assert event.tenant == TENANTS[number]
                assert (event.src, event.line) == origin[event.id]
    moved = read(world.bootstrap, world.prefix + "rekeyed")
    assert all(partition_of((one.key or b"").decode()) == one.partition for one in moved)
    assert 0 < len(moved) < len(events)


def test_a_killed_ingest_loses_nothing_repeats_only_coordinates_and_commits_nothing_that_is_not_in_the_log(world: World) -> None:
    world.facts()
    events = traffic(12_000)
    poison = [(TENANTS[number % PARTITIONS].encode(), b"poison %d" % number) for number in range(100)]
    for part in range(3):
        send_traffic(world, events[part * 4_000 : part * 4_000 + 4_000])
        world.send("calls", poison[part::3])
        with world.ingest() as child:
            enough = part * 4_000 + 1_500
            until(lambda most=enough: sum(map(len, world.log().values())) > most, 60)  # type: ignore[misc]
            child.kill()
        there = {(event.src, event.line) for log in world.log().values() for event in log}
        there |= {(str(letter["src"]), int(str(letter["line"]))) for letter in world.letters()}
        for topic in ("calls", "registrations"):
            for number, committed in enumerate(world.committed(topic)):
                assert {(f"{world.prefix}{topic}/{number}", offset) for offset in range(committed)} <= there
    world.close(START + 300_000)
    with world.ingest() as child:
        wanted = {json.loads(data)["id"] for _, _, data in events}
        until(lambda: wanted <= {name for log in world.log().values() for name in ids(log)})
        until(lambda: len({(letter["src"], letter["line"]) for letter in world.letters()}) == len(poison))
        assert stop(child) == 0
    for log in world.log().values():
        seen: dict[str, set[tuple[str, int]]] = {}
        for event in log:
            if event.id:
                seen.setdefault(event.id, set()).add((event.src, event.line))
        assert all(len(places) == 1 for places in seen.values())
        # The watermark is taken up where the log ends: what was not yet in it is not late, and no repeat is counted as new.
        first: dict[str, Event] = {}
        for event in log:
            first.setdefault(event.id, event)
        assert not any(event.late_ms for event in first.values() if isinstance(event, Registration | Call))


def test_a_command_reaches_every_partition_once_and_a_restart_does_not_repeat_it(world: World) -> None:
    world.facts()
    world.send("control", [(b"mine", line("policy", START - 1_000, id="p1", name="mine", body={}))])
    with world.ingest() as child:
        until(lambda: all("p1" in ids(log) for log in world.log().values()))
        world.send("control", [(b"pbx", line("bridge", START, pbx="pbx-1", action="pause", author="me", reason="test"))])
        world.send("control", [(b"mine", line("policy", START, id="p2", name="mine", body={"rules": {"nonesuch": {}}}))])
        until(world.letters)
        assert stop(child) == 0
    with world.ingest() as child:
        world.send("control", [(b"erase", line("erase", START, id="x1", tenant=TENANTS[2], licence="101"))])
        world.send("control", [(b"mine", line("policy", START, id="p3", name="mine", body={}))])
        until(lambda: all("p3" in ids(log) for log in world.log().values()))
        assert stop(child) == 0
    for number, log in world.log().items():
        found = [event.id for event in log if event.src == f"{world.prefix}control/0"]
        # The topic was not empty, so nothing was written to it; an erasure concerns the partition of its tenant.
        assert found == (["p1", "x1", "p3"] if number == 2 else ["p1", "p3"])
    (letter,) = world.letters()
    assert (letter["src"], letter["line"], letter["error"]) == (f"{world.prefix}control/0", 2, "policy")


def test_a_fact_sent_before_an_event_is_known_when_the_event_is_read(world: World) -> None:
    world.facts()
    with world.ingest() as child:
        for number in range(20):
            tenant = TENANTS[number % PARTITIONS]
            fact = line("licence", START, id=f"f{number}", tenant=tenant, licence=f"2{number}", aors=[f"2{number}@{tenant}"])
            world.send("accounts", [(f"licence/{tenant}/2{number}".encode(), fact)], partition=number % PARTITIONS)
            world.send("calls", [(tenant.encode(), call(tenant, START + number, f"n{number}", aor=f"2{number}@{tenant}"))])
        world.close(START + 60_000)
        until(lambda: sum(name.startswith("n") for log in world.log().values() for name in ids(log)) == 20)
        assert stop(child) == 0
    assert world.letters() == []


def test_two_instances_write_different_partitions_and_metrics_are_served_while_ready(world: World) -> None:
    world.facts()
    port = free_port()
    with world.ingest("--instance", "0/2", "--metrics-port", str(port)) as even, world.ingest("--instance", "1/2") as odd:
        send_traffic(world, traffic(400))
        world.close(START + 60_000)
        until(lambda: numbered(world) == 400)
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            assert answer.status == 200
        until(lambda: 'watermark_seconds{partition="0"}' in metrics(port) and "lag_records 0.0" in metrics(port))
        assert 'watermark_seconds{partition="1"}' not in metrics(port)
        assert 'vigie_ingest_skew_seconds{pbx="pbx-1"}' in metrics(port)
        assert (stop(even), stop(odd)) == (0, 0)
    assert all(ids(log).count("policy-first") == 1 for log in world.log().values())


def metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read(), "utf-8")


@pytest.mark.parametrize("instance", ["1/1", "x", "9/12"])
def test_an_instance_that_cannot_be_is_refused(world: World, instance: str) -> None:
    command: list[str] = [str(VIGIE), "ingest", "--bootstrap", world.bootstrap, "--prefix", world.prefix, "--instance", instance]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"--instance" in done.stderr


def test_ingest_refuses_topics_that_differ(broker: Broker, prefix: str) -> None:
    command: list[str] = [str(VIGIE), "ingest", "--bootstrap", broker.bootstrap, "--prefix", prefix]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 3
    assert b"vigie topics create" in done.stderr


def test_ctrl_c_ends_it_in_order(world: World) -> None:
    with world.ingest() as child:
        os.kill(child.pid, signal.SIGINT)
        until(lambda: child.status() is not None, 20)
        assert child.status() == 0


def test_a_broker_that_stops_and_starts_costs_no_event_and_makes_none_late(world: World, broker: Broker) -> None:
    world.facts()
    events = traffic(3_000)
    send_traffic(world, events[:2_000])
    with world.ingest() as child:
        until(lambda: numbered(world) > 100)
        broker.stop()
        # Longer than a source may be silent: here it is the broker that is.
        time.sleep(6)
        broker.start()
        # In their order, as PBXes send them: one topic must not run ahead of the other by more than the lateness.
        for at in range(2_000, 3_000, 100):
            send_traffic(world, events[at : at + 100])
        world.close(START + 60_000)
        until(lambda: numbered(world) >= 3_000)
        assert stop(child) == 0
    found = [event for log in world.log().values() for event in log if isinstance(event, Registration | Call)]
    assert {event.id for event in found} >= {f"e{number}" for number in range(3_000)}
    assert not [event.id for event in found if event.late_ms]
