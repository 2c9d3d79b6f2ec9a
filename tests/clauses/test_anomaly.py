"""Article 5.d, uses that no rule has a limit for, found by the promoted model, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.clause import Clause

RULE = "anomaly"
VERSION = "anomaly-0123456789ab"


def clause(tmp_path: Path, *scores: float, version: str = VERSION, **more: Any) -> Clause:
    """A licence that calls daily from 2 March on, with the scores of its days."""
    made = Clause(tmp_path)
    for n, value in enumerate(scores):
        made.call("101", f"2026-03-{n + 2:02} 10:00")
        given = {"tenant": "acme", "licence": "101", "day": f"2026-03-{n + 2:02}", "model": RULE, "model_version": version, **more}
        made.line("score", f"2026-03-{n + 3:02} 01:00", score=value, **given)
    return made


def promoted(made: Clause) -> Clause:
    return made.line("model", "2026-03-01 12:00", name=RULE, version=VERSION, role="champion", threshold=0.9)


def test_a_day_over_the_threshold_of_the_promoted_model_is_for_a_person(tmp_path: Path) -> None:
    made = promoted(clause(tmp_path, 0.1, 0.9312, 0.2, reasons=["60 calls out, against 4 on a usual day"]))
    out = made.judge()
    said = [(one["state"], one["mode"], one["level"], one["clause"], one["measured"], one["limit"]) for one in out.alerts(RULE)]
    assert said == [("open", "review", "notice", "5.d", 9312, 9000)]
    (alert,) = out.alerts(RULE)
    assert (alert["score"], alert["model_version"]) == (0.9312, VERSION)
    assert alert["summary"].endswith("0.9312 over 0.9000: 60 calls out, against 4 on a usual day.")
    assert out.suspensions() == []


def test_days_below_the_threshold_are_not_caught(tmp_path: Path) -> None:
    assert promoted(clause(tmp_path, 0.1, 0.89, 0.9)).judge().alerts(RULE) == []


def test_without_a_promotion_no_score_is_heard(tmp_path: Path) -> None:
    out = clause(tmp_path, 0.99, 0.99).judge()
    assert out.alerts(RULE) == []
    assert out.summary["counts"]["stale_scores"] == 2


def test_a_challengers_score_is_counted_and_nothing_else(tmp_path: Path) -> None:
    out = promoted(clause(tmp_path, 0.99, 0.99, version="anomaly-ba9876543210", role="challenger")).judge()
    assert out.alerts(RULE) == []
    assert out.summary["counts"]["challenger_scores"] == 2
