"""Rows of features as a Parquet file: one column each, sorted by tenant, licence and day, the same bytes for the same input."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.days import number
from detectors.outputs import Features, Output
from models.schema import FEATURES, NAMES, SCHEMA_HASH
from streams.durable import sync_directory
from streams.frames import read_frames
from streams.outputs import LINES, Line
from streams.runs import Key, Sorter

#: Rows of a row group: 30 MB of values in memory, whatever the size of the file.
GROUP_ROWS = 65_536
_FILE = "features"

SCHEMA = pa.schema(
    [
        pa.field("tenant", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
        *(pa.field(f.name, pa.float64(), nullable=False, metadata={"unit": f.unit, "meaning": f.meaning}) for f in FEATURES),
    ],
    metadata={"schema_hash": SCHEMA_HASH},
)


class Written(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: int
    licences: int
    days: int
    features: int = len(NAMES)


def line_of_features(output: Output) -> Line | None:
    """A row on its way to the file; ``None`` for every other output."""
    if not isinstance(output, Features):
        return None
    return Line(_FILE, number(output.day), output.tenant, output.licence, "", 0, "", array("d", output.values).tobytes())


def write(parts: Iterable[tuple[Path, int]], work: Path, target: Path, group_rows: int = GROUP_ROWS) -> Written:
    """Sort rows and write them to a file, which is there whole or not at all.

    Args:
        parts: files of frames of lines, each with the bytes of it that count.
        work: where runs and the unfinished file are written, on the file system of ``target``.
        target: the file.
        group_rows: rows of a row group.
    """
    sorter = Sorter(work, _FILE, LINES, _order)
    for path, size in parts:
        for _, frame in read_frames(path, 0, size):
            for line in LINES.decode(frame):
                if sorter.add(line):
                    sorter.spill()
    sorter.spill()
    rows = licences = 0
    days: set[int] = set()
    before = None
    temporary = work / "unfinished.parquet"
    with (
        temporary.open("wb") as file,
        pq.ParquetWriter(file, SCHEMA, version="2.6", compression="zstd", use_dictionary=["tenant", "licence", "day"]) as writer,
    ):
        for group in _groups(sorter.blocks(), group_rows):
            writer.write_batch(_batch(group), row_group_size=group_rows)
            rows += len(group)
            for line in group:
                days.add(line.at)
                licences += (line.tenant, line.licence) != before
                before = line.tenant, line.licence
    _settle(temporary, target)
    return Written(rows, licences, len(days))


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


def _batch(lines: list[Line]) -> pa.RecordBatch:
    values = array("d", b"".join(line.data for line in lines))
    columns = [
        pa.array([line.tenant for line in lines], pa.string()),
        pa.array([line.licence for line in lines], pa.string()),
        pa.array([line.at for line in lines], pa.int32()).cast(pa.date32()),
        *(_floats(values[column :: len(NAMES)]) for column in range(len(NAMES))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _floats(values: array[float]) -> pa.Array:
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)])


def _settle(temporary: Path, target: Path) -> None:
    """Rename the finished file into place, durably."""
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, target)
    sync_directory(target.parent)
