"""`vigie score`: a file of features in, the scores that the scorer would have written out; with their model's event a run reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from support.asked import Registry
from support.clause import Clause
from vigie.cli import app


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture
def week(tmp_path: Path) -> Clause:
    """A licence with four calls a day, and sixty on Wednesday the 4th."""
    clause = Clause(tmp_path).tenant().licence("101")
    for day in range(2, 7):
        for n in range(60 if day == 4 else 4):
            clause.call("101", f"2026-03-0{day} {9 + n // 10:02}:{n % 10 * 6:02}", f"06123456{n % 3:02}")
    return clause


def vigie(*command: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in command], env={"COLUMNS": "160"}, catch_exceptions=False)


def features(clause: Clause, target: Path) -> Path:
    source = target.with_name("in.jsonl")
    source.write_bytes(b"".join(one + b"\n" for _, one in sorted(clause.lines)))
    done = vigie("features", source, "--out", target, "--until", "2026-03-10T00:00:00Z")
    assert done.exit_code == 0, done.output
    return target


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_bytes().splitlines()]


def test_scores_of_a_file_are_events_that_a_run_judges(registry: Registry, week: Clause, tmp_path: Path) -> None:
    made = registry.train()
    event, out = json.loads(registry.move(made)), tmp_path / "scores.jsonl"
    done = vigie("score", features(week, tmp_path / "f.parquet"), "--registry", registry.path, "--out", out)
    assert done.exit_code == 0, done.output
    assert "µs/row" in done.output
    scores = lines(out)
    assert [(one["licence"], one["day"], one["time"]) for one in scores] == [
        ("101", f"2026-03-0{day}", f"2026-03-0{day + 1}T00:00:00.000Z") for day in range(2, 7)
    ]
    assert {(one["model_version"], one.get("role", "champion")) for one in scores} == {(made.version, "champion")}
    assert [one["day"] for one in scores if "reasons" in one] == ["2026-03-04"]
    again = out.read_bytes()
    vigie("score", tmp_path / "f.parquet", "--registry", registry.path, "--out", out)
    assert out.read_bytes() == again
    for one in (event, *scores):
        week.line(one.pop("kind"), _ms(one.pop("time")), **{name: value for name, value in one.items() if name != "v"})
    (alert,) = [one for one in week.judge().alerts("anomaly") if one["state"] == "open"]
    assert (alert["facts"]["day"], alert["model_version"]) == ("2026-03-04", made.version)
    assert alert["facts"]["reasons"][0] == "60 calls out, against 4 on a usual day"


def _ms(time: str) -> int:
    from streams.times import parse_time

    return parse_time(time)


def test_a_named_version_scores_as_challenger(registry: Registry, week: Clause, tmp_path: Path) -> None:
    first, second = registry.train(20), registry.train(50)
    registry.move(first)
    out = tmp_path / "scores.jsonl"
    command = ["score", features(week, tmp_path / "f.parquet"), "--registry", registry.path, "--out", out]
    assert vigie(*command, "--version", second.version, "--close-hours", 25).exit_code == 0
    assert {(one["model_version"], one.get("role", "champion")) for one in lines(out)} == {(second.version, "challenger")}
    assert lines(out)[0]["time"] == "2026-03-04T00:00:00.000Z"


def test_a_refused_model_is_said_and_the_others_score(registry: Registry, week: Clause, tmp_path: Path) -> None:
    good, bad = registry.train(20, "autodial"), registry.train(30)
    for made in (good, bad):
        registry.move(made)
    registry.tamper(bad)
    out = tmp_path / "scores.jsonl"
    done = vigie("score", features(week, tmp_path / "f.parquet"), "--registry", registry.path, "--out", out)
    assert done.exit_code == 3
    assert "is not the file that was signed" in done.stderr
    assert {one["model"] for one in lines(out)} == {"autodial"}


def test_without_a_champion_nothing_is_written(registry: Registry, week: Clause, tmp_path: Path) -> None:
    source, out = features(week, tmp_path / "f.parquet"), tmp_path / "scores.jsonl"
    done = vigie("score", source, "--registry", registry.path, "--out", out)
    assert done.exit_code == 3
    assert "no model is champion" in done.stderr
    assert not out.exists()
    assert vigie("score", source, "--registry", registry.path, "--out", out, "--version", "x").exit_code == 2
    assert vigie("score", source, "--registry", registry.path, "--out", tmp_path).exit_code == 2
