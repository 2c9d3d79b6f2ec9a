"""``vigie console`` as it is typed: what it prints, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from support.console import statement
from vigie.dev.process import Child

COMMAND = [sys.executable, "-c", "from vigie.cli import main; main()"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    (out / "alerts.jsonl").write_text(json.dumps(statement()) + "\n", "utf-8")
    (out / "summary.json").write_text('{"inputs": []}', "utf-8")
    return out


def vigie(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)


def test_it_prints_where_it_is_and_a_link_and_stops_when_asked(results: Path) -> None:
    child = Child([*COMMAND, "console", "--data", str(results), "--port", "0"], subprocess.PIPE)
    try:
        lines = [child.output.readline().decode().strip() for _ in range(3)]
        where = lines[0].split()[2]
        assert lines[2].startswith(f"{where}/sign-in/link/")
        assert httpx2.get(lines[2], trust_env=False).status_code == 200
    finally:
        child.stop(20)
        child.output.close()
    assert child.status() == 0
    assert "whole: 1 rows" in vigie("audit", "verify", "--data", results).stdout


def test_a_schema_is_brought_up_to_date_once(results: Path) -> None:
    assert "steps applied" in vigie("console", "migrate", "--data", results).stdout
    assert vigie("console", "migrate", "--data", results).stdout.strip() == "up to date"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["console"], "--data DIR"),
        (["console", "--data", "/nowhere"], "no directory"),
        (["console", "--data", "."], "vigie run"),
        (["console", "--data", ".", "--host", "0.0.0.0"], "--origin"),
        (["console", "--database", "mysql://x/y"], "postgresql"),
        (["console", "link", "nobody", "--data", "."], "nobody active"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(results: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    here = results if "--host" in arguments else tmp_path
    done = vigie(*[str(here) if word == "." else word for word in arguments])
    assert done.returncode in (2, 3)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
