"""The rhythm of Python's cycle collector while a run goes on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Events hold no cycles, but tens of thousands of them in a buffer make every collection of the default rhythm (700, 10, 10) walk
#: them all; never collecting at all costs 150 MB in 300,000 events.
THRESHOLDS = (50_000, 20, 100)
#: For who must answer: as rare, but the middle generation, which here holds state that stays, never has more than 150,000 objects.
#: With a million of them a collection that found nothing cost 0.5 s of CPU, and on a busy machine held suspensions up for 2 s.
LIVE_THRESHOLDS = (50_000, 2, 1_000)


@contextmanager
def no_collections() -> Iterator[None]:
    """Collect nothing inside the block: for judging alone, whose state is a tree (a test looks for rings in it) and grows.

    Walking 20 KB of objects a licence to find nothing was 0.7 of 17 µs an event.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def fewer_collections(thresholds: tuple[int, int, int] = THRESHOLDS) -> Iterator[None]:
    """Collect rarely inside the block."""
    before = gc.get_threshold()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        gc.set_threshold(*before)
