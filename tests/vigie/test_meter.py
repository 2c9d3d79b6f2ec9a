"""``vigie meter`` on what ``vigie run`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner, Result

from streams.contracts.outputs import Metering
from streams.outputs import ALERTS
from streams.times import format_time, parse_time
from support.clause import Clause, Outcome
from support.core import ms
from support.files import line, write
from vigie.cli import app

T0 = ms("2026-03-02 09:00")
CALLS = 260


class Dialled(NamedTuple):
    """A machine that dials for an hour and a half: the lines, what the run wrote, and the alert."""

    source: Path
    out: Outcome
    alert_id: str


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> Dialled:
    clause = Clause(tmp_path_factory.mktemp("dialled"))
    for n in range(CALLS):
        answered = n % 7 == 0
        clause.call("101", T0 + 20_000 * n, f"+3370{7_919 * n:07}"[:12], 4 if answered else None, ring_s=5 if answered else 15)
    out = clause.judge()
    return Dialled(clause.directory / "in-1.jsonl", out, out.alerts("autodial", "breach")[-1]["alert_id"])


def reviewed(world: Dialled, into: Path, verdict: str = "breach") -> Path:
    """The lines with a verdict behind them."""
    fields: dict[str, Any] = {"id": "r1", "tenant": "acme", "licence": "101", "review_id": "r1", "alert_id": world.alert_id}
    review = line("review", ms("2026-03-03 09:00"), **fields, reviewer="lea", verdict=verdict)
    return write(into / "reviewed.jsonl", [*world.source.read_bytes().splitlines(), review])


def vigie(source: Path, alert_id: str, alerts: Path, *more: str) -> Result:
    command = ["meter", str(source), "--alert", alert_id, "--alerts", str(alerts), *more]
    return CliRunner().invoke(app, command, env={"VIGIE_HOME": str(source.parent / "home"), "COLUMNS": "160"}, catch_exceptions=False)


def test_after_a_verdict_the_calls_an_alert_covers_are_written_as_the_contracts_want_them(dialled: Dialled, tmp_path: Path) -> None:
    _, out, alert_id = dialled
    source, target = reviewed(dialled, tmp_path), tmp_path / "late.jsonl"
    done = vigie(source, alert_id[:10], out.directory / ALERTS, "--out", str(target))
    assert done.exit_code == 0, done.output
    records = [Metering.model_validate_json(one) for one in target.read_bytes().splitlines()]
    window = [one["window"] for one in out.alerts("autodial")]
    answered = [T0 + 20_000 * n for n in range(0, CALLS, 7) if T0 + 20_000 * n <= max(ms(one["to"]) for one in window)]
    assert [one.from_ for one in records] == [format_time(at + 5_000) for at in answered]
    assert {(one.seconds, one.alert_id, one.licence) for one in records} == {(4, alert_id, "101")}
    assert "2026-03" in done.output
    assert "older" not in done.output
    again = vigie(source, alert_id, out.directory / ALERTS, "--out", str(target.with_name("again.jsonl")), "--metering", str(target))
    assert "already" in again.output
    assert target.with_name("again.jsonl").read_bytes() == b""
    assert not [path for path in target.parent.iterdir() if path.name.endswith(".work")]


def test_an_exported_log_is_read_as_it_was_recorded_and_its_beginning_is_told(dialled: Dialled, tmp_path: Path) -> None:
    _, out, alert_id = dialled
    source = reviewed(dialled, tmp_path)
    log = source.with_name("log.jsonl")
    lines = []
    for one in source.read_bytes().splitlines():
        stamped = json.loads(one)
        if stamped["kind"] == "call":
            stamped["dest"] = {"e164": stamped["callee"], "class": "mobile", "rate": 5_000}
        if stamped["kind"] != "call" or parse_time(stamped["time"]) >= T0 + 60 * 60_000:
            lines.append(json.dumps(stamped).encode())
    log.write_bytes(b'{"kind":"log"}\n' + b"\n".join(lines) + b"\n")
    done = vigie(log, alert_id, out.directory / ALERTS, "--out", str(log.with_name("late.jsonl")))
    assert done.exit_code == 0, done.output
    assert "the log given begins inside the window" in done.output
    assert log.with_name("late.jsonl").read_bytes()


@pytest.mark.parametrize(("verdict", "word"), [("no_breach", "'no_breach'"), ("inconclusive", "there is none")])
def test_without_a_verdict_of_breach_it_ends_with_one_and_writes_nothing(dialled: Dialled, tmp_path: Path, verdict: str, word: str) -> None:
    _, out, alert_id = dialled
    target = tmp_path / "late.jsonl"
    done = vigie(reviewed(dialled, tmp_path, verdict), alert_id, out.directory / ALERTS, "--out", str(target))
    assert done.exit_code == 1
    assert word in done.output
    assert not target.exists()


def test_an_alert_that_is_not_there_and_a_target_that_cannot_be_are_told(dialled: Dialled, tmp_path: Path) -> None:
    _, out, alert_id = dialled
    source = reviewed(dialled, tmp_path)
    alerts = out.directory / ALERTS
    assert vigie(source, "al-none", alerts, "--out", str(tmp_path / "x")).exit_code == 1
    assert vigie(source, alert_id, alerts, "--out", str(tmp_path)).exit_code == 2
    assert vigie(source, alert_id, source, "--out", str(tmp_path / "x")).exit_code == 1
    assert vigie(source, alert_id, source.with_name("missing"), "--out", str(tmp_path / "x")).exit_code == 3


def test_the_records_said_so_far_must_be_known(dialled: Dialled, tmp_path: Path) -> None:
    _, out, alert_id = dialled
    source = reviewed(dialled, tmp_path)
    alone = write(tmp_path / ALERTS, (out.directory / ALERTS).read_bytes().splitlines())
    done = vigie(source, alert_id, alone, "--out", str(source.with_name("late.jsonl")))
    assert done.exit_code == 2
    assert "--metering" in done.output
