"""What a live console tries policies on: the broker's log, from a snapshot of detection or from its first frame.

The evaluator is ``streams.live.history``: snapshot, frames, ``detectors.step``. Nothing of a broker's is written, and no producer is
started, so the worker that detects is never fenced.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.settings import Settings
from detectors.days import DAY, HOUR
from detectors.outputs import Alert, Output, Suspension
from detectors.policy import Policy
from detectors.registry import installed
from streams.collector import fewer_collections
from streams.live import history
from streams.live.history import Kept, begins_whole, known_from
from streams.live.records import opened
from streams.outputs import ALERTS, SUSPENSIONS, line_of

#: Lengths of a range, by what a form calls them; each ends where the log does.
RANGES = {
    "15m": HOUR // 4, "1h": HOUR, "6h": 6 * HOUR, "1d": DAY, "3d": 3 * DAY, "7d": 7 * DAY, "14d": 14 * DAY, "28d": 28 * DAY,
}  # fmt: skip
#: The longest that is taken without being asked for: of the 35 days that are kept, 30 lie before it, which is what most rules need.
UNASKED = 3 * DAY
#: What the topics keep is read anew after this, which takes seconds. A job reads it anew in any case, and says what it found.
FRESH_S = 300.0


@dataclass(frozen=True)
class Log:
    """A range of the log.

    Attributes:
        kept: what the topics keep.
        length: the name of its length in ``RANGES``.
        since: where it begins, in milliseconds.
    """

    kept: tuple[Kept, ...]
    length: str
    since: int

    @property
    def first(self) -> int | None:
        """Where the log begins."""
        return min((one.first for one in self.kept if one.first is not None), default=None)

    @property
    def known_from(self) -> int | None:
        """From when on all is known; none: as far back as detection itself knows."""
        return known_from(self.kept, self.since)

    @property
    def whole(self) -> bool:
        """Whether every partition begins at a snapshot."""
        return all(begins_whole(one, self.since) for one in self.kept if one.first is not None)

    @property
    def policy_version(self) -> str:
        """Of the policy that detection judges by; empty when it has judged nothing yet."""
        told = [one.policy for one in self.kept if one.policy is not None]
        # One that has judged nothing but a tick may not have come to the policy yet.
        body = next((policy for policy in told if policy), {})
        return Policy(body, installed()).merged("", "").version if told else ""


_kept: dict[tuple[str, str], tuple[float, tuple[Kept, ...]]] = {}
_reading = threading.Lock()


def log_of(settings: Settings, length: str) -> Log:
    """A range that ends now.

    Args:
        settings: of the console.
        length: a name in ``RANGES``; any other takes the longest that the log reaches a day behind, up to ``UNASKED``.

    Raises:
        VigieError: the broker or its topics cannot be used.
    """
    assert settings.kafka is not None
    where = settings.kafka, settings.prefix
    with _reading:
        at, found = _kept.get(where, (0.0, ()))
        if not found or time.monotonic() - at > FRESH_S:
            with opened(*where) as topics:
                found = tuple(history.kept(topics))
            _kept[where] = time.monotonic(), found
    now = settings.now()
    if length not in RANGES:
        first = max((one.first for one in found if one.first is not None), default=now)
        reached = [name for name, long in RANGES.items() if long <= UNASKED and now - long - DAY >= first]
        length = max(reached, key=RANGES.__getitem__, default=next(iter(RANGES)))
    return Log(found, length, now - RANGES[length])


def replay(asked: dict[str, Any], scratch: Path, tell: Callable[[int], None]) -> tuple[dict[str, Any], Log]:
    """Judge a range of the log under both policies, into ``scratch/before`` and ``scratch/after``.

    Args:
        asked: ``kafka``, ``prefix`` and ``since``, and the parsed policies ``before`` and ``after``.
        scratch: a directory.
        tell: told of how much is done, in thousandths.

    Returns:
        The range, and ``events``, ``since``, ``last`` (where the log ended), ``known_from`` (none: as far back as detection knows), and
        ``began``: how many partitions began at a ``snapshot``, and how many with the ``log``.

    Raises:
        VigieError: the broker, a state or a frame cannot be used.
    """
    since, events, begun, last = int(asked["since"]), 0, [], 0
    with opened(asked["kafka"], asked["prefix"]) as topics, ExitStack() as files, fewer_collections():
        kept = history.kept(topics)
        told = [_Results(scratch / side, files) for side in ("before", "after")]
        frames = sum(one.end - one.begin for one in kept)
        done = 0
        for one in kept:
            base = done

            def read(so_far: int, base: int = base) -> None:
                tell(1000 * (base + so_far) // frames)

            if one.end > one.begin:
                found = history.judge(topics, one, since, (asked["before"], asked["after"]), told, read)
                begun.append(found)
                events, last = events + found.events, max(last, found.last)
            done += one.end - one.begin
    warm = sum(found.snapshot is not None for found in begun)
    began = {"snapshot": warm, "log": len(begun) - warm}
    log = Log(tuple(kept), "", since)
    return {"events": events, "since": since, "last": last, "known_from": log.known_from, "began": began}, log


class _Results:
    """The files of one policy's alerts and suspensions, in the order in which they were said."""

    def __init__(self, directory: Path, files: ExitStack) -> None:
        directory.mkdir()
        self._files = {name: files.enter_context((directory / name).open("wb")) for name in (ALERTS, SUSPENSIONS)}

    def __call__(self, output: Output) -> None:
        if isinstance(output, Alert | Suspension) and (line := line_of(output)) is not None:
            self._files[line.file].write(line.data + b"\n")
