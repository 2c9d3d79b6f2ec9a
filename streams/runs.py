"""External sort: records of any number in bounded memory, by sorted runs on disk and one merge.

Records are encoded as they come and kept as bytes with their key until the buffer is full; then they are sorted and written as
one run. The merge takes from every run what is not beyond the smallest end of the loaded frames, sorts that together (timsort
finds the runs in it, at C speed) and gives blocks. Runs that do not overlap are never open at the same time: files that are in
order already are merely copied.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import msgspec

from detectors.events import CALL_RANK, RANK, AnyEvent, Call, Event
from streams.frames import FRAME_EVENTS, Codec, FrameFile, join_frame, read_frames

T = TypeVar("T")
Key = tuple[Any, ...]

#: A buffered event costs about 900 bytes with its key: 32 Ki of them are 30 MB.
BUFFER_RECORDS = 32_768
#: Long records fill the buffer earlier (a contract object may have 64 KiB).
BUFFER_BYTES = 32 * 2**20
#: Runs open at once in a merge, a frame of about a quarter of a megabyte each; more are first merged among themselves.
FAN_IN = 64
_RANKS = {kind: RANK.get(str(kind.__struct_config__.tag), 0) for kind in get_args(AnyEvent)}


def total_order(event: Event) -> Key:
    """Place of an event in the log: time, rank, pbx, id; of repeats the one that stands first at its source is first."""
    # ``rank`` written out: a sort asks for every event at least once.
    place = CALL_RANK[event.phase] if isinstance(event, Call) else _RANKS[type(event)]
    return event.time, place, event.pbx, event.id, event.src, event.line


class Run(msgspec.Struct, frozen=True):
    """A sorted run on disk, and the keys of its first and last record."""

    path: str
    first: Key
    last: Key


class Sorter(Generic[T]):
    """Takes records in any order; ``runs`` hold them sorted.

    Args:
        directory: where runs are written.
        name: what their names begin with.
        codec: how records become bytes.
        key: the order; no two records may share a key, or their order is that of arrival.
        runs: runs that were written before (a run that is taken up again).
        buffer_records: most records in memory.
        buffer_bytes: most encoded bytes in memory.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        codec: Codec[T],
        key: Callable[[T], Key],
        runs: list[Run] | None = None,
        buffer_records: int = BUFFER_RECORDS,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.runs: list[Run] = list(runs or ())
        self._directory = directory
        self._name = name
        self._codec = codec
        self._key = key
        self._encode = codec.encode
        self._buffer: list[tuple[Key, bytes]] = []
        self._bytes = 0
        self._most_records = buffer_records
        self._most_bytes = buffer_bytes

    def add(self, record: T) -> bool:
        """Take a record. True when the buffer is full: call ``spill`` then."""
        data = self._encode(record)
        self._buffer.append((self._key(record), data))
        self._bytes += len(data)
        return len(self._buffer) >= self._most_records or self._bytes >= self._most_bytes

    def spill(self) -> None:
        """Write what is in memory as one run, durably; nothing when nothing is there."""
        if not self._buffer:
            return
        self._buffer.sort(key=itemgetter(0))
        path = self._directory / f"{self._name}-{len(self.runs):05}.run"
        with FrameFile(path) as file:
            for at in range(0, len(self._buffer), FRAME_EVENTS):
                file.append(join_frame([data for _, data in self._buffer[at : at + FRAME_EVENTS]]))
            file.sync()
        self.runs.append(Run(str(path), self._buffer[0][0], self._buffer[-1][0]))
        self._buffer = []
        self._bytes = 0

    def blocks(self) -> Iterator[list[T]]:
        """Everything that was taken, in order, in blocks; ``spill`` first."""
        return merge(self.runs, self._codec, self._key, self._directory, self._name)


def merge(runs: list[Run], codec: Codec[T], key: Callable[[T], Key], directory: Path, name: str, fan_in: int = FAN_IN) -> Iterator[list[T]]:
    """The records of all runs in order, in blocks of some hundreds.

    Args:
        runs: what to merge; the files stay.
        codec: how the records were written.
        key: their order.
        directory: where runs of runs go, when more than ``fan_in`` overlap.
        name: what their names begin with.
        fan_in: most runs to have open.
    """
    level = 0
    while _overlap(runs) > fan_in:
        runs = sorted(runs, key=lambda run: run.first)
        level += 1
        path = directory / f"{name}-merged-{level:05}.run"
        with FrameFile(path) as file:
            for block in _merge(runs[:fan_in], codec, key):
                for frame in codec.frames(block):
                    file.append(frame)
        last = max(run.last for run in runs[:fan_in])
        runs = [Run(str(path), runs[0].first, last), *runs[fan_in:]]
    return _merge(runs, codec, key)


def _overlap(runs: list[Run]) -> int:
    """Most runs that a merge would have open at once."""
    most, ends = 0, list[Key]()
    for run in sorted(runs, key=lambda run: run.first):
        while ends and ends[0] < run.first:
            heapq.heappop(ends)
        heapq.heappush(ends, run.last)
        most = max(most, len(ends))
    return most


class _Head(Generic[T]):
    """The frame of a run that is being merged."""

    __slots__ = ("_decode", "_frames", "_key", "at", "items", "last")

    def __init__(self, run: Run, codec: Codec[T], key: Callable[[T], Key]) -> None:
        self._frames = read_frames(Path(run.path))
        self._decode = codec.decode
        self._key = key
        self.items: list[T] = []
        self.at = 0
        self.last: Key = ()

    def load(self) -> bool:
        """Load the next frame; False at the end of the run."""
        frame = next(self._frames, None)
        if frame is None:
            return False
        self.items = self._decode(frame[1])
        self.at = 0
        self.last = self._key(self.items[-1])
        return True


def _merge(runs: list[Run], codec: Codec[T], key: Callable[[T], Key]) -> Iterator[list[T]]:
    waiting = sorted(runs, key=lambda run: run.first, reverse=True)
    heads: list[_Head[T]] = []
    while waiting or heads:
        if not heads:
            _open(waiting.pop(), codec, key, heads)
        bound = min(head.last for head in heads)
        while waiting and waiting[-1].first <= bound:
            bound = min(bound, _open(waiting.pop(), codec, key, heads))
        if len(heads) == 1:
            head = heads[0]
            yield head.items[head.at :] if head.at else head.items
            if not head.load():
                heads = []
            continue
        block: list[T] = []
        alive: list[_Head[T]] = []
        for head in heads:
            if head.last <= bound:
                block += head.items[head.at :]
                if head.load():
                    alive.append(head)
                continue
            cut = bisect_right(head.items, bound, head.at, key=key)
            block += head.items[head.at : cut]
            head.at = cut
            alive.append(head)
        heads = alive
        block.sort(key=key)
        yield block


def _open(run: Run, codec: Codec[T], key: Callable[[T], Key], heads: list[_Head[T]]) -> Key:
    head = _Head(run, codec, key)
    head.load()
    heads.append(head)
    return head.last
