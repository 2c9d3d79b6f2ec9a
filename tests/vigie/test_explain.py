import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from streams.embedded import Settings, run
from streams.outputs import ALERTS
from streams.sources import Input
from support.files import database, provider, write
from vigie.cli import app
from vigie.explain import explained


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("world")
    path = write(directory / "in.jsonl", provider(days=64))
    geo = database(directory / "geo.mmdb")
    run(Settings(inputs=[Input(str(path))], out=directory / "out", policy={"name": "test"}, country_db=geo))
    return directory / "out"


def statements(out: Path, rule: str) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, (out / ALERTS).read_bytes().splitlines()) if one["rule"] == rule]


def text_of(found: list[dict[str, Any]]) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        for part in explained(found, []):
            console.print(part)
    return captured.get()


def test_an_alert_is_explained_in_words_with_what_speaks_for_the_customer(out: Path) -> None:
    alert_id = statements(out, "abroad-stay")[0]["alert_id"]
    done = CliRunner().invoke(app, ["explain", alert_id[:12], "--out", str(out)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for word in (
        "BREACH abroad-stay · article 5.d · customer-0/100",
        "limit 61",
        "speaks for the customer",
        "could be seen",
        "Evidence",
        "CH",
    ):
        assert word in done.output
    assert "outgoing restricted (emergency calls never)" in done.output


def test_the_calendar_reads_without_colour(out: Path) -> None:
    text = text_of(statements(out, "abroad-stay"))
    january = next(row for row in text.splitlines() if row.startswith("2026-01"))
    assert january == "2026-01  ····" + "A" * 27
    months = [row[:7] for row in text.splitlines() if row[4:5] == "-" and row[7:9] == "  "]
    assert len(months) == 12
    assert "A abroad, with calls" in text


def test_every_kind_of_day_has_its_letter(out: Path) -> None:
    alert = statements(out, "abroad-stay")[-1]
    kinds = ["calls", "registrations", "exempt", "restricted", "home"]
    day = date(2026, 1, 1)
    alert["facts"]["calendar"] = [[str(day.replace(day=n)), str(day.replace(day=n)), "CH", kind] for n, kind in enumerate(kinds, 1)]
    row = next(row for row in text_of([alert]).splitlines() if row.startswith("2026-01"))
    assert row == "2026-01  Aaxrh"


def test_an_alert_without_days_has_no_calendar(out: Path) -> None:
    text = text_of(statements(out, "autodial"))
    assert "autodial" in text
    assert "Days " not in text


@pytest.mark.parametrize(("alert_id", "status", "word"), [("nothing", 1, "no alert"), ("al-", 1, "write more of it")])
def test_an_unknown_or_ambiguous_id_is_told(out: Path, alert_id: str, status: int, word: str) -> None:
    done = CliRunner().invoke(app, ["explain", alert_id, "--out", str(out)], env={"COLUMNS": "200"})
    assert done.exit_code == status
    assert word in done.output


def test_a_directory_without_results_is_an_input_that_cannot_be_read(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["explain", "al-1", "--out", str(tmp_path)]).exit_code == 3
