"""Which events a what-if judges, and which rules they can say nothing about."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.trial.history import history_of, not_covered, window_days
from detectors.registry import installed
from streams.errors import InputUnreadable
from support.clause import Clause
from support.core import ms


@pytest.fixture
def events(tmp_path: Path) -> Clause:
    clause = Clause(tmp_path)
    for day in range(1, 21):
        clause.call("101", f"2026-03-{day:02} 09:00")
    return clause


def test_the_inputs_of_the_run_are_the_history_as_far_as_they_are_there(events: Clause, tmp_path: Path) -> None:
    summary = events.judge().summary
    found = history_of(summary, (), {}, located=True)
    assert [one.path for one in found.inputs] == [one["path"] for one in summary["inputs"]]
    assert (found.first, found.days) == (ms("2026-03-01 09:00"), 19)
    for one in found.inputs:
        Path(one.path).rename(Path(one.path).with_suffix(".moved"))
    gone = history_of(summary, (), {}, located=True)
    assert (gone.inputs, len(gone.missing), gone.first) == ((), len(found.inputs), None)


def test_files_that_were_given_take_the_place_of_the_runs_inputs(events: Clause) -> None:
    summary = events.judge().summary
    path = summary["inputs"][0]["path"]
    found = history_of({}, (path,), {}, located=False)
    assert (found.first, found.days) == (ms("2026-03-01 09:00"), 19)
    with pytest.raises(InputUnreadable):
        history_of({}, ("/nowhere.jsonl",), {}, located=False)


def test_a_policy_that_the_console_published_is_no_part_of_the_history(events: Clause, tmp_path: Path) -> None:
    summary = events.judge().summary
    control = tmp_path / "control.jsonl"
    control.write_text("", "utf-8")
    summary["inputs"].append({"path": str(control), "source": None})
    assert [one.path for one in history_of(summary, (), {}, located=True).inputs] == [summary["inputs"][0]["path"]]


def test_a_rule_that_looks_back_further_or_needs_what_nobody_told_is_not_covered(events: Clause) -> None:
    found = history_of(events.judge().summary, (), {}, located=True)
    why = {name: not_covered(rule, rule.Params(), found) for name, rule in installed().items()}
    assert why["wangiri"] is None
    assert why["abroad-total"] is not None
    assert (why["abroad-total"].why, why["abroad-total"].days) == ("window", 365)
    dark = history_of({"coverage": {"": {"location": "none", "devices": "none", "calls": "full"}}}, (), {}, located=False)
    rule = installed()["licence-sharing"]
    unseen = not_covered(rule, rule.Params(), dark)
    assert unseen is not None
    assert unseen.why == "sources"


def test_every_rule_has_a_window_of_days() -> None:
    assert all(1 <= window_days(name, rule.Params()) <= 365 for name, rule in installed().items())
