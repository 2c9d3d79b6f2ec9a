"""Repeats are dropped by detection, not by ingest: only the log knows which of two came first.

The table holds the last hour of event time. A busy partition (250 events/s) keeps two hours of 64-bit keys: about 150 MB a day
would be needed to remember one, and a producer that resends after an hour is late, not repeating.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.days import HOUR
from detectors.events import Event
from detectors.outputs import DeadLetter

if TYPE_CHECKING:
    from detectors.step import Partition

_NONE: dict[int, tuple[int, str, int]] = {}


def fresh(core: Partition, event: Event) -> bool:
    """Whether this event was not seen in the last hour of event time.

    A repeat from the same coordinates is our own and not counted; one with the same content is the producer's and counted; one
    with other content is a dead letter: the first in the log wins.
    """
    hour = event.time // HOUR
    repeats, key = core.state.repeats, event.key
    current = repeats.get(hour)
    if current is None:
        current = repeats[hour] = {}
        if core.unsaved:
            # A late event brings an hour back that was forgotten: what that one held is not in this one.
            core.unsaved = [one for one in core.unsaved if one[0] != hour]
        for old in [h for h in repeats if h < hour - 1]:
            del repeats[old]
    known = current.get(key) or repeats.get(hour - 1, _NONE).get(key)
    if known is None:
        current[key] = (event.digest, event.src, event.line)
        if core.unsaved is not None:
            core.unsaved.append((hour, key))
        return True
    if (known[1], known[2]) == (event.src, event.line):
        return False
    if not event.tenant and core.state.number:
        return False
    if known[0] == event.digest:
        core.count("duplicates")
    else:
        core.count("conflicts")
        message = f"id {event.id!r} was already used at {known[1]}:{known[2]} for other content; the first one stands"
        core.say(DeadLetter(src=event.src, line=event.line, error="same_id", message=message))
    return False
