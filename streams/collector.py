"""The rhythm of Python's cycle collector while a run goes on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Events hold no cycles, but tens of thousands of them in a buffer make every collection of the default rhythm (700, 10, 10) walk
#: them all; never collecting at all costs 150 MB in 300,000 events.
THRESHOLDS = (50_000, 20, 100)


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Collect rarely inside the block."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
