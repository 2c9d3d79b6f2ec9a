"""A checkpoint writes what changed, and what is rebuilt from all of them goes on as if nothing had happened."""

from __future__ import annotations

import random

import pytest

from detectors import changes, snapshot
from detectors.errors import StateError
from detectors.events import Erase, Event, Message, PolicyEvent, Score, Tick, rank
from detectors.state import encode
from detectors.step import Partition
from support.core import Bench, call, exemption, licence_fact, ms, reg, tenant_fact
from support.traffic import everything

UNTIL = ms("2026-04-25 12:00")


def stamped() -> list:  # type: ignore[type-arg]
    events = sorted(everything(), key=lambda e: (e.time, rank(e), e.pbx, e.id))
    for n, event in enumerate(events):
        event.key, event.digest = n + 1, n
    return events


class Topic(dict[bytes, bytes]):
    """A compacted topic."""

    def write(self, found: list[changes.Change]) -> None:
        for key, value in found:
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value


@pytest.mark.parametrize("seed", range(3))
def test_a_partition_rebuilt_from_its_checkpoints_says_what_the_straight_run_says(seed: int) -> None:
    rng, events = random.Random(seed), stamped()
    straight, cut, topic = Partition(0), Partition(0), Topic()
    said, again = [], []
    for n, event in enumerate(events):
        said += straight.step(event)
        again += cut.step(event)
        if rng.random() < 0.01:
            topic.write(changes.collect(cut))
            if rng.random() < 0.2:
                cut = changes.rebuild(0, topic.items())
        if n % 5_000 == 0:
            topic.write(changes.collect(cut))
            assert snapshot.take(changes.rebuild(0, topic.items())) == snapshot.take(cut)
    assert again + cut.finish(UNTIL) == said + straight.finish(UNTIL)


def test_every_state_that_an_event_of_any_kind_changes_is_in_the_next_checkpoint() -> None:
    """A licence fact that no event of the licence followed was once forgotten by a worker that was killed."""
    later = {"effective_from": ms("2026-03-02 12:00")}
    events: list[Event] = [
        tenant_fact("2026-03-02 08:00"),
        tenant_fact("2026-03-02 08:01", "quiet", **later),
        licence_fact("2026-03-02 08:02"),
        licence_fact("2026-03-02 08:03", "102", **later),
        exemption("2026-03-02 08:04", ("autodial",), "2026-03-01", "2026-04-01", "101"),
        reg("2026-03-02 09:00"),
        reg("2026-03-02 09:01", licence="102"),
        *call("2026-03-02 09:02", phases=True),
        Score(id="s", time=ms("2026-03-02 09:10"), tenant="acme", licence="101", day="2026-03-01", score=0.5),
        Message(id="m", time=ms("2026-03-02 09:11"), tenant="acme", licence="102"),
        PolicyEvent(id="p2", time=ms("2026-03-02 09:12"), body={"general": {"salt": "other"}}),
        Tick(time=ms("2026-03-02 13:00")),
        Tick(time=ms("2026-03-04 13:00")),
    ]
    partition, topic = Partition(0), Topic()
    topic.write(changes.collect(partition))
    for event in events:
        partition.step(event)
        topic.write(changes.collect(partition))
        wanted = {f"l/{tenant}/{name}".encode(): encode(state) for (tenant, name), state in partition.licences.items()}
        wanted |= {f"t/{tenant}".encode(): encode(state) for tenant, state in partition.tenants.items()}
        assert {key: value for key, value in topic.items() if key[:2] in (b"l/", b"t/")} == wanted, event


def test_only_what_changed_is_written() -> None:
    bench = Bench().feed(reg("2026-03-02 10:00"), reg("2026-03-02 10:00", licence="102"))
    changes.collect(bench.partition)
    bench.feed(reg("2026-03-02 10:05", licence="102"))
    assert [key for key, _ in changes.collect(bench.partition)] == [b"l/acme/102", b"t/acme", b"p"]


def test_an_erased_licence_is_removed() -> None:
    bench = Bench().feed(reg("2026-03-02 10:00"))
    changes.collect(bench.partition)
    bench.feed(Erase(id="e", time=ms("2026-03-02 11:00"), tenant="acme", licence="101"))
    assert (b"l/acme/101", None) in changes.collect(bench.partition)


def test_pieces_of_the_repeats_are_removed_when_their_hour_is_forgotten() -> None:
    bench = Bench()
    topic = Topic()
    for hour in range(6):
        event = reg(ms("2026-03-02 10:00") + hour * 3_600_000)
        event.key = hour + 1
        bench.feed(event)
        topic.write(changes.collect(bench.partition))
    assert len([key for key in topic if key.startswith(b"r/")]) == 2


def test_a_key_nobody_knows_is_refused() -> None:
    with pytest.raises(StateError, match="newer"):
        changes.rebuild(0, [(b"x/1", b"")])


def test_an_hour_that_a_late_event_brings_back_is_saved_as_it_is() -> None:
    core = Partition(1)
    saved: dict[bytes, bytes] = {}

    def checkpoint() -> None:
        for key, value in changes.collect(core):
            if value is None:
                del saved[key]
            else:
                saved[key] = value
        again = changes.rebuild(1, saved.items())
        assert again.state.repeats == core.state.repeats

    def hear(at: str, *names: str) -> None:
        for name in names:
            event = reg(at, id_=name)
            event.key = int(name) + 1
            core.step(event)

    checkpoint()
    hear("2026-03-02 01:10", *map(str, range(5)))
    checkpoint()
    hear("2026-03-02 01:20", "5", "6")
    hear("2026-03-02 06:00", "7")
    # The hour was forgotten, with keys that no checkpoint had yet.
    hear("2026-03-02 01:30", "8", "9")
    checkpoint()
    hear("2026-03-02 01:40", "10")
    checkpoint()
    hear("2026-03-02 09:00", "11")
    checkpoint()
    assert len([key for key in saved if key.startswith(b"r/")]) == 1
