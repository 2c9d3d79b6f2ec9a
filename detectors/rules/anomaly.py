"""Unusual day: the promoted model finds a closed day of a licence stranger than its review threshold allows.

**What it catches.** Days that no rule has a limit for. Once ``anomaly`` has a champion (``vigie models``), each closed day of a
licence gets a score from its figures (``docs/features.md``), and one above the threshold that came with the promotion is a notice
for a person. Until a model is promoted, nothing is ever said.

**What it cannot see.** Anything that the figures of a day do not show, and any day while the scorer stands still: such a day is
scored when it runs again. A score is no proof and names no article; the three reasons say which figures made the day strange,
not why they were so. A challenger's scores, and those of a version that is no longer the champion, are counted and nothing else.

**Honest look-alikes.** A first day with a new phone system, an election night, a week of stocktaking: unusual and allowed. One
day alone is said to be one in ``against``. A licence that rests has no days to score: an alert is closed a week later.

**How to tune.** The threshold belongs to the model (its card; ``vigie train`` sets it by cost and by what the team can review), so
it changes with a promotion and is no key of the policy. ``silent_days`` is how long an alert stays open without a new score.

**Vectors** (``tests/detectors/rules/test_anomaly.py``).

* caught: a score above the threshold (``test_a_score_above_the_champions_threshold_is_a_notice_for_review``)
* caught: a second strange day, told once (``test_a_stranger_day_is_said_again_and_a_milder_one_is_not``)
* let go: a score at the threshold (``test_a_score_at_the_threshold_is_no_alert``)
* let go: a challenger's score (``test_a_challenger_and_a_former_champion_raise_nothing``)
* let go: any score before a promotion (``test_nothing_is_said_until_a_model_is_promoted``)

A model is promoted, and scores a day of a licence that has called:

>>> from detectors.events import Call, ModelEvent, Score
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, at, said = Partition(1), 1_772_434_800_000, []
>>> who = {"tenant": "acme", "licence": "101"}
>>> leg = {"pbx": "pbx-1", "call_id": "c1", "direction": "outbound", **who}
>>> said += partition.step(ModelEvent(name="anomaly", version="anomaly-1", role="champion", threshold=0.9, time=at))
>>> said += partition.step(Call(phase="cdr", time=at + 65_000, started_at=at, answered_at=at + 5_000, ended_at=at + 65_000, **leg))
>>> opinion = {"day": "2026-03-02", "model": "anomaly", "model_version": "anomaly-1", "score": 0.9531}
>>> said += partition.step(Score(time=at + 86_400_000, **who, **opinion))
>>> [(a.rule, a.level, a.mode, a.measured, a.limit, a.score) for a in said if isinstance(a, Alert)]
[('anomaly', 'notice', 'review', 9531, 9000, 0.9531)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.champions import ANOMALY, PARTS, parts
from detectors.days import iso, number
from detectors.errors import PolicyError
from detectors.outputs import Level, Window
from detectors.rule import Detector, Finding, Params

if TYPE_CHECKING:
    from detectors.champions import Roles
    from detectors.context import Context
    from detectors.events import Score

#: Scored days that are remembered and drawn: two weeks, so that each day of the week stands beside another one.
MOST_DAYS = 14
#: Reasons that are shown, and the characters of each.
MOST_REASONS, MOST_TEXT = 3, 200


class AnomalyParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limit is the model's; ``mode`` ``auto`` is refused, since a score never suspends."""

    silent_days: int = 7

    def __post_init__(self) -> None:
        if self.mode == "auto":
            raise PolicyError("policy: [rules.anomaly] mode: a score never suspends; choose review or shadow")
        if self.silent_days < 1:
            raise PolicyError("policy: [rules.anomaly] silent_days must be 1 or more")


class AnomalyState(msgspec.Struct, array_like=True):
    """The last scored days, oldest first: each day with its score in ten-thousandths and whether that was over the threshold."""

    days: list[tuple[int, int, bool]] = []


class ScoredDay(msgspec.Struct):
    """A day, its score in ten-thousandths, and whether that was over the threshold of its time."""

    day: str
    score: int
    over: bool


class AnomalyFacts(msgspec.Struct, kw_only=True):
    """What the screen plots.

    ``day`` (YYYY-MM-DD) got ``score`` (0 to 1) from version ``version`` of ``model``, whose ``threshold`` it is over; ``reasons`` are the
    figures that weighed most, in words; ``days`` the last scored ones, oldest first, of which ``days_over`` were over it.
    """

    day: str
    score: float
    threshold: float
    model: str
    version: str
    reasons: tuple[str, ...]
    days_over: int
    days: tuple[ScoredDay, ...]


class Anomaly(Detector[AnomalyParams, AnomalyState]):
    """See the module."""

    rule = "anomaly"
    clause = "5.d"
    title = "Unusual day"
    unit = "of 10000"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "fax": "review", "trunk": "review", "group": "review",
    }  # fmt: skip
    Params = AnomalyParams
    State = AnomalyState
    Facts = AnomalyFacts
    levels: ClassVar[tuple[Level, ...]] = ("notice",)
    needs = ("location", "devices", "calls")

    def scored(self, ctx: Context, s: AnomalyState, p: AnomalyParams, event: Score) -> None:
        """Remember the score, and report one over the threshold; each day is judged once, by the first champion that scores it."""
        if event.model != ANOMALY:
            return
        roles, day, score = ctx.partition.models[ANOMALY], number(event.day), parts(event.score)
        if s.days and day <= s.days[-1][0]:
            return
        over = 0 <= roles.threshold < score
        s.days = [*s.days[1 - MOST_DAYS :], (day, score, over)]
        if over and ctx.wants(self.rule, "notice", score):
            ctx.report(self._finding(ctx, s, event, roles))

    def _finding(self, ctx: Context, s: AnomalyState, event: Score, roles: Roles) -> Finding:
        day, score, _ = s.days[-1]
        start, end = ctx.clock.bounds(day)
        times = sum(over for _, _, over in s.days)
        reasons = tuple(reason[:MOST_TEXT] for reason in event.reasons[:MOST_REASONS])
        said = f"The model finds {event.day} unusual, with a score of {score / PARTS:.4f} over {roles.threshold / PARTS:.4f}"
        against = ["a model's opinion of the figures of a day: no limit of the contract was passed"]
        if times == 1:
            against.append(f"the only day over the threshold of the last {len(s.days)} that were scored")
        if not reasons:
            against.append("no figure alone makes the day unusual")
        return Finding(
            rule=self.rule,
            level="notice",
            measured=score,
            limit=roles.threshold,
            unit=self.unit,
            window=Window(start, end),
            crossed_at=end,
            issued_at=ctx.now,
            summary=f"{said}: {'; '.join(reasons)}." if reasons else f"{said}.",
            facts=AnomalyFacts(
                day=event.day,
                score=score / PARTS,
                threshold=roles.threshold / PARTS,
                model=event.model,
                version=event.model_version,
                reasons=reasons,
                days_over=times,
                days=tuple(ScoredDay(iso(one), value, over) for one, value, over in s.days),
            ),
            against=tuple(against),
            evidence=ctx.evidence([mark for mark in ctx.licence.marks if start <= mark.time < end]),
        )

    def holds(self, ctx: Context, s: AnomalyState, p: AnomalyParams, day: int) -> bool:
        """Whether the last scored day was over the threshold, unless a week went by without another or the model was retired."""
        roles = ctx.partition.models.get(ANOMALY)
        return roles is not None and roles.champion != "" and bool(s.days) and s.days[-1][2] and s.days[-1][0] > day - p.silent_days


RULE = Anomaly()
