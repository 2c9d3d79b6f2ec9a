"""The file of labels: its columns, written once and read by what trains (``docs/labels.md``)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.parquet import feature_fields, settle, texts
from models.schema import FEATURES, NAMES, SCHEMA_HASH
from streams.errors import InputUnreadable
from streams.times import format_time

FORMAT = "1"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A row, without its features. Names are pseudonyms; ``day`` is in days, ``decided_at`` in milliseconds since 1970."""

    alert_id: str
    rule: str
    clause: str
    level: str
    tenant: str
    licence: str
    day: int
    row_age_days: int
    decided_at: int
    verdict: str
    label: int | None
    reviewer: str
    blind: bool | None
    second_verdict: str | None
    second_reviewer: str | None
    sampling: str
    propensity: float
    weak: bool
    policy_version: str
    origin: str


#: Arrow types of the columns, in their order, and which of them may be null.
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(Label.__struct_fields__, pa.string()),
    "day": pa.date32(),
    "row_age_days": pa.int32(),
    "decided_at": pa.timestamp("ms", "UTC"),
    "label": pa.int8(),
    "blind": pa.bool_(),
    "propensity": pa.float64(),
    "weak": pa.bool_(),
}
_NULLABLE = ("label", "blind", "second_verdict", "second_reviewer")
_FIELDS = [pa.field(name, type_, nullable=name in _NULLABLE) for name, type_ in _TYPES.items()]


@dataclass(frozen=True)
class Labels:
    """A file of labels in memory, in the order of decisions.

    ``columns`` by name: texts are arrays of objects (``None`` where there is none), ``day`` is ``datetime64[D]``, ``decided_at``
    ``datetime64[ms]`` UTC, ``label`` float64 with NaN for *inconclusive*, ``blind`` objects (True, False, None). ``matrix`` is rows by
    features, float64, in the order of ``names``. ``fingerprint`` is the SHA-256 of the file.
    """

    columns: dict[str, np.ndarray[Any, Any]]
    matrix: np.ndarray[Any, Any]
    names: tuple[str, ...]
    schema_hash: str
    as_of: str
    purpose: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.matrix)


def write(target: Path, labels: Sequence[Label], matrix: np.ndarray[Any, Any], as_of: int, purpose: str) -> None:
    """Write labels, which are in the order of the file, each with its row of features; the file is there whole or not at all."""
    said = {"schema_hash": SCHEMA_HASH, "as_of": format_time(as_of), "purpose": purpose, "labels_format": FORMAT}
    schema = pa.schema([*_FIELDS, *feature_fields(FEATURES)], metadata=said)
    arrays = [pa.array([getattr(one, name) for one in labels], _plain(type_)).cast(type_) for name, type_ in _TYPES.items()]
    arrays += [pa.array(np.ascontiguousarray(matrix[:, index]), pa.float64()) for index in range(len(NAMES))]
    temporary = target.with_name(f".{target.name}.unfinished")
    try:
        with temporary.open("wb") as file:
            pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, version="2.6", compression="zstd", use_dictionary=True)
        settle(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _plain(type_: pa.DataType) -> pa.DataType:
    """What a column is made from: days are numbers until then."""
    return pa.int32() if pa.types.is_date32(type_) else type_


def read(path: Path) -> Labels:
    """A file of labels.

    Raises:
        InputUnreadable: it is none, or its features are not those of this version of vigie.
    """
    again = "export it anew with vigie labels export"
    try:
        data = path.read_bytes()
        table = pq.read_table(pa.BufferReader(data))
    except (OSError, pa.ArrowException) as error:
        raise InputUnreadable(f"{path}: cannot be read as a file of labels ({error}); {again}") from None
    said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if said.get("labels_format") != FORMAT:
        told = f"labels of format {said['labels_format']}" if "labels_format" in said else "no labels"
        raise InputUnreadable(f"{path}: holds {told}, where this vigie reads format {FORMAT}; {again}")
    digest = said.get("schema_hash", "")
    if digest != SCHEMA_HASH or table.column_names != [*_TYPES, *NAMES]:
        raise InputUnreadable(f"{path}: has features of schema {digest or 'unknown'}, where this vigie has {SCHEMA_HASH}; {again}")
    matrix = np.empty((len(table), len(NAMES)), np.float64)
    for index, name in enumerate(NAMES):
        matrix[:, index] = table.column(name).to_numpy()
    columns = {name: _column(table.column(name), type_) for name, type_ in _TYPES.items()}
    fingerprint = hashlib.sha256(data).hexdigest()
    return Labels(columns, matrix, NAMES, digest, said["as_of"], said["purpose"], fingerprint)


def _column(column: pa.ChunkedArray, type_: pa.DataType) -> np.ndarray[Any, Any]:
    if pa.types.is_string(type_):
        return texts(column)
    if pa.types.is_boolean(type_):
        values = np.array(column.to_pylist(), dtype=object)
        return values if column.null_count or not len(values) else values.astype(bool)
    if pa.types.is_int8(type_):
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    if pa.types.is_timestamp(type_):
        return np.asarray(column.cast(pa.timestamp("ms")).to_numpy(), "datetime64[ms]")
    return np.asarray(column.to_numpy(), "datetime64[D]" if pa.types.is_date32(type_) else None)
