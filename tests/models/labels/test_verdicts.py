"""What an alert was judged to be, out of the decisions on it."""

from __future__ import annotations

import itertools
from typing import Any

from models.labels.verdicts import Given, Judged, judged


def given(ident: str, at: int, verdict: str = "breach", part: str = "first", of: str | None = None, **more: Any) -> Given:
    whom = {"undoes" if part == "undo" else "second_of": of}
    return Given(**{"decision_id": ident, "alert_id": "a", "at": at, "part": part, "verdict": verdict, "reviewer": ident, **whom, **more})


def only(*decisions: Given, as_of: int = 100) -> Judged:
    (found,) = judged(decisions, as_of).values()
    return found


def says(found: Judged) -> tuple[str, str | None, bool]:
    return found.given.verdict, found.second.verdict if found.second is not None else None, found.conflict


def test_a_decision_that_was_not_taken_yet_does_not_count() -> None:
    assert judged([given("d1", 7)], 7) == {}
    assert says(only(given("d1", 7), as_of=8)) == ("breach", None, False)


def test_the_latest_judgement_of_an_alert_that_came_up_again_counts() -> None:
    assert says(only(given("d1", 1), given("d2", 9, "no_breach"))) == ("no_breach", None, False)
    assert says(only(given("d1", 1), given("d2", 9, "no_breach"), as_of=9)) == ("breach", None, False)


def test_an_undone_decision_does_not_count_from_the_undo_on() -> None:
    decisions = given("d1", 1, "no_breach"), given("d2", 5), given("u", 6, part="undo", of="d2")
    assert says(only(*decisions)) == ("no_breach", None, False)
    assert says(only(*decisions, as_of=6)) == ("breach", None, False)
    assert judged([given("d1", 1), given("u", 2, part="undo", of="d1")], 9) == {}


def test_service_given_back_is_no_verdict() -> None:
    assert says(only(given("d1", 1), given("d2", 5, "inconclusive", "reinstate"))) == ("breach", None, False)


def test_a_second_opinion_stands_beside_the_verdict_it_was_asked_for() -> None:
    decisions = given("d1", 1), given("d2", 5, part="second", of="d1", blind=True)
    assert says(only(*decisions)) == ("breach", "breach", False)
    found = only(*decisions)
    assert (found.given.reviewer, found.second.reviewer if found.second else "") == ("d1", "d2")
    assert says(only(*decisions, as_of=5)) == ("breach", None, False)


def test_a_disagreement_is_a_conflict_until_and_after_a_lead_settles_it() -> None:
    apart = given("d1", 1), given("d2", 5, "no_breach", "second", "d1")
    assert says(only(*apart)) == ("breach", "no_breach", True)
    assert says(only(*apart, given("d3", 8, "inconclusive", "lead"))) == ("inconclusive", "no_breach", True)


def test_a_lead_who_agrees_with_the_second_one_makes_that_verdict_count() -> None:
    found = only(given("d1", 1), given("d2", 5, "no_breach", "second", "d1"), given("d3", 8, "no_breach", "second", "d2"))
    assert (says(found), found.given.reviewer) == (("no_breach", "no_breach", True), "d2")


def test_a_lead_who_agrees_with_the_first_one_makes_that_verdict_count() -> None:
    found = only(given("d1", 1), given("d2", 5, "no_breach", "second", "d1"), given("d3", 8, "breach", "second", "d1"))
    assert (says(found), found.given.reviewer) == (("breach", "breach", True), "d1")


def test_a_conflict_of_an_earlier_round_is_none_of_the_one_that_counts() -> None:
    earlier = given("d1", 1), given("d2", 2, "no_breach", "second", "d1"), given("d3", 3, "breach", "lead")
    assert says(only(*earlier, given("d4", 9, "no_breach"))) == ("no_breach", None, False)


def test_the_order_in_which_decisions_are_read_changes_nothing() -> None:
    decisions = given("d1", 1), given("d2", 1, "no_breach", "second", "d1"), given("d3", 3), given("u", 4, part="undo", of="d3")
    found = [says(only(*mixed)) for mixed in itertools.permutations(decisions)]
    assert set(found) == {("breach", "no_breach", True)}
