"""The file: whole or not there, sorted, typed, and the same bytes for the same rows in any order."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from detectors.outputs import Breaker, Features
from models.parquet import Written, line_of_features, write
from models.schema import FEATURES, NAMES, SCHEMA_HASH
from streams.frames import FrameFile
from streams.outputs import LINES


def row(tenant: str, licence: str, day: str, first: float = 0.0) -> Features:
    values = (first, *(float(n) / 8 for n in range(1, len(NAMES))))
    return Features(tenant=tenant, licence=licence, day=day, schema_hash=SCHEMA_HASH, values=values)


ROWS = [row(f"t{t}", f"{n}", f"2026-03-{d:02}", 100 * t + 10 * n + d) for t in (1, 2) for n in (1, 2, 3) for d in range(1, 6)]


def part(path: Path, rows: list[Features]) -> tuple[Path, int]:
    with FrameFile(path) as file:
        for frame in LINES.frames([line for one in rows if (line := line_of_features(one)) is not None], 7):
            file.append(frame)
    return path, file.size


def written(directory: Path, rows: list[Features], group_rows: int = 65_536) -> Path:
    directory.mkdir(exist_ok=True)
    half = len(rows) // 2
    parts = [part(directory / "a", rows[:half]), part(directory / "b", rows[half:])]
    assert write(parts, directory, directory / "f.parquet", group_rows) == Written(len(rows), 6 if rows else 0, 5 if rows else 0)
    return directory / "f.parquet"


def test_columns_are_typed_and_tell_their_unit_and_the_file_its_schema(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path / "x", ROWS))
    assert table.column_names == ["tenant", "licence", "day", *NAMES]
    assert [str(table.schema.field(name).type) for name in ("tenant", "day", "attempts")] == ["string", "date32[day]", "double"]
    assert table.schema.metadata == {b"schema_hash": SCHEMA_HASH.encode()}
    assert [table.schema.field(f.name).metadata[b"unit"].decode() for f in FEATURES] == [f.unit for f in FEATURES]


def test_rows_come_back_as_they_were_sorted_by_tenant_licence_and_day(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    for number, group_rows in enumerate((65_536, 4)):
        table = pq.read_table(written(tmp_path / str(number), shuffled, group_rows))
        found = [(r["tenant"], r["licence"], r["day"], tuple(r[name] for name in NAMES)) for r in table.to_pylist()]
        assert found == [(r.tenant, r.licence, date.fromisoformat(r.day), r.values) for r in ROWS]


def test_the_bytes_do_not_depend_on_the_order_in_which_rows_were_told(tmp_path: Path) -> None:
    files = [written(tmp_path / str(seed), random.Random(seed).sample(ROWS, len(ROWS))).read_bytes() for seed in range(3)]
    assert files[0] == files[1] == files[2]


def test_no_row_at_all_is_a_file_with_the_columns(tmp_path: Path) -> None:
    assert pq.read_table(written(tmp_path / "x", [])).column_names == ["tenant", "licence", "day", *NAMES]


def test_other_outputs_are_no_rows() -> None:
    assert line_of_features(Breaker(tenant="acme", state="open", count=6, limit=5, since=0)) is None
