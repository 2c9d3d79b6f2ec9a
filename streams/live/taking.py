"""What becomes of the records of a batch: facts are learnt first, commands go to every partition, events to the orderer of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from aiokafka import TopicPartition

from detectors.events import Erase, Event
from streams.live.dispatch import Dispatch
from streams.live.framing import Framer
from streams.live.ingest_metrics import Metrics
from streams.live.inputs import Batch, Inputs, src_of
from streams.live.intake import TRAFFIC, Elsewhere, Intake, Record, Refused
from streams.live.orderer import Orderer, Source
from streams.partition import partition_of
from streams.stamp import Stamper


class Taking:
    """Takes batches.

    Args:
        inputs: where they come from.
        stamper: resolves and stamps; it learns the accounts.
        dispatch: for what does not enter the log.
        orderers: of the partitions that this process writes.
        framers: of the same.
        partitions: of the log.
        metrics: told of the clocks of PBXes.
    """

    def __init__(
        self,
        inputs: Inputs,
        stamper: Stamper,
        dispatch: Dispatch,
        orderers: Mapping[int, Orderer],
        framers: Mapping[int, Framer],
        partitions: int,
        metrics: Metrics,
    ) -> None:
        self._inputs, self._stamper, self._dispatch, self._metrics = inputs, stamper, dispatch, metrics
        self._orderers, self._framers, self._partitions = orderers, framers, partitions
        self._intake = Intake(stamper, partitions)
        self._offsets = inputs.offsets

    async def take(self, batch: Batch) -> None:
        """Take everything of a batch."""
        await self._take_first(batch)
        read, taken = self._intake.read, []
        lost = False
        for place in sorted(batch):
            role, src = self._inputs.roles[place.topic], src_of(place)
            for record in batch[place]:
                event = read(role, src, record)
                self._offsets.read(place, record.offset)
                taken.append((place, record, event))
                lost = lost or (isinstance(event, Event) and self._intake.unknown(event))
        if lost:
            # The fact may stand in its topic already, sent before the event that needs it.
            await self.follow(self._inputs.accounts)
        skews: dict[str, int] = {}
        for place, record, event in taken:
            await self._put(place, record, event, skews)
        self._metrics.tell_skew(skews)

    async def follow(self, places: Sequence[TopicPartition]) -> None:
        """Take facts, or commands, as far as they stand in their topic by now."""
        async for batch in self._inputs.rest(places):
            await self._take_first(batch)

    async def _put(self, place: TopicPartition, record: Record, event: Event | Refused | None, skews: dict[str, int]) -> None:
        number, offset = place.partition, record.offset
        if event is None:
            self._offsets.drop(place, offset)
            return
        if isinstance(event, Event):
            verdict = self._intake.place(event, number, record.value or b"")
            if verdict is None:
                if type(event) in TRAFFIC:
                    skews[event.pbx] = record.timestamp - event.time
                    source = Source(event.pbx, place.topic, number)
                else:
                    source = None
                if event.src != src_of(place):
                    self._offsets.returned(place, offset, event.src, event.line)
                self._orderers[number].take(event, source, record.timestamp)
                return
            if isinstance(verdict, Elsewhere):
                await self._dispatch.rekey(place, record, event, verdict)
                return
            event = verdict
        await self._dispatch.bury(event, place, offset)

    async def _take_first(self, batch: Batch) -> None:
        """Take facts and commands out of a batch: they change how the rest of it is stamped."""
        control = self._inputs.control
        for place in sorted(set(batch) & {*self._inputs.accounts, control}):
            records = batch.pop(place)
            await (self._take_commands(records) if place == control else self._take_facts(place, records))

    async def _take_facts(self, place: TopicPartition, records: Sequence[Record]) -> None:
        """Facts of all partitions are learnt, for a mis-keyed event may be of any tenant; those of ours enter the log."""
        ours = place.partition in self._orderers
        for record in records:
            event = self._intake.read("accounts", src_of(place), record)
            if isinstance(event, Event):
                self._stamper.stamp(event)
            elif event is None:
                self._forget(record.key or b"")
            if ours and record.offset >= self._inputs.entered[place]:
                self._offsets.read(place, record.offset)
                await self._put(place, record, event, {})
            else:
                self._offsets.position[place] = record.offset + 1

    def _forget(self, key: bytes) -> None:
        """A fact was removed: its key is ``kind/tenant[/licence]``."""
        kind, _, rest = key.decode("utf-8", "replace").partition("/")
        tenant, _, licence = rest.partition("/")
        if tenant and (kind == "tenant" or (kind == "licence" and licence)):
            self._stamper.stamp(Erase(time=0, tenant=tenant, licence=licence))

    async def _take_commands(self, records: Sequence[Record]) -> None:
        """Commands are for every partition, or for that of their tenant; the first process buries what is none."""
        control = self._inputs.control
        src = src_of(control)
        for record in records:
            event = self._intake.read("control", src, record)
            if isinstance(event, Event):
                event = self._intake.command(event, record.value or b"") or event
            if self._inputs.commits(control) and record.offset >= self._inputs.entered[control]:
                self._offsets.read(control, record.offset)
                if isinstance(event, Refused):
                    await self._dispatch.bury(event, control, record.offset)
                else:
                    self._offsets.drop(control, record.offset)
            self._offsets.position[control] = record.offset + 1
            for number, framer in self._framers.items():
                if not isinstance(event, Event) or (event.tenant and partition_of(event.tenant, self._partitions) != number):
                    framer.skip(record.offset)
                elif framer.command(record.offset):
                    # Each partition has its own watermark, so its own copy.
                    self._orderers[number].take(msgspec.structs.replace(event), None, record.timestamp)
