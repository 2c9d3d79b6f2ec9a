"""Verdicts beside features as they were when each was given.

What came later than ``as_of`` does not count, nor does what was not known at the decision: the features are those of the latest
licence-day that is not after the day the alert is about and whose row was there before the person judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from detectors.days import EPOCH, DayClock, day_clock, iso
from models.labels.alerts import Said, on_screen
from models.labels.errors import LabelsRefused
from models.labels.file import Label, write
from models.labels.pseudonyms import Pseudonyms
from models.labels.verdicts import Given, Judged, judged
from models.parquet import FeatureRows
from models.schema import NAMES

#: Verdicts as numbers; *inconclusive* is none.
CLASSES = {"breach": 1, "no_breach": 0}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is asked for: ``as_of`` in milliseconds; ``rules`` to take (empty: all); whether policies may be mixed."""

    as_of: int
    purpose: str
    rules: tuple[str, ...] = ()
    mix_policies: bool = False


class Balance(msgspec.Struct):
    """Labels of one rule, by verdict."""

    breach: int = 0
    no_breach: int = 0
    inconclusive: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.breach + self.no_breach + self.inconclusive


class Missing(msgspec.Struct, frozen=True):
    """A decided alert without a row of features: its id, rule and the day it is about."""

    alert_id: str
    rule: str
    day: str


class Exported(msgspec.Struct, kw_only=True):
    """What came of an export. ``decided`` = rows + ``without_row`` + ``tenant_wide`` + ``other_rules`` + ``unknown``.

    ``unknown`` alerts were judged but are not among the alerts given; ``audits`` of the rows were drawn by lot.
    """

    decided: int = 0
    rows: int = 0
    without_row: list[Missing] = []
    tenant_wide: int = 0
    other_rules: int = 0
    unknown: int = 0
    balance: dict[str, Balance] = {}
    seconds: int = 0
    conflicts: int = 0
    audits: int = 0
    weak: int = 0
    policies: dict[str, int] = {}


def export(
    decisions: Iterable[Given],
    statements: Mapping[str, Sequence[Said]],
    features: FeatureRows,
    names: Pseudonyms,
    asked: Asked,
    target: Path,
) -> Exported:
    """Write the file of labels.

    Args:
        decisions: every decision, in any order.
        statements: those of the alerts that were decided, by alert.
        features: rows of days.
        names: pseudonyms.
        asked: what is wanted.
        target: the file; replaced whole.

    Raises:
        LabelsRefused: rows of weeks were given, or the labels come from several policies and that was not asked for.
    """
    if features.rows != "day":
        raise LabelsRefused("labels go with rows of days: write them with vigie features without --rows week")
    clock = day_clock(features.day_zone)
    found, pairs = Exported(), list[tuple[Label, int]]()
    index = _index(features)
    closed = features.closed_at.astype(np.int64)
    for alert_id, one in sorted(judged(decisions, asked.as_of).items()):
        found.decided += 1
        said = on_screen(statements.get(alert_id, ()), one.given.update, one.given.at)
        if said is None:
            found.unknown += 1
        elif asked.rules and said.rule not in asked.rules:
            found.other_rules += 1
        elif said.licence is None:
            found.tenant_wide += 1
        else:
            begin, days = index.get((said.tenant, said.licence), _NOTHING)
            row = _row(days, closed[begin : begin + len(days)], said.crossing_day(clock), one.given.at)
            if row is None:
                found.without_row.append(Missing(alert_id, said.rule, iso(said.crossing_day(clock))))
            else:
                pairs.append((_label(said, one, names, int(days[row]), clock), begin + row))
                _tell(found, said, one)
    if len(found.policies) > 1 and not asked.mix_policies:
        told = ", ".join(f"{version} ({count})" for version, count in sorted(found.policies.items()))
        raise LabelsRefused(
            f"these verdicts were given under {len(found.policies)} policies: {told}; a limit that moved makes labels of two kinds: "
            "narrow them with --rule or another --as-of, or mix them knowingly with --mix-policies"
        )
    pairs.sort(key=lambda pair: (pair[0].decided_at, pair[0].alert_id))
    found.rows = len(pairs)
    matrix = features.matrix[[row for _, row in pairs]] if pairs else np.empty((0, len(NAMES)))
    write(target, [label for label, _ in pairs], matrix, asked.as_of, asked.purpose)
    return found


Days = np.ndarray[Any, Any]
_NOTHING: tuple[int, Days] = (0, np.empty(0, np.int64))


def _index(features: FeatureRows) -> dict[tuple[str, str], tuple[int, Days]]:
    """Where the rows of each licence begin, and their days in order."""
    count = len(features.day)
    if not count:
        return {}
    tenant, licence = features.tenant, features.licence
    starts = np.flatnonzero(np.concatenate(([True], (tenant[1:] != tenant[:-1]) | (licence[1:] != licence[:-1])))).tolist()
    days = (features.day - np.datetime64(EPOCH)).astype(np.int64)
    ends = [*starts[1:], count]
    return {(tenant[begin], licence[begin]): (begin, days[begin:end]) for begin, end in zip(starts, ends, strict=True)}


def _row(days: Days, closed: Days, day: int, at: int) -> int | None:
    """The latest row that is not after the alert's day and was there before ``at``."""
    fit = np.flatnonzero((days <= day) & (closed < at))
    return int(fit[-1]) if len(fit) else None


def _label(said: Said, one: Judged, names: Pseudonyms, day: int, clock: DayClock) -> Label:
    given, second = one.given, one.second
    assert said.licence is not None
    return Label(
        alert_id=names.of("alert", said.alert_id),
        rule=said.rule,
        clause=said.clause,
        level=said.level,
        tenant=names.of("tenant", said.tenant),
        licence=names.of("licence", said.tenant, said.licence),
        day=day,
        row_age_days=said.crossing_day(clock) - day,
        decided_at=given.at,
        verdict=given.verdict,
        label=CLASSES.get(given.verdict),
        reviewer=names.of("person", given.reviewer) if given.reviewer else "",
        blind=second.blind if second is not None else None,
        second_verdict=second.verdict if second is not None else None,
        second_reviewer=names.of("person", second.reviewer) if second is not None and second.reviewer else None,
        sampling=said.sampling,
        propensity=said.propensity if said.sampling == "audit" and said.propensity is not None else 1.0,
        weak=given.weak,
        policy_version=said.policy_version,
        origin=said.origin,
    )


def _tell(found: Exported, said: Said, one: Judged) -> None:
    balance = found.balance.setdefault(said.rule, Balance())
    setattr(balance, one.given.verdict, getattr(balance, one.given.verdict) + 1)
    found.seconds += one.second is not None
    found.conflicts += one.conflict
    found.audits += said.sampling == "audit"
    found.weak += one.given.weak
    found.policies[said.policy_version] = found.policies.get(said.policy_version, 0) + 1
