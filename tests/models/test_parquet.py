"""The file: whole or not there, sorted, typed, and the same bytes for the same rows in any order."""

from __future__ import annotations

import hashlib
import random
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detectors.outputs import Breaker, Features
from models.parquet import Written, line_of_features, line_of_weeks, read, write
from models.schema import FEATURES, NAMES, SCHEMA_HASH
from models.weeks import WEEK_NAMES, WEEK_SCHEMA_HASH
from streams.errors import InputUnreadable
from streams.frames import FrameFile
from streams.outputs import LINES, dead_letter

CLOSED = 1_772_499_600_123


def row(tenant: str, licence: str, day: str, first: float = 0.0) -> Features:
    values = (first, *(float(n) / 8 for n in range(1, len(NAMES))))
    return Features(tenant=tenant, licence=licence, day=day, closed_at=CLOSED, schema_hash=SCHEMA_HASH, values=values)


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
    assert write(parts, directory, directory / "f.parquet", group_rows) == Written(
        len(rows), 6 if rows else 0, 5 if rows else 0, len(NAMES)
    )
    return directory / "f.parquet"


def test_columns_are_typed_and_tell_their_unit_and_the_file_its_schema(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path / "x", ROWS))
    assert table.column_names == ["tenant", "licence", "day", "closed_at", *NAMES]
    assert [str(table.schema.field(name).type) for name in ("tenant", "day", "attempts")] == ["string", "date32[day]", "double"]
    assert table.schema.metadata == {b"schema_hash": SCHEMA_HASH.encode(), b"day_zone": b"Europe/Paris"}
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


def test_what_detection_refused_is_no_row(tmp_path: Path) -> None:
    path = written(tmp_path / "x", ROWS)
    with FrameFile(tmp_path / "said") as file:
        for frame in LINES.frames(
            [dead_letter("in.jsonl", 7, "same_id", "used before", b"{}"), *filter(None, map(line_of_features, ROWS))]
        ):
            file.append(frame)
    (tmp_path / "y").mkdir()
    write([(tmp_path / "said", file.size)], tmp_path / "y", tmp_path / "y.parquet")
    assert (tmp_path / "y.parquet").read_bytes() == path.read_bytes()


def test_no_row_at_all_is_a_file_with_the_columns(tmp_path: Path) -> None:
    assert pq.read_table(written(tmp_path / "x", [])).column_names == ["tenant", "licence", "day", "closed_at", *NAMES]


def test_other_outputs_are_no_rows() -> None:
    assert line_of_features(Breaker(tenant="acme", state="open", count=6, limit=5, since=0)) is None
    assert line_of_weeks(ROWS[0]) is None


def week(licence: str, day: str) -> Features:
    values = tuple(float(n) for n in range(len(WEEK_NAMES)))
    return Features(tenant="t1", licence=licence, day=day, schema_hash=WEEK_SCHEMA_HASH, values=values)


# -- read back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group_rows", [65_536, 4])
def test_a_file_is_read_back_in_its_order_with_its_hash_and_fingerprint(tmp_path: Path, group_rows: int) -> None:
    path = written(tmp_path / "x", random.Random(2).sample(ROWS, len(ROWS)), group_rows)
    found = read(path)
    assert list(zip(found.tenant, found.licence, map(str, found.day), strict=True)) == [(r.tenant, r.licence, r.day) for r in ROWS]
    assert found.closed_at.astype("int64").tolist() == [CLOSED] * len(ROWS)
    assert (found.matrix.dtype, found.matrix.tolist()) == (np.float64, [list(r.values) for r in ROWS])
    assert (found.names, found.rows, found.schema_hash, found.day_zone) == (NAMES, "day", SCHEMA_HASH, "Europe/Paris")
    assert found.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_rows_of_weeks_have_a_file_of_their_own(tmp_path: Path) -> None:
    rows = [week("1", "2026-03-08"), week("2", "2026-03-08")]
    with FrameFile(tmp_path / "a") as file:
        for frame in LINES.frames([line for one in [*rows, ROWS[0]] if (line := line_of_weeks(one)) is not None], 7):
            file.append(frame)
    path = tmp_path / "w.parquet"
    assert write([(tmp_path / "a", file.size)], tmp_path, path, rows="week", day_zone="Indian/Reunion").rows == 2
    found = read(path)
    assert (found.names, found.rows, found.schema_hash, found.day_zone) == (WEEK_NAMES, "week", WEEK_SCHEMA_HASH, "Indian/Reunion")
    assert found.matrix.tolist() == [list(one.values) for one in rows]


def test_a_file_without_rows_is_read_as_none(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x", []))
    assert (found.matrix.shape, len(found.tenant), str(found.day.dtype)) == ((0, len(NAMES)), 0, "datetime64[D]")


def test_what_is_no_file_of_these_features_is_refused_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "x", ROWS)
    table = pq.read_table(path)
    other = tmp_path / "other.parquet"

    def refused() -> str:
        with pytest.raises(InputUnreadable) as error:
            read(other)
        return str(error.value)

    assert "cannot be read" in refused()
    other.write_bytes(path.read_bytes()[:2_000])
    assert "cannot be read" in refused()
    pq.write_table(pa.table({"x": [1]}), other)
    assert "no schema of features" in refused()
    pq.write_table(table.replace_schema_metadata({"schema_hash": "fs-old"}), other)
    assert "schema fs-old" in refused()
    pq.write_table(table.drop_columns(["attempts"]), other)
    assert "write it anew with vigie features" in refused()
