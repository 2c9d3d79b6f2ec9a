"""The order of a live partition: events wait until no source can be expected to send an earlier one.

Pure: when a record arrived and what the wall clock says are told, so a test, or a question about last night, feeds the same
arrivals and gets the same log.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from typing import NamedTuple

from detectors.events import Call, Event, Tick
from streams.runs import total_order

#: How long an event may be overtaken by a later one without being late, ms.
LATENESS_MS = 2_000
#: A source that says nothing for so long is not waited for, ms.
IDLE_MS = 5_000
TICK_MS = 60_000
#: Ticks of one leap of the watermark. A source whose clock was never set stands at 2001; when it falls silent the watermark leaps
#: 25 years, which would be 13 million. Timers fire at their exact deadlines before the next event, whatever ticks there were.
MOST_TICKS = 1_440
#: Nothing was seen yet.
NEVER = -(1 << 62)
#: Waiting events are kept in bins of so many ms: each is sorted once, when the watermark reaches it. The grid is a multiple.
_BIN_MS = 100


class Source(NamedTuple):
    """Who sends: one PBX on one input partition."""

    pbx: str
    topic: str
    partition: int


class _Spoken:
    """What is known of a source: its latest instant, and the wall clock when it was last heard."""

    __slots__ = ("heard", "latest", "spoke")

    def __init__(self) -> None:
        self.latest = NEVER
        self.heard = NEVER
        self.spoke = True


class Orderer:
    """Puts the events of one partition into the total order, as far as the watermark has come.

    The watermark is the minimum over the sources of the latest instant each has named, less the lateness. Before the first event
    of a source there is none: facts and commands pass at once, nothing is late, no tick is due.

    Args:
        partition: number of the log's partition.
        lateness_ms: how long an event may be overtaken without being late.
        idle_ms: a source that was silent for so long is not waited for.
        watermark: where a former orderer of this partition stopped; nothing of it is said twice.
        heard_ms: wall clock of that moment.

    >>> orderer = Orderer(0)
    >>> source = Source("pbx-1", "vigie.registrations", 0)
    >>> for time in (10_500, 10_000, 13_000):
    ...     orderer.take(Tick(time=time), source, arrived_ms=13_000)
    >>> [event.time for event in orderer.advance(13_000)]
    [10000, 10500]
    """

    def __init__(
        self,
        partition: int,
        lateness_ms: int = LATENESS_MS,
        idle_ms: int = IDLE_MS,
        watermark: int = NEVER,
        heard_ms: int = NEVER,
    ) -> None:
        self.partition = partition
        #: No event before this instant is expected; what comes nevertheless is late.
        self.watermark = watermark
        #: Events that came late.
        self.late = 0
        #: Events that wait.
        self.waiting = 0
        self._lateness = lateness_ms
        self._idle = idle_ms
        self._sources: dict[Source, _Spoken] = {}
        self._bins: dict[int, list[Event]] = {}
        self._numbers: list[int] = []
        self._at_once: list[Event] = []
        self._next_tick = NEVER if watermark == NEVER else _grid(watermark)
        # Where a former orderer stopped, and when; and the last wall clock we were told.
        self._base, self._heard, self._wall = watermark, heard_ms, heard_ms

    def take(self, event: Event, source: Source | None, arrived_ms: int) -> None:
        """Take an event.

        Args:
            event: stamped; gets ``late_ms``: the watermark less its time, for a ``cdr`` less its end, at least 0.
            source: who sent it; None for facts, reviews and commands, which have their place but are waited for by nobody.
            arrived_ms: when the broker got it. A clock that is ahead counts as this: it may not move the watermark of others.
        """
        time, watermark = event.time, self.watermark
        if source is not None:
            spoken = self._sources.get(source)
            if spoken is None:
                spoken = self._sources[source] = _Spoken()
            seen = time if time < arrived_ms else arrived_ms
            if seen > spoken.latest:
                spoken.latest = seen
            spoken.spoke = True
        elif watermark == NEVER:
            self._at_once.append(event)
            return
        if type(event) is Call and event.phase == "cdr" and event.ended_at is not None:
            event.late_ms = max(0, watermark - event.ended_at)
        elif time < watermark:
            event.late_ms = watermark - time
        if time < watermark:
            self.late += 1
            self._at_once.append(event)
        else:
            self._wait(event)

    def advance(self, wall_ms: int, behind: Collection[tuple[str, int]] = ()) -> list[Event]:
        """Move the watermark, and give what is before it: late events first, then the others and the ticks in the total order.

        Args:
            wall_ms: the wall clock.
            behind: input partitions (topic, number) with records that were not taken yet. Their sources are not silent: it is us.
        """
        self._move(wall_ms, behind)
        out, self._at_once = self._at_once, []
        if self.watermark == NEVER:
            out.sort(key=total_order)
            return out
        self._tick()
        bound = self.watermark
        whole = bound // _BIN_MS
        while self._numbers and self._numbers[0] <= whole:
            events = self._bins[self._numbers[0]]
            events.sort(key=total_order)
            if self._numbers[0] == whole and events[-1].time >= bound:
                cut = next(at for at, event in enumerate(events) if event.time >= bound)
                out += events[:cut]
                del events[:cut]
                self.waiting -= cut
                break
            out += events
            self.waiting -= len(events)
            del self._bins[heapq.heappop(self._numbers)]
        return out

    def ahead(self) -> set[tuple[str, int]]:
        """Input partitions (topic, number) that the watermark does not wait for: when too much waits, these need not be read."""
        alive = [(spoken.latest, source[1:]) for source, spoken in self._sources.items() if self._wall - spoken.heard < self._idle]
        bound = min((latest for latest, _ in alive), default=NEVER) + self._lateness
        return {place for latest, place in alive if latest > bound} - {place for latest, place in alive if latest <= bound}

    def _wait(self, event: Event) -> None:
        number = event.time // _BIN_MS
        events = self._bins.get(number)
        if events is None:
            self._bins[number] = [event]
            heapq.heappush(self._numbers, number)
        else:
            events.append(event)
        self.waiting += 1

    def _move(self, wall_ms: int, behind: Collection[tuple[str, int]]) -> None:
        self._wall = wall_ms
        least, most = 1 << 62, NEVER
        waited, told = False, set()
        for source, spoken in self._sources.items():
            if spoken.spoke:
                spoken.heard, spoken.spoke = wall_ms, False
            place = source[1:]
            silent = wall_ms - spoken.heard
            if place in behind:
                # Its silence counts from when all that it sent was read.
                told.add(place)
                spoken.heard = wall_ms
            elif silent >= self._idle:
                most = max(most, spoken.latest + silent)
                continue
            waited = True
            least = min(least, spoken.latest)
        if len(told) < len(behind):
            return  # an input nobody has spoken on yet: what it holds may be earlier than anything seen
        if waited:
            self.watermark = max(self.watermark, least - self._lateness)
        elif most != NEVER:
            # All are silent. Had they fallen silent one by one, the one that is furthest would have been the last to be waited for.
            self.watermark = max(self.watermark, most - self._lateness)
        elif self._base != NEVER:
            self.watermark = max(self.watermark, self._base + wall_ms - self._heard)

    def _tick(self) -> None:
        watermark = self.watermark
        if self._next_tick == NEVER:
            earliest = min((event.time for event in self._bins[self._numbers[0]]), default=watermark) if self._numbers else watermark
            self._next_tick = _grid(min(earliest, watermark))
        if (watermark - self._next_tick) // TICK_MS >= MOST_TICKS:
            self._next_tick = (watermark // TICK_MS - MOST_TICKS + 1) * TICK_MS
        while self._next_tick < watermark:
            self._wait(Tick(time=self._next_tick))
            self._next_tick += TICK_MS


def _grid(instant: int) -> int:
    """The first instant of the grid that is not before this one."""
    return -(-instant // TICK_MS) * TICK_MS
