"""Rows of ``vigie.features`` read back: what detection wrote, as it was."""

from __future__ import annotations

import msgspec

from detectors.outputs import Features
from streams.errors import ContractRefused
from streams.times import check_day, parse_time


class _Written(msgspec.Struct):
    kind: str
    tenant: str
    licence: str
    day: str
    closed_at: str
    schema_hash: str
    values: tuple[float, ...]
    v: int = 1


_read = msgspec.json.Decoder(_Written).decode


def read_features(value: bytes) -> Features:
    """A row.

    Raises:
        ContractRefused: it is none.
    """
    try:
        row = _read(value)
        if (row.kind, row.v) != ("features", 1):
            raise ContractRefused(f"features: a {row.kind!r} of version {row.v} is none")
        check_day(row.day)
        return Features(
            tenant=row.tenant, licence=row.licence, day=row.day, closed_at=parse_time(row.closed_at), schema_hash=row.schema_hash,
            values=row.values,
        )  # fmt: skip
    except (msgspec.MsgspecError, ValueError) as error:
        raise ContractRefused(f"features: {error}") from None
