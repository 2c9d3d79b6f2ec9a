"""``vigie campaigns`` on what ``vigie run`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.outputs import ALERTS
from streams.times import format_time
from streams.wire import Wire
from support.clause import Clause
from support.core import ms
from vigie.cli import app

T0 = ms("2026-03-02 03:00")


def alert(tenant: str, at: int, network: str) -> dict[str, Any]:
    evidence = {"time": format_time(at), "kind": "registration", "network": network, "number": ""}
    return {
        "kind": "alert", "alert_id": f"al-{tenant}", "update": 1, "state": "open", "rule": "account-takeover", "level": "breach",
        "tenant": tenant, "licence": "101", "crossed_at": format_time(at), "issued_at": format_time(at), "evidence": [evidence],
    }  # fmt: skip


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    path = tmp_path / ALERTS
    found = [alert(f"customer-{n}", T0 + n * 60_000, "198.51.100.0/24") for n in range(4)]
    path.write_text("".join(json.dumps(one) + "\n" for one in found) + '{"kind":"breaker","tenant":"x"}\n')
    return path


def vigie(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaigns", *map(str, arguments)], env={"COLUMNS": "160"}, catch_exceptions=False)


def test_an_attack_on_many_customers_is_one_row_and_one_reference_event(alerts: Path) -> None:
    out = alerts.with_name("campaigns.jsonl")
    done = vigie(alerts, "--out", out)
    assert done.exit_code == 0, done.output
    (line,) = out.read_bytes().splitlines()
    assert Wire().decode(line).time == T0 + 180_000
    body = json.loads(line)["body"]
    assert body["alert_ids"] == [f"al-customer-{n}" for n in range(4)]
    assert body["campaign_id"] in done.output
    assert "no --log" in done.output
    first = out.read_bytes()
    assert vigie(alerts, "--out", out).exit_code == 0
    assert out.read_bytes() == first


def test_a_network_that_the_log_shows_to_be_everybodys_joins_nothing(alerts: Path) -> None:
    clause = Clause(alerts.parent)
    for n in range(20):
        clause.registration(str(200 + n), T0, ip="198.51.100.7")
    source = clause.judge().directory.parent / "in-1.jsonl"
    out = alerts.with_name("campaigns.jsonl")
    done = vigie(alerts, "--log", source, "--out", out)
    assert done.exit_code == 0, done.output
    assert "No campaign" in done.output
    assert out.read_bytes() == b""
    assert not [path for path in alerts.parent.iterdir() if path.name.endswith(".work")]


def test_a_log_that_knows_the_network_from_the_attack_alone_confirms_it_by_the_user_agent(alerts: Path) -> None:
    clause = Clause(alerts.parent)
    for n in range(4):
        clause.registration("101", T0, ip="198.51.100.7", tenant=f"customer-{n}", agent="sipvicious/0.3")
    source = clause.judge().directory.parent / "in-1.jsonl"
    done = vigie(alerts, "--log", source, "--out", alerts.with_name("campaigns.jsonl"))
    assert done.exit_code == 0, done.output
    assert json.loads(alerts.with_name("campaigns.jsonl").read_bytes())["body"]["user_agents"] == ["sipvicious/0.3"]


def test_files_that_cannot_be_read_or_written_are_told(alerts: Path) -> None:
    alerts.with_name("no.jsonl").write_text("nonsense\n")
    assert vigie(alerts.with_name("no.jsonl"), "--out", alerts.with_name("x")).exit_code == 3
    assert vigie(alerts.with_name("missing.jsonl"), "--out", alerts.with_name("x")).exit_code == 3
    assert vigie(alerts, "--out", alerts.parent).exit_code == 2
    assert vigie(alerts, "--out", alerts.with_name("none") / "x").exit_code == 2


def test_the_reference_event_is_judged_as_any_other_and_changes_nothing(alerts: Path) -> None:
    out = alerts.with_name("campaigns.jsonl")
    vigie(alerts, "--out", out)
    clause = Clause(alerts.parent)
    clause.call("101", "2026-03-02 09:00")
    before = clause.judge()
    clause.lines.append((T0, out.read_bytes().strip()))
    after = clause.judge()
    assert after.alerts() == before.alerts() == []
    assert after.summary["accepted"] == before.summary["accepted"] + 1
