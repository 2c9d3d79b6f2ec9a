"""What a record of a PBX becomes on its way to the broker: contract lines with their topic and key, or the record as it came."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from detectors.errors import ContractError
from detectors.events import Registration
from pbx.adapter import build
from streams.facts import UNRESOLVED
from streams.live.collect_accounts import Owners
from streams.wire import Wire, to_line
from streams.wire_types import LINE_MAX

#: Reasons of which a line in the log is written; a broken log template gives the same one for each line.
MOST_REASONS = 20

_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """One record for the broker; ``role`` is ``registrations`` or ``calls``."""

    role: str
    key: str
    value: bytes


class Reader:
    """Reads records in one dialect.

    Args:
        table: as a ``[sources.NAME]`` table.
        name: NAME.
        owners: the accounts.

    Raises:
        PolicyError: the table is not usable.
    """

    def __init__(self, table: Mapping[str, Any], name: str, owners: Owners) -> None:
        self.adapter = build(table, name, owners.is_ours)
        self._pbx, self._own = str(table.get("pbx", name)), str(table.get("tenant", ""))
        self._owners = owners
        self._decode = Wire().decode
        self._reasons: set[str] = set()
        #: Records that could not be read.
        self.raw = 0

    def arrived(self, record: bytes, at: int) -> bytes:
        """The record as it is kept: with the time of its arrival, ms, where the dialect has none."""
        add = getattr(self.adapter, "arrived", None)
        return record if add is None else add(record, at)

    def messages(self, record: bytes) -> list[Message]:
        """What is sent for a record: nothing for one that states no fact, the record itself when it cannot be read."""
        try:
            if self.adapter is None:
                return [self._contract(record)]
            return [
                Message("registrations" if isinstance(event, Registration) else "calls", self._owners.tenant(event), to_line(event))
                for event in self.adapter.events(record)
            ]
        except ContractError as error:
            self._tell(str(error))
        except Exception as error:
            # A defect of an adapter must neither stop the queue nor lose the record.
            _log.exception("an adapter failed: %s", type(error).__name__)
        self.raw += 1
        # Ingest makes it a dead letter, and keeps 4 KiB of it.
        return [Message("calls", UNRESOLVED, record[: LINE_MAX + 1])]

    def _contract(self, record: bytes) -> Message:
        event = self._decode(record)
        if not event.pbx or (self._own and not event.tenant):
            event.pbx, event.tenant = event.pbx or self._pbx, event.tenant or self._own
            record = to_line(event)
        return Message("registrations" if isinstance(event, Registration) else "calls", self._owners.tenant(event), record)

    def _tell(self, reason: str) -> None:
        if len(self._reasons) < MOST_REASONS and reason[:80] not in self._reasons:
            self._reasons.add(reason[:80])
            _log.warning("a record could not be read, and is sent as it came: %s", reason)
