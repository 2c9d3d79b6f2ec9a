"""Two runs told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from console.trial.compare import compare
from support.console import statement, suspension


def run(directory: Path, alerts: list[dict[str, Any]], suspensions: list[dict[str, Any]] | None = None) -> Path:
    directory.mkdir()
    for name, records in (("alerts", alerts), ("suspensions", suspensions or [])):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return directory


def later(alert_id: str, hour: int, **changed: Any) -> dict[str, Any]:
    at = f"2026-11-24T{hour:02}:00:00.000Z"
    window = {"from": f"2026-11-24T{hour - 1:02}:00:00.000Z", "to": at}
    return statement(alert_id, crossed_at=at, issued_at=at, window=window, **changed)


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    said = [statement(), statement("al-2", licence="102")]
    found = compare(run(tmp_path / "a", said), run(tmp_path / "b", said))
    assert (found["appear"], found["disappear"], found["changed"]) == ([], [], [])
    assert found["alerts"] == {"before": 2, "after": 2, "appear": 0, "disappear": 0}


def test_an_alert_that_a_limit_moved_is_the_same_alert_under_another_name(tmp_path: Path) -> None:
    before, after = [later("al-1", 9)], [later("al-9", 8, level="notice"), later("al-9", 9, update=2)]
    found = compare(run(tmp_path / "a", before), run(tmp_path / "b", after))
    assert (found["alerts"]["appear"], found["alerts"]["disappear"], found["changes"]) == (0, 0, 0)
    after = [later("al-9", 9, level="notice")]
    assert compare(tmp_path / "a", run(tmp_path / "c", after))["changed"][0]["after"]["level"] == "notice"


def test_what_lies_a_day_apart_or_on_another_licence_is_another_alert(tmp_path: Path) -> None:
    found = compare(run(tmp_path / "a", [later("al-1", 9)]), run(tmp_path / "b", [later("al-2", 15), later("al-3", 9, licence="102")]))
    assert found["alerts"] == {"before": 1, "after": 2, "appear": 2, "disappear": 1}
    assert found["licences"] == {"before": 1, "after": 2, "appear": 1, "disappear": 0}
    assert found["money"]["appear"] == 12_000


def test_samples_and_withdrawn_alerts_are_no_alerts(tmp_path: Path) -> None:
    said = [statement(level="audit"), statement("al-2", state="withdrawn")]
    assert compare(run(tmp_path / "a", []), run(tmp_path / "b", said))["alerts"]["after"] == 0


def test_licences_that_would_be_suspended_are_named(tmp_path: Path) -> None:
    lifted = [suspension(), suspension(2, state="lifted")]
    found = compare(run(tmp_path / "a", []), run(tmp_path / "b", [], lifted))
    assert found["suspended"] == {"before": 0, "after": 1, "appear": [["acme", "101"]], "disappear": []}


def test_a_thousand_new_alerts_are_counted_and_the_dearest_listed(tmp_path: Path) -> None:
    said = [statement(f"al-{n}", licence=str(n), money_at_risk_cents=n) for n in range(1000)]
    found = compare(run(tmp_path / "a", []), run(tmp_path / "b", said))
    assert found["alerts"]["appear"] == 1000
    assert [row["money_at_risk_cents"] for row in found["appear"][:2]] == [999, 998]
    assert len(found["appear"]) == 200
