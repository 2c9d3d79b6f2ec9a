"""What a notifier says of itself: whether its turns go well, and what became of its messages."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

#: A turn whose twenty messages no server answers takes 200 s; after more it hangs, or the database is away.
STALE_S = 240.0


class Pulse:
    """Counts turns and messages.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._well = clock()
        self._before_first = True
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._messages = Counter("vigie_notify_messages", "Tries to tell, by how they ended.", ["outcome"], registry=self.registry)
        self._at = Gauge("vigie_notify_turn_timestamp_seconds", "When the last turn went well.", registry=self.registry)

    def beat(self) -> None:
        """A turn went well."""
        self._well, self._before_first = self._clock(), False
        self._at.set_to_current_time()

    def tried(self, error: str) -> None:
        """A message was tried; ``error``: why no server took it."""
        self._messages.labels("failed" if error else "told").inc()

    def health(self) -> str:
        """What is wrong, or nothing."""
        ago = self._clock() - self._well
        return f"no turn went well for {ago:.0f} s: is the database there?" if ago > STALE_S else ""

    def ready(self) -> str:
        """What is missing before it tells anybody, or nothing."""
        return "the first look at the database is not over" if self._before_first else self.health()
