"""Whose an AoR is, for a collector: the account facts of all customers, read from the beginning and then followed.

A collector needs them to choose the key of a record and to tell an internal call from one that leaves. It decides nothing: ingest
resolves every event again, and brings a record of a wrong key where it belongs.
"""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition

from detectors.errors import ContractError
from detectors.events import Call, Erase, Event, Licence, Tenant
from streams.facts import UNRESOLVED, Accounts
from streams.wire import Wire


class Owners:
    """The accounts as they stand; ``open`` first.

    Args:
        bootstrap: the broker.
        topic: of the accounts.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._accounts = Accounts()
        self._consumer: KafkaConsumer | None = None
        self._decode = Wire().decode

    def open(self) -> None:
        """Read every fact that is there.

        Raises:
            KafkaError: no broker answers.
            TimeoutError: the broker stopped answering on the way.
        """
        self.close()
        self._consumer = consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", bootstrap_timeout_ms=5_000
        )
        places = [TopicPartition(self._topic, number) for number in sorted(consumer.partitions_for_topic(self._topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        self._accounts = Accounts()
        patience = time.monotonic() + 30
        # A position, not a count: compaction leaves holes in the offsets.
        while any(consumer.position(place) < ends[place] for place in places):
            if self._take(500):
                patience = time.monotonic() + 30
            elif time.monotonic() > patience:
                raise TimeoutError(f"{self._topic} could not be read to its end")
        self.follow()

    def follow(self) -> None:
        """Take the facts that came since; costs nothing when there are none."""
        while self._consumer is not None and self._take(0):
            pass
        now = int(time.time() * 1000)
        if now >= self._accounts.due:
            self._accounts.advance(now)

    def topics(self) -> set[str]:
        """Names of the topics that the broker has."""
        return set(self._consumer.topics()) if self._consumer is not None else set()

    def close(self) -> None:
        """Let go of the broker."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def is_ours(self, aor: str) -> bool:
        """Whether an AoR belongs to a licence."""
        return self._accounts.owner(aor) is not None

    def tenant(self, event: Event) -> str:
        """The key of an event: its tenant, by itself or by its AoR, else the reserved one."""
        if event.tenant:
            return event.tenant
        aor = event.callee_aor if isinstance(event, Call) and event.direction == "inbound" else getattr(event, "aor", "")
        owner = self._accounts.owner(aor or "")
        return owner.tenant if owner is not None else UNRESOLVED

    def _take(self, timeout_ms: int) -> bool:
        assert self._consumer is not None
        found = self._consumer.poll(timeout_ms=timeout_ms)
        for records in found.values():
            for record in records:
                self._learn(record.key or b"", record.value)
        return bool(found)

    def _learn(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            kind, _, rest = key.decode("utf-8", "replace").partition("/")
            tenant, _, licence = rest.partition("/")
            if tenant and (kind == "tenant" or (kind == "licence" and licence)):
                self._accounts.learn(Erase(time=0, tenant=tenant, licence=licence))
            return
        try:
            fact = self._decode(value)
        except ContractError:
            return  # ingest buries it
        if isinstance(fact, Licence | Tenant):
            self._accounts.learn(fact)
