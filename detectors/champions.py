"""Models at their place in the log: who is champion of what, and what it last said of a licence.

A model event makes a version champion or challenger of a name, for what comes after it. A score counts while the version that gave
it is the champion: a replay asks no model, since the scores it would give, and who was champion then, stand in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import number

if TYPE_CHECKING:
    from detectors.events import ModelEvent, Score
    from detectors.state import LicenceState, PartitionState

#: The model whose scores are an alert of their own.
ANOMALY = "anomaly"
#: The model whose score an alert of a rule carries; rules that are not here have none.
MODEL_OF = {
    "account-takeover": "takeover",
    "anomaly": ANOMALY,
    "autodial": "autodial",
    "call-centre": "call-centre",
    "licence-sharing": "licence-sharing",
}
#: Scores are kept as whole ten-thousandths, which is how they are rounded.
PARTS = 10_000


class Roles(msgspec.Struct, array_like=True):
    """The versions of one model.

    ``threshold`` is the champion's review threshold in ten-thousandths (-1: it came without one), ``term`` how many champions the
    name had: a score is of the champion in force when it is of the same term.
    """

    champion: str = ""
    threshold: int = -1
    challenger: str = ""
    term: int = 0


class Scored(msgspec.Struct, array_like=True):
    """The champion's last opinion of a licence: the day it is of, the score in ten-thousandths, and the champion's term."""

    day: int
    score: int
    term: int


def on_move(models: dict[str, Roles], event: ModelEvent) -> None:
    """A version becomes champion or challenger of its name, or leaves both roles."""
    roles = models.setdefault(event.name, Roles())
    if event.role == "champion":
        roles.threshold = -1 if event.threshold is None else parts(event.threshold)
        if roles.champion != event.version:
            roles.champion, roles.term = event.version, roles.term + 1
        if roles.challenger == event.version:
            roles.challenger = ""
    elif event.role == "challenger":
        roles.challenger = event.version
    else:
        # Without a version: whatever has a role. The term stays, or an old score would be of the next champion.
        if event.version in ("", roles.champion):
            roles.champion, roles.threshold = "", -1
        if event.version in ("", roles.challenger):
            roles.challenger = ""


def accept(models: dict[str, Roles], scores: dict[str, Scored], event: Score) -> str:
    """Take a score over when the champion in force gave it.

    Returns:
        Under which count it was left out, empty when it was taken.
    """
    roles = models.get(event.model)
    # A version that was promoted since it scored is the champion now, whatever it was then.
    if roles is None or not roles.champion or roles.champion != event.model_version:
        return "challenger_scores" if event.role == "challenger" else "stale_scores"
    day, known = number(event.day), scores.get(event.model)
    if known is None or day >= known.day or known.term != roles.term:
        scores[event.model] = Scored(day, parts(event.score), roles.term)
    return ""


def of_rule(state: PartitionState, licence: LicenceState, rule: str) -> tuple[float | None, str | None]:
    """Score and version that an alert of the rule says: those of its model's champion, if it has said anything of the licence."""
    roles = state.models.get(MODEL_OF.get(rule, ""))
    if roles is None or not roles.champion:
        return None, None
    said = licence.scores.get(MODEL_OF[rule])
    return (None if said is None or said.term != roles.term else said.score / PARTS), roles.champion


def parts(score: float) -> int:
    """A score as whole ten-thousandths.

    >>> parts(0.91236)
    9124
    """
    return round(score * PARTS)
