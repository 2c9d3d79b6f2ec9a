"""The one door to the queue: what every source hands its records to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from streams.live.collect_metrics import Metrics
from streams.live.collect_queue import DiskQueue, QueueFull, QueueUnusable
from streams.live.collect_reading import Reader

#: Between two tries of a source that can wait, s.
PAUSE_S = 0.2

_log = logging.getLogger(__name__)


class Intake:
    """Takes records of a source.

    Args:
        queue: where they wait for the broker.
        reader: knows whether they need the time of their arrival.
        metrics: told of them.
        stopping: ends a wait.
    """

    def __init__(self, queue: DiskQueue, reader: Reader, metrics: Metrics, stopping: threading.Event) -> None:
        self._queue, self._reader, self._metrics, self._stopping = queue, reader, metrics, stopping
        self._full = False
        #: Why nothing can be taken any more.
        self.failure: QueueUnusable | None = None

    def offer(self, records: Iterable[bytes], at: int | None = None) -> None:
        """Take records; they are on the disk when this returns.

        Args:
            records: as they came; blank ones are nothing.
            at: when they came, ms; by default now.

        Raises:
            QueueFull: there is no room; none was taken.
            QueueUnusable: the disk failed; the collector stops.
        """
        when = int(time.time() * 1000) if at is None else at
        kept = [self._reader.arrived(one, when) for one in records if one.strip()]
        try:
            self._queue.put(kept)
        except QueueFull:
            self._metrics.refused.inc()
            if not self._full:
                self._full = True
                _log.warning("the queue is full: the source waits, or is refused, until the broker takes records")
            raise
        except QueueUnusable as error:
            # Nobody knows what the disk holds now; going on could lose what is taken.
            self.failure = error
            self._stopping.set()
            raise
        self._full = False
        self._metrics.taken.inc(len(kept))
        self._metrics.waiting.set(self._queue.waiting_bytes)

    def take(self, records: Iterable[bytes], at: int | None = None) -> bool:
        """Take records of a source that can wait, however long it lasts.

        Returns:
            Whether they were taken: False when the collector stops first.
        """
        records = list(records)
        while True:
            try:
                self.offer(records, at)
                return True
            except QueueFull:
                if self._stopping.wait(PAUSE_S):
                    return False
