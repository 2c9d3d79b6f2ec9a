"""``vigie features`` from files to a file."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from detectors.registry import installed
from detectors.snapshot import restore, take
from detectors.step import Partition
from models.extract import extract
from models.features import FEATURES
from models.parquet import line_of_features, line_of_weeks
from models.parquet import write as write_rows
from models.schema import NAMES, SCHEMA_HASH
from models.weeks import WEEK_SCHEMA_HASH
from streams.embedded import judged
from streams.frames import FrameFile, decode_frame, read_frames
from streams.ordering import log_path
from streams.outputs import LINES
from streams.partition import FILE_PARTITIONS
from support.core import ms
from support.files import database, provider, write
from vigie.cli import app
from vigie.options import DEFAULT_POLICY
from vigie.run import settings_of

ROOT = Path(__file__).parents[2]
DAYS = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with five days of a small provider, a database, and the features of it."""
    directory = tmp_path_factory.mktemp("features")
    database(directory / "geo.mmdb")
    write(directory / "in.jsonl", provider(days=DAYS))
    assert features(directory, "in.jsonl", "straight.parquet", "--until", "2026-01-10T12:00:00Z").exit_code == 0
    return directory


def features(world: Path, source: str, out: str, *more: str, geo: bool = True) -> Result:
    places = ("--geo", str(world / "geo.mmdb")) if geo else ()
    return CliRunner().invoke(app, ["features", str(world / source), "--out", str(world / out), *places, *more], env={"COLUMNS": "120"})


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_every_licence_has_a_row_for_every_closed_day_in_order(world: Path) -> None:
    table = pq.read_table(world / "straight.parquet")
    assert table.column_names == ["tenant", "licence", "day", "closed_at", *NAMES]
    assert table.column("closed_at")[0].as_py().isoformat() == "2026-01-06T00:00:00+00:00"
    assert table.schema.metadata[b"schema_hash"].decode() == SCHEMA_HASH
    days = [date(2026, 1, 5 + day) for day in range(DAYS)]
    expected = [(f"customer-{c}", str(100 + n), day) for c in range(3) for n in range(3) for day in days]
    assert [(row["tenant"], row["licence"], row["day"]) for row in table.to_pylist()] == expected


def test_the_rows_tell_the_traveller_and_the_dialler_from_the_others(world: Path) -> None:
    found = {(row["tenant"], row["licence"], row["day"].day): row for row in rows(world / "straight.parquet")}
    assert [key[:2] for key, row in found.items() if row["abroad"]] == [("customer-0", "100")] * DAYS
    dialler = found["customer-0", "101", 5]
    assert (dialler["attempts"], dialler["destinations"], dialler["short_answered"]) == (262, 262, 38)
    assert max(row["attempts"] for key, row in found.items() if key != ("customer-0", "101", 5)) == 2
    assert found["customer-1", "101", 9]["attempts_mean_7d"] == 2


def test_the_table_at_the_end_says_what_the_file_holds(world: Path) -> None:
    said = features(world, "in.jsonl", "said.parquet").output
    assert [
        word for word in ("rows", "licences", "days", "features", "36", f"{len(NAMES)}", "0 dead letters", "--until") if word not in said
    ] == []


def test_shuffled_and_repeated_lines_give_the_same_bytes_in_any_process(world: Path) -> None:
    lines = (world / "in.jsonl").read_bytes().splitlines()
    mixed = lines + lines[::10]
    random.Random(3).shuffle(mixed)
    write(world / "mixed.jsonl", mixed)
    for seed in ("1", "2"):
        options = ["--geo", str(world / "geo.mmdb"), "--until", "2026-01-10T12:00:00Z", "--out", str(world / "mixed.parquet")]
        command = [sys.executable, "-c", "from vigie.cli import main; main()", "features", str(world / "mixed.jsonl"), *options]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True)
        assert (world / "mixed.parquet").read_bytes() == (world / "straight.parquet").read_bytes()


