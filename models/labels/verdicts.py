"""From decisions to labels: what each alert was judged to be, as it stood at an instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Verdict = Literal["breach", "no_breach", "inconclusive"]
Part = Literal["first", "second", "lead", "undo", "reinstate"]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of a person, wherever it is kept.

    ``at`` in milliseconds. ``second_of`` is the decision that a second one looked at again, ``undoes`` the one that an undo takes
    back. ``blind``: a second person did not see the first verdict; None when the source does not tell. ``weak``: not one look at one
    alert, such as a set judged at once. ``update`` is the alert's statement that was on the screen, 0 when unknown.
    """

    decision_id: str
    alert_id: str
    at: int
    part: Part = "first"
    verdict: Verdict
    reviewer: str | None = None
    second_of: str | None = None
    undoes: str | None = None
    blind: bool | None = None
    weak: bool = False
    update: int = 0


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert was judged to be: the verdict that counts, and the second one if there is one.

    ``conflict``: two persons disagreed in the round that gave it, also when a lead settled it.
    """

    given: Given
    second: Given | None
    conflict: bool


def judged(decisions: Iterable[Given], as_of: int) -> dict[str, Judged]:
    """The label of each alert as it stood before ``as_of`` (milliseconds), by alert.

    A decision of ``as_of`` or later does not exist yet, nor does an undo of it. Service given back is no verdict.

    >>> first = Given(decision_id="d1", alert_id="a", at=1, verdict="breach", reviewer="mina")
    >>> second = Given(decision_id="d2", alert_id="a", at=5, part="second", second_of="d1", verdict="no_breach", reviewer="noe")
    >>> judged([second, first], 5)["a"].second is None, judged([second, first], 6)["a"].conflict
    (True, True)
    """
    known = sorted((one for one in decisions if one.at < as_of), key=lambda one: (one.at, one.part != "first", one.decision_id))
    undone = {one.undoes for one in known}
    by_alert: dict[str, list[Given]] = {}
    for one in known:
        if one.part not in ("undo", "reinstate") and one.decision_id not in undone:
            by_alert.setdefault(one.alert_id, []).append(one)
    return {alert_id: _label(found) for alert_id, found in by_alert.items()}


def _label(found: list[Given]) -> Judged:
    """The latest judgement among the standing decisions on an alert, which are in order."""
    begin = max((index for index, one in enumerate(found) if one.part == "first"), default=0)
    under_way = found[begin:]
    by_id = {one.decision_id: one for one in under_way}
    seconds = [one for one in under_way if one.part == "second"]
    last = under_way[-1]
    # A second one that agrees settles the decision it names, which may itself have been a second one that a lead agreed with.
    given = by_id.get(last.second_of or "", last) if last.part == "second" else last
    others = [one for one in seconds if one is not given]
    conflict = any(one.verdict != by_id[one.second_of].verdict for one in seconds if one.second_of in by_id)
    return Judged(given=given, second=others[-1] if others else None, conflict=conflict)
