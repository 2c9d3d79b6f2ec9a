"""A checkpoint writes what changed, and what is rebuilt from all of them goes on as if nothing had happened."""

from __future__ import annotations

import random

import pytest

from detectors import changes, snapshot
from detectors.errors import StateError
from detectors.events import Erase, rank
from detectors.step import Partition
from support.core import Bench, ms, reg
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
