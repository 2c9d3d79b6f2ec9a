"""What PBXes should have in force by the suspension records that stand, to be compared with what their bridges say of their tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pbx.bridge.ledger import Ledger, Memory
from pbx.bridge.table import table_hash
from streams.errors import ContractRefused
from streams.live import bridge_wire

#: No cap: what one bridge holds back for a person is among what the comparison must show.
_ALL = 2**31


class Expected(msgspec.Struct, frozen=True):
    """A table as a bridge names it in its heartbeat: how many AoRs, and their digest."""

    size: int
    hash: str


def expected_table(records: Iterable[dict[str, Any]]) -> Expected:
    """The table that follows from the latest record of each licence; one that no bridge would take counts for none.

    >>> expected_table([])
    Expected(size=0, hash='cae66941d9efbd404e4d88758ea67670')
    """
    taken = []
    for record in records:
        try:
            one = bridge_wire.decision(msgspec.json.encode(record), 0)
        except ContractRefused:
            continue
        taken.append(msgspec.structs.replace(one, published=one.issued_at))
    ledger = Ledger(_ALL)
    ledger.load(taken, Memory(), 0)
    return Expected(len(ledger.table), table_hash(ledger.table))
