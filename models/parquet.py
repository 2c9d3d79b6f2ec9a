"""Rows of features as a Parquet file: one column each, sorted by tenant, licence and day, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.days import number
from detectors.outputs import Features, Output
from models.schema import FEATURES, SCHEMA_HASH, Feature
from models.weeks import WEEK_FEATURES, WEEK_SCHEMA_HASH
from streams.durable import sync_directory
from streams.errors import InputUnreadable
from streams.frames import read_frames
from streams.outputs import LINES, Line
from streams.runs import Key, Sorter

#: Rows of a row group: 30 MB of values in memory, whatever the size of the file.
GROUP_ROWS = 65_536
_FILE = "features"
_KEYS = ("tenant", "licence", "day", "closed_at")
#: The zone of days when a file does not tell it.
ZONE = "Europe/Paris"

Rows = Literal["day", "week"]
#: What a row may be, with its columns and their hash.
TABLES: dict[str, tuple[tuple[Feature, ...], str]] = {"day": (FEATURES, SCHEMA_HASH), "week": (WEEK_FEATURES, WEEK_SCHEMA_HASH)}


class Written(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: int
    licences: int
    days: int
    features: int


@dataclass(frozen=True)
class FeatureRows:
    """A file of features in memory, in its order.

    ``tenant`` and ``licence`` are arrays of texts, ``day`` of ``datetime64[D]``, ``closed_at`` (when the row was there) of
    ``datetime64[ms]`` UTC; ``matrix`` is rows by features, float64, its columns in the order of ``names``. ``rows`` is ``day`` or
    ``week``, ``day_zone`` the zone of the days; ``fingerprint`` the SHA-256 of the file.
    """

    tenant: np.ndarray[Any, Any]
    licence: np.ndarray[Any, Any]
    day: np.ndarray[Any, Any]
    closed_at: np.ndarray[Any, Any]
    matrix: np.ndarray[Any, Any]
    names: tuple[str, ...]
    rows: str
    schema_hash: str
    day_zone: str
    fingerprint: str


def schema_of(rows: Rows, day_zone: str = ZONE) -> pa.Schema:
    """The columns of a file."""
    features, digest = TABLES[rows]
    return pa.schema(
        [
            pa.field("tenant", pa.string(), nullable=False),
            pa.field("licence", pa.string(), nullable=False),
            pa.field("day", pa.date32(), nullable=False),
            pa.field("closed_at", pa.timestamp("ms", "UTC"), nullable=False),
            *feature_fields(features),
        ],
        metadata={"schema_hash": digest, "day_zone": day_zone},
    )


def feature_fields(features: Iterable[Feature]) -> list[pa.Field]:
    """A column of numbers for each feature, with its unit and meaning."""
    return [pa.field(f.name, pa.float64(), nullable=False, metadata={"unit": f.unit, "meaning": f.meaning}) for f in features]


def line_of_features(output: Output) -> Line | None:
    """A row of a day on its way to the file; ``None`` for every other output."""
    return _line(output, SCHEMA_HASH)


def line_of_weeks(output: Output) -> Line | None:
    """A row of a week on its way to the file; ``None`` for every other output."""
    return _line(output, WEEK_SCHEMA_HASH)


def _line(output: Output, schema: str) -> Line | None:
    if not isinstance(output, Features) or output.schema_hash != schema:
        return None
    values = array("d", output.values).tobytes()
    return Line(_FILE, number(output.day), output.tenant, output.licence, "", output.closed_at, "", values)


def write(
    parts: Iterable[tuple[Path, int]], work: Path, target: Path, group_rows: int = GROUP_ROWS, rows: Rows = "day", day_zone: str = ZONE
) -> Written:
    """Sort rows and write them to a file, which is there whole or not at all.

    Args:
        parts: files of frames of lines, each with the bytes of it that count.
        work: where runs and the unfinished file are written, on the file system of ``target``.
        target: the file.
        group_rows: rows of a row group.
        rows: what the rows are of.
        day_zone: zone of their days.
    """
    sorter = Sorter(work, _FILE, LINES, _order)
    for path, size in parts:
        for _, frame in read_frames(path, 0, size):
            for line in LINES.decode(frame):
                # Dead letters of detection stand among what was said, whatever was to be kept of it.
                if line.file == _FILE and sorter.add(line):
                    sorter.spill()
    sorter.spill()
    count = licences = 0
    days: set[int] = set()
    before = None
    temporary = work / "unfinished.parquet"
    schema = schema_of(rows, day_zone)
    with (
        temporary.open("wb") as file,
        pq.ParquetWriter(file, schema, version="2.6", compression="zstd", use_dictionary=[*_KEYS]) as writer,
    ):
        for group in _groups(sorter.blocks(), group_rows):
            writer.write_batch(_batch(group, schema), row_group_size=group_rows)
            count += len(group)
            for line in group:
                days.add(line.at)
                licences += (line.tenant, line.licence) != before
                before = line.tenant, line.licence
    settle(temporary, target)
    return Written(count, licences, len(days), len(TABLES[rows][0]))


def read(path: Path) -> FeatureRows:
    """A file of features, whole: a million rows of days take 500 MB.

    Raises:
        InputUnreadable: it is no such file, or another version of vigie wrote it.
    """
    try:
        with path.open("rb") as opened:
            fingerprint = hashlib.file_digest(opened, "sha256").hexdigest()
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputUnreadable(f"{path}: cannot be read as a file of features ({error}); write one with vigie features") from None
    with file:
        said = {key.decode(): value.decode() for key, value in (file.schema_arrow.metadata or {}).items()}
        digest = said.get("schema_hash", "")
        kind = next((name for name, (_, known) in TABLES.items() if known == digest), "")
        names = tuple(feature.name for feature in TABLES[kind][0]) if kind else ()
        if not kind or file.schema_arrow.names != [*_KEYS, *names]:
            told = f"schema {digest}" if digest else "no schema of features"
            raise InputUnreadable(f"{path}: has {told}, which is not this vigie's; write it anew with vigie features")
        matrix = np.empty((file.metadata.num_rows, len(names)), np.float64)
        keys: list[list[np.ndarray[Any, Any]]] = [[], [], [], []]
        at = 0
        try:
            # Group by group: the columns of the whole file beside the matrix would be as much memory again.
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for index, name in enumerate(names):
                    matrix[at : at + len(table), index] = table.column(name).to_numpy()
                keys[0].append(texts(table.column("tenant")))
                keys[1].append(texts(table.column("licence")))
                keys[2].append(table.column("day").to_numpy().astype("datetime64[D]"))
                keys[3].append(table.column("closed_at").cast(pa.timestamp("ms")).to_numpy().astype("datetime64[ms]"))
                at += len(table)
        except (OSError, pa.ArrowException) as error:
            raise InputUnreadable(f"{path}: is damaged ({error}); write it anew with vigie features") from None
    types = ("object", "object", "datetime64[D]", "datetime64[ms]")
    tenant, licence, day, closed_at = (np.concatenate([np.empty(0, of), *parts]) for of, parts in zip(types, keys, strict=True))
    return FeatureRows(tenant, licence, day, closed_at, matrix, names, kind, digest, said.get("day_zone", ZONE), fingerprint)


def texts(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """A column of texts as an array of objects: equal texts are one object, nothing is ``None``."""
    encoded = column.combine_chunks().dictionary_encode()
    words = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    return words[encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)]


def settle(temporary: Path, target: Path) -> None:
    """Rename a finished file into place, durably."""
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, target)
    sync_directory(target.parent)


def _order(line: Line) -> Key:
    return line.tenant, line.licence, line.at


def _groups(blocks: Iterator[list[Line]], most: int) -> Iterator[list[Line]]:
    group: list[Line] = []
    for block in blocks:
        group += block
        while len(group) >= most:
            yield group[:most]
            group = group[most:]
    if group:
        yield group


def _batch(lines: list[Line], schema: pa.Schema) -> pa.RecordBatch:
    values = array("d", b"".join(line.data for line in lines))
    width = len(schema) - len(_KEYS)
    columns = [
        pa.array([line.tenant for line in lines], pa.string()),
        pa.array([line.licence for line in lines], pa.string()),
        pa.array([line.at for line in lines], pa.int32()).cast(pa.date32()),
        pa.array([line.number for line in lines], pa.timestamp("ms", "UTC")),
        *(_floats(values[column::width]) for column in range(width)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _floats(values: array[float]) -> pa.Array:
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)])