def test_a_log_that_ends_at_the_close_of_a_day_gives_the_rows_that_the_whole_log_gives(world: Path) -> None:
    assert features(world, "in.jsonl", "cut.parquet", "--to", "2026-01-08", "--until", "2026-01-08T00:00:00Z").exit_code == 0
    cut = rows(world / "cut.parquet")
    assert len(cut) == 27
    assert cut == [row for row in rows(world / "straight.parquet") if row["day"] < date(2026, 1, 8)]


def test_rows_of_weeks_have_the_weeks_of_the_whole_log(world: Path) -> None:
    done = features(world, "in.jsonl", "weeks.parquet", "--rows", "week", "--until", "2026-01-12T01:00:00+01:00")
    assert (done.exit_code, WEEK_SCHEMA_HASH in done.output) == (0, True)
    found = rows(world / "weeks.parquet")
    assert {row["day"] for row in found} == {date(2026, 1, 11)}
    days = rows(world / "straight.parquet")
    for row in found:
        own = [day for day in days if (day["tenant"], day["licence"]) == (row["tenant"], row["licence"])]
        assert (row["days"], row["attempts"]) == (DAYS, sum(day["attempts"] for day in own))
    assert [(row["tenant"], row["licence"]) for row in found if row["abroad_days"]] == [("customer-0", "100")]
    early = features(world, "in.jsonl", "early.parquet", "--rows", "week", "--until", "2026-01-12T00:59:59+01:00")
    assert ("Weeks" in early.output, rows(world / "early.parquet")) == (False, [])


@pytest.mark.parametrize("kind", ["day", "week"])
def test_what_a_stream_says_event_by_event_is_the_file_byte_for_byte(world: Path, tmp_path: Path, kind: Literal["day", "week"]) -> None:
    until = ms("2026-01-12 12:00")
    source = [str(world / "in.jsonl")]
    period = (None, None, "2026-01-12T12:00:00+01:00")
    asked = settings_of(source, tmp_path / "work", DEFAULT_POLICY, world / "geo.mmdb", None, [], period, 1, False)
    extract(asked, tmp_path / "file.parquet", rows=kind)
    keep = line_of_features if kind == "day" else line_of_weeks
    with judged(asked) as done:
        lines = []
        for number in range(FILE_PARTITIONS):
            # As a worker does it: the rules beside the extractor, one event at a time, its state through a checkpoint now and then.
            live, count = Partition(number, installed() | {"features": FEATURES}), 0
            for _, frame in read_frames(log_path(done.work, number), 0, (log_path(done.work, number)).stat().st_size):
                for event in decode_frame(frame):
                    lines += [line for output in live.step(event) if (line := keep(output)) is not None]
                    count += 1
                    if count % 500 == 0:
                        live = restore(take(live), live.detectors)
            lines += [line for output in live.finish(until) if (line := keep(output)) is not None]
    with FrameFile(tmp_path / "said") as file:
        for one in LINES.frames(lines):
            file.append(one)
    (tmp_path / "sorted").mkdir()
    write_rows([(tmp_path / "said", file.size)], tmp_path / "sorted", tmp_path / "stream.parquet", rows=kind)
    assert len(lines) >= 9
    assert (tmp_path / "stream.parquet").read_bytes() == (tmp_path / "file.parquet").read_bytes()


def test_without_a_database_it_says_that_places_are_not_covered_and_goes_on(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(world / "nothing"))
    done = features(world, "in.jsonl", "nowhere.parquet", geo=False)
    assert (done.exit_code, "not covered" in done.output) == (0, True)
    assert {row["abroad"] for row in rows(world / "nowhere.parquet")} == {0.0}


def test_a_run_that_fails_leaves_the_old_file_and_nothing_else(world: Path, tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(b"old")
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    before = sorted(tmp_path.iterdir())
    done = CliRunner().invoke(app, ["features", str(tmp_path / "broken.jsonl.gz"), "--out", str(tmp_path / "f.parquet")])
    assert (done.exit_code, (tmp_path / "f.parquet").read_bytes(), sorted(tmp_path.iterdir())) == (3, b"old", before)


def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(world: Path) -> None:
    done = features(world, "in.jsonl", "missing/f.parquet")
    assert (done.exit_code, "directory that exists" in done.output) == (2, True)
    assert not (world / "missing").exists()
