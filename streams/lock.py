"""One run at a time in an output directory.

The lock is on the directory itself and is the kernel's, so it goes with the processes that hold it. Processes of a run share it:
one that outlives a killed parent for a moment still holds it, and a resumed run waits for it instead of writing beside it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.errors import UsageError

#: An orphan notices within a frame that its parent is gone; the wait is for a machine that swaps.
WAIT_S = 10.0


@contextmanager
def own(directory: Path) -> Iterator[None]:
    """Hold the directory for a run.

    Raises:
        UsageError: another run holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise UsageError(f"{directory}: another run is writing there; wait for it, or choose another --out") from None
                time.sleep(0.05)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def share(directory: Path) -> Iterator[None]:
    """Hold the directory as a further process of the run that owns it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
