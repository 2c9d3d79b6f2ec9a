"""Which snapshots a compacted topic of checkpoints still holds whole, however it was cleaned and whenever it was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from detectors.state import PartitionState, encode
from streams.live.checkpoints import NEXT
from streams.live.history import Kept, _snapshots, known_from, snapshot_before

HOUR = 3_600_000


class Record(NamedTuple):
    """A record of the topic."""

    offset: int
    key: bytes
    value: bytes | None


class Topic:
    """A partition as a reader finds it: read up to a place before the cleaner came, from there on as it left it."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    def records(self, topic: str, number: int, first: int | None = None, end: int | None = None) -> Iterator[Record]:
        """All that are left."""
        assert (topic, number) == ("checkpoints", 0)
        return iter(self._records)


def written(transactions: list[dict[bytes, bytes | None]]) -> tuple[list[Record], dict[int, dict[bytes, bytes]]]:
    """Transactions as records, and the true state by the next frame that each of them names."""
    records: list[Record] = []
    states: dict[int, dict[bytes, bytes]] = {}
    state: dict[bytes, bytes] = {}
    offset = 0
    for number, changed in enumerate(transactions, 1):
        own = {**changed, b"p": encode(PartitionState(now=number * HOUR)), NEXT: b"%d" % number}
        for key, value in own.items():
            records.append(Record(offset, key, value))
            offset += 1
            state.pop(key, None) if value is None else state.update({key: value})
        states[number] = dict(state)
        offset += 1  # the mark
    return records, states


def cleaned(records: list[Record], up_to: int) -> list[Record]:
    """What a cleaner leaves that went up to an offset: of each key the newest before it."""
    newest = {one.key: one.offset for one in records if one.offset < up_to}
    return [one for one in records if one.offset >= up_to or newest[one.key] == one.offset]


_changes = st.dictionaries(st.sampled_from([b"l/a/1", b"l/a/2", b"t/a"]), st.one_of(st.none(), st.binary(max_size=2)), max_size=3)


@given(st.lists(_changes, max_size=12), st.integers(0, 70), st.integers(0, 70), st.integers(0, 70))
def test_every_snapshot_that_is_called_whole_is_what_was_written(
    transactions: list[dict[bytes, bytes | None]], once: int, again: int, read: int
) -> None:
    records, states = written(transactions)
    before = cleaned(records, once)
    seen = [one for one in before if one.offset < read] + [one for one in cleaned(before, max(once, again)) if one.offset >= read]
    topic: Any = Topic(seen)
    found = [(one.next, dict(one.records)) for one in _snapshots(topic, 0)]
    assert all(state == states[next_] for next_, state in found)
    # Not by finding none: behind where the cleaner stopped only the first may be doubtful.
    if read == 0:
        behind = [number for number in states if offset_of(records, number) >= max(once, again)]
        assert {next_ for next_, _ in found} >= set(behind[1:])


def offset_of(records: list[Record], number: int) -> int:
    """Where a transaction ends."""
    return next(one.offset for one in records if one.key == NEXT and one.value == b"%d" % number)


def test_the_newest_whole_snapshot_before_an_instant_is_taken_if_its_next_frame_is_kept() -> None:
    records, states = written([{b"t/a": b"%d" % n} for n in range(5)])
    topic: Any = Topic(records)
    found = snapshot_before(topic, 0, 3 * HOUR + 1, begin=0)
    assert found is not None
    assert (found.next, found.at, found.records) == (3, 3 * HOUR, states[3])
    assert snapshot_before(topic, 0, 3 * HOUR - 1, begin=3) is None
    assert snapshot_before(topic, 0, HOUR - 1, begin=0) is None


def test_a_range_before_every_snapshot_is_known_from_the_logs_first_instant_on() -> None:
    warm = Kept(partition=0, begin=4, end=9, first=10 * HOUR, snapshot=40 * HOUR, deep=True)
    young = Kept(partition=1, begin=0, end=9, first=20 * HOUR, snapshot=21 * HOUR, deep=False)
    empty = Kept(partition=2, begin=0, end=0, first=None, snapshot=None, deep=False)
    assert known_from([warm, empty], 41 * HOUR) is None
    assert known_from([warm, empty], 39 * HOUR) == 10 * HOUR
    assert known_from([warm, young, empty], 41 * HOUR) == 20 * HOUR
