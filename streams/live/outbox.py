"""Records on their way to the broker: bounded in bytes, each with what is to be done once it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from detectors.errors import VigieError

#: Unacknowledged bytes; more would only wait in the client's memory.
MOST_FLYING = 16 * 2**20
#: An unacknowledged record is sent again for so long, ms; a broker that restarts takes seconds.
PATIENCE_MS = 120_000


class IngestFailed(VigieError):
    """The broker refused what ingest wrote, or could not be reached for too long; nothing is lost, start it again."""

    exit_status = 3


class Outbox:
    """An idempotent producer with room for some megabytes in flight.

    Args:
        bootstrap: the broker.
    """

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            # Order within a partition, and no record twice, through every retry.
            enable_idempotence=True,
            acks="all",
            max_batch_size=2**20,
            max_request_size=2**21,
            request_timeout_ms=PATIENCE_MS,
        )
        self._flying = 0
        self._landed = asyncio.Event()
        self._failure: BaseException | None = None

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def send(self, landed: Callable[[], None], topic: str, value: bytes, partition: int, **more: Any) -> None:
        """Send a record; waits while too much is in flight.

        Args:
            landed: called once the broker has stored it; not called when it was refused, see ``check``.
            topic: its topic.
            value: its value.
            partition: its partition.
            more: ``key`` and ``headers``.

        Raises:
            IngestFailed: an earlier record was refused.
        """
        while self._flying > MOST_FLYING and self._failure is None:
            self._landed.clear()
            await self._landed.wait()
        self.check()
        size = len(value)

        def told(future: asyncio.Future[Any]) -> None:
            self._flying -= size
            self._landed.set()
            error = asyncio.CancelledError() if future.cancelled() else future.exception()
            if error is None:
                landed()
            else:
                self._failure = self._failure or error

        self._flying += size
        (await self._producer.send(topic, value, partition=partition, **more)).add_done_callback(told)

    async def flush(self) -> None:
        """Return when all is stored and what was to be done is done.

        Raises:
            IngestFailed: a record was refused.
        """
        await self._producer.flush()
        while self._flying and self._failure is None:
            self._landed.clear()
            await self._landed.wait()
        self.check()

    def check(self) -> None:
        """See that no record was refused.

        Raises:
            IngestFailed: one was. What depended on it is read again by the next process.
        """
        if self._failure is not None:
            raise IngestFailed(f"Kafka refused a record ({self._failure}); nothing is lost, start ingest again") from self._failure
