"""Events of files as detection would be given them (resolved, located, classed, in order), for commands that ask other questions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from detectors.events import Event
from streams import embedded
from streams.collector import fewer_collections
from streams.errors import UsageError
from streams.frames import decode_frame, read_frames
from streams.lock import own
from streams.ordering import log_path
from streams.progress import Progress, Silent


@contextmanager
def stamped(settings: embedded.Settings, progress: Progress | None = None) -> Iterator[Iterator[Event]]:
    """The events of inputs or of exported logs, partition after partition, each in the order of the log.

    Args:
        settings: inputs, policy and databases; its ``out`` is where intermediate files go, and is removed.
        progress: a listener.

    Raises:
        UsageError: inputs that cannot be read together, or a directory that cannot be made.
        InputUnreadable: an input cannot be read.
        PolicyError: the policy is not usable.
    """
    recorded = embedded.are_recorded(settings.inputs)
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{settings.out}: cannot be made for intermediate files ({error.strerror}); choose another --out") from error
    try:
        with own(settings.out), fewer_collections():
            work = settings.out / embedded.WORK
            journal = embedded.begin(settings, work)
            embedded.read_and_order(settings, work, journal, recorded, progress or Silent())
            yield (
                event
                for number in range(len(journal.order.logs))
                for _, frame in read_frames(log_path(work, number), 0, journal.order.logs[number])
                for event in decode_frame(frame)
            )
    finally:
        shutil.rmtree(settings.out, ignore_errors=True)
