"""Two runs over the same history, told apart: alerts, licences and money that appear or disappear.

An alert is named by when its limit was passed, so another limit gives the same behaviour another name. Two alerts are one when they
are of one rule and licence and their spans, from the beginning of the window to the last statement, overlap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from streams.outputs import ALERTS, SUSPENSIONS
from streams.times import parse_time

#: Alerts listed of each kind: a threshold of one makes an alert of every call. All of them are counted.
LISTED = 200
_SHOWN = (
    "alert_id",
    "rule",
    "tenant",
    "licence",
    "level",
    "mode",
    "measured",
    "limit",
    "unit",
    "summary",
    "money_at_risk_cents",
)
_COMPARED = (*_SHOWN, "state", "window", "crossed_at", "issued_at")

Row = dict[str, Any]


def compare(before: Path, after: Path, since: int | None = None) -> Row:
    """What differs between the results of two runs, as JSON.

    Args:
        before: directory of the results under the policy in force.
        after: directory of those under the changed one.
        since: only alerts whose limit was passed from this instant (ms) on, under one policy or the other, and suspensions of then;
            what came before only made the state.
    """
    old, new = _alerts(before), _alerts(after)
    gone, come, both = [], [], []
    for key in sorted(old.keys() | new.keys()):
        kept, left, added = _paired(old.get(key, []), new.get(key, []))
        both += kept
        gone += left
        come += added
    if since is not None:
        both = [(one, other) for one, other in both if max(_crossed(one), _crossed(other)) >= since]
        gone, come = ([row for row in rows if _crossed(row) >= since] for rows in (gone, come))
    changed = [(one, other) for one, other in both if (one["level"], one["crossed_at"]) != (other["level"], other["crossed_at"])]
    everything_old = [*(one for one, _ in both), *gone]
    everything_new = [*(other for _, other in both), *come]
    suspended_old, suspended_new = _suspended(before, since), _suspended(after, since)
    licences_old, licences_new = _licences(everything_old), _licences(everything_new)
    return {
        "alerts": {"before": len(everything_old), "after": len(everything_new), "appear": len(come), "disappear": len(gone)},
        "breaches": {"before": _breaches(everything_old), "after": _breaches(everything_new)},
        "licences": {
            "before": len(licences_old),
            "after": len(licences_new),
            "appear": len(licences_new - licences_old),
            "disappear": len(licences_old - licences_new),
        },
        "money": {
            "before": _money(everything_old),
            "after": _money(everything_new),
            "appear": _money(come),
            "disappear": _money(gone),
        },
        "suspended": {
            "before": len(suspended_old),
            "after": len(suspended_new),
            "appear": [list(one) for one in sorted(suspended_new - suspended_old)],
            "disappear": [list(one) for one in sorted(suspended_old - suspended_new)],
        },
        "rules": _by_rule(everything_old, everything_new),
        "appear": [_brief(row) for row in _dearest(come)],
        "disappear": [_brief(row) for row in _dearest(gone)],
        "changed": [{"before": _brief(one), "after": _brief(other)} for one, other in changed[:LISTED]],
        "changes": len(changed),
    }


def _records(path: Path) -> Iterator[Row]:
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                yield json.loads(line)


def _alerts(directory: Path) -> dict[tuple[str, str, str], list[Row]]:
    """The last statement of each alert by rule, tenant and licence; samples and withdrawn ones are no alerts."""
    last: dict[str, Row] = {}
    for record in _records(directory / ALERTS):
        if record.get("kind") == "alert" and record["level"] != "audit":
            # Without its facts and evidence: of a month of a large provider there are thousands, of 8 KiB each.
            last[record["alert_id"]] = {name: record[name] for name in _COMPARED}
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in last.values():
        if row["state"] != "withdrawn":
            found.setdefault((row["rule"], row["tenant"], row["licence"] or ""), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row["crossed_at"], row["alert_id"]))
    return found


def _paired(old: list[Row], new: list[Row]) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
    by_id = {row["alert_id"]: row for row in new}
    pairs = [(row, by_id.pop(row["alert_id"])) for row in old if row["alert_id"] in by_id]
    kept = {one["alert_id"] for one, _ in pairs}
    free, left = list(by_id.values()), []
    for row in (row for row in old if row["alert_id"] not in kept):
        begin, end = _span(row)
        other = next((one for one in free if _span(one)[0] <= end and _span(one)[1] >= begin), None)
        if other is None:
            left.append(row)
        else:
            free.remove(other)
            pairs.append((row, other))
    return pairs, left, free


def _span(row: Row) -> tuple[int, int]:
    return min(parse_time(row["window"]["from"]), parse_time(row["crossed_at"])), parse_time(row["issued_at"])


def _crossed(row: Row) -> int:
    return parse_time(row["crossed_at"])


def _suspended(directory: Path, since: int | None) -> set[tuple[str, str]]:
    """Licences that were restricted at any time."""
    return {
        (row["tenant"], row["licence"])
        for row in _records(directory / SUSPENSIONS)
        if row["state"] == "active" and (since is None or parse_time(row["issued_at"]) >= since)
    }


def _licences(rows: Iterable[Row]) -> set[tuple[str, str]]:
    return {(row["tenant"], row["licence"] or "") for row in rows}


def _breaches(rows: Iterable[Row]) -> int:
    return sum(row["level"] == "breach" for row in rows)


def _money(rows: Iterable[Row]) -> int:
    return sum(row["money_at_risk_cents"] for row in rows)


def _by_rule(old: list[Row], new: list[Row]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for side, rows in (("before", old), ("after", new)):
        for row in rows:
            counts = found.setdefault(row["rule"], {"before": {}, "after": {}})[side]
            counts[row["level"]] = counts.get(row["level"], 0) + 1
    return dict(sorted(found.items()))


def _dearest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row["money_at_risk_cents"], row["crossed_at"], row["alert_id"]))[:LISTED]


def _brief(row: Row) -> Row:
    return {**{name: row[name] for name in _SHOWN}, "crossed_at": parse_time(row["crossed_at"])}
