"""``vigie voice-servers`` on files of events."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from support.clause import Clause
from support.core import ms
from vigie.cli import app

SERVER = "+33184800000"


def vigie(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["voice-servers", *map(str, arguments)], env={"COLUMNS": "160"}, catch_exceptions=False)


def source(directory: Path, tenants: int) -> Path:
    clause = Clause(directory)
    for t in range(tenants):
        for n in range(4):
            clause.call("101", ms("2026-03-02 09:00") + n * 3_600_000, SERVER, 1_800, tenant=f"customer-{t}", cdr=n % 2 == 0)
    out = clause.judge()
    assert out.suspensions() == []
    return directory / "in-1.jsonl"


def test_it_shows_a_table_and_writes_json(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = vigie(source(tmp_path, 3), "--out", out)
    assert done.exit_code == 0, done.output
    assert SERVER in done.output
    assert "ring the number" in done.output
    (one,) = json.loads(out.read_bytes())
    assert (one["number"], one["class"], one["tenants"]) == (SERVER, "fixed", ["customer-0", "customer-1", "customer-2"])
    assert (one["long_calls"], one["median_s"]) == (12, 1_800)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("vigie-")]


def test_with_nothing_to_report_it_says_its_limits_and_writes_an_empty_list(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = vigie(source(tmp_path, 2), "--out", out)
    assert "0 numbers with at least 3 customers" in done.output
    assert json.loads(out.read_bytes()) == []


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    assert vigie(tmp_path / "missing.jsonl").exit_code == 3
    assert vigie(source(tmp_path, 1), "--out", tmp_path).exit_code == 2
