"""Who is champion of what, at its place in the log."""

from __future__ import annotations

from typing import Any

from detectors.champions import Roles, Scored, accept, on_move
from detectors.events import ModelEvent, Score
from detectors.outputs import Alert
from detectors.policy import Policy
from detectors.registry import installed
from models.features import FEATURES, RULE
from support.core import Bench, call, model, ms, review, score


def moved(*moves: tuple[str, str, float | None]) -> dict[str, Roles]:
    models: dict[str, Roles] = {}
    for role, version, threshold in moves:
        on_move(models, ModelEvent(time=0, name="m", version=version, role=role, threshold=threshold))  # type: ignore[arg-type]
    return models


def say(version: str, day: str = "2026-03-02", value: float = 0.5, role: Any = "champion") -> Score:
    return Score(time=0, tenant="acme", licence="101", day=day, model="m", model_version=version, role=role, score=value)


def test_a_champion_comes_with_its_threshold_and_takes_the_place_of_the_one_before() -> None:
    assert moved(("champion", "m-1", 0.9), ("champion", "m-2", 0.8)) == {"m": Roles("m-2", 8000, "", 2)}


def test_a_challenger_that_is_promoted_is_no_challenger_any_more() -> None:
    assert moved(("champion", "m-1", 0.9), ("challenger", "m-2", 0.8)) == {"m": Roles("m-1", 9000, "m-2", 1)}
    assert moved(("challenger", "m-2", 0.8), ("champion", "m-2", 0.8)) == {"m": Roles("m-2", 8000, "", 1)}


def test_none_takes_a_version_out_of_its_role_and_no_version_takes_all() -> None:
    both = (("champion", "m-1", 0.9), ("challenger", "m-2", 0.8))
    assert moved(*both, ("none", "m-2", None)) == {"m": Roles("m-1", 9000, "", 1)}
    assert moved(*both, ("none", "m-1", None)) == {"m": Roles("", -1, "m-2", 1)}
    assert moved(*both, ("none", "", None)) == {"m": Roles("", -1, "", 1)}


def test_an_older_day_takes_nothing_from_a_newer_one() -> None:
    models, scores = moved(("champion", "m-1", 0.9)), dict[str, Scored]()
    for day, value in (("2026-03-03", 0.25), ("2026-03-02", 0.75)):
        assert accept(models, scores, say("m-1", day, value)) == ""
    assert scores["m"].score == 2500


def test_what_no_champion_said_is_counted_by_who_said_it() -> None:
    models = moved(("champion", "m-1", 0.9), ("challenger", "m-2", 0.8))
    assert accept(models, {}, say("m-0")) == "stale_scores"
    assert accept(models, {}, say("m-2", role="challenger")) == "challenger_scores"
    assert accept({}, {}, say("m-1")) == "stale_scores"
    assert accept(moved(("none", "", None)), {}, say("")) == "stale_scores"


def test_champions_and_scores_survive_a_restart() -> None:
    bench = Bench(restart_every=1).feed(
        model("2026-03-01", "anomaly-1", threshold=0.9), score("2026-03-03", 0.4, "2026-03-02", "anomaly-1")
    )
    assert bench.partition.state.models["anomaly"].champion == "anomaly-1"


def test_features_beside_the_rules_change_no_version_of_a_policy() -> None:
    alone, beside = Policy({}, installed()), Policy({}, installed() | {RULE: FEATURES})
    assert alone.merged("acme", "").version == beside.merged("acme", "").version


def dialled(*more: Any) -> Bench:
    """A dialler's afternoon under a champion that knows the day before, then what is given."""
    at = ms("2026-03-02 14:00")
    calls = [one for n in range(210) for one in call(at + n * 20_000, 4, to=f"+33612{n:06}")]
    said = [model("2026-03-01", "ad-1", "autodial", threshold=0.5), score("2026-03-02 01:01", 0.1, "2026-03-01", "ad-1", "autodial")]
    return Bench().feed(*said, *calls, *more)


def of_autodial(bench: Bench) -> list[tuple[int, float | None, str | None]]:
    return [(one.update, one.score, one.model_version) for one in bench.said if isinstance(one, Alert) and one.rule == "autodial"]


def test_the_score_of_the_day_on_which_an_alert_crossed_is_said_once_the_day_has_closed() -> None:
    before = of_autodial(dialled())
    assert {(value, version) for _, value, version in before} == {(0.1, "ad-1")}
    own = score("2026-03-03 01:01", 0.93, "2026-03-02", "ad-1", "autodial")
    after = of_autodial(dialled(own, score("2026-03-04 01:01", 0.2, "2026-03-03", "ad-1", "autodial")))
    # The last word is that the episode ended.
    assert after[:-1] == [*before, (before[-1][0] + 1, 0.93, "ad-1")]


def test_an_alert_that_a_person_has_judged_is_not_said_again_for_its_score() -> None:
    alert = next(one for one in reversed(dialled().said) if isinstance(one, Alert) and one.rule == "autodial")
    judged = review("2026-03-02 18:00", alert, "breach")
    own = score("2026-03-03 01:01", 0.93, "2026-03-02", "ad-1", "autodial")
    assert of_autodial(dialled(judged, own))[-1][1] == 0.1
