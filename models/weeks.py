"""The features of a licence-week: what its days add up to, and what only a whole week shows.

A week is Monday to Sunday in the policy's ``day_zone`` (ISO 8601) and is named by its last day. It is made of the rows of its days as
they close, so a week can say nothing that its days did not know, and what is remembered of it stays small: sums, maxima, four
short lists of digests and, for the numbers called, 128 bytes.

>>> from detectors.days import iso, number
>>> iso(last_day(number("2026-03-04")))
'2026-03-08'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from detectors.days import weekday
from models.schema import FEATURES, LENGTHS, MOST_DEVICES, NAMES, Feature, schema_hash

if TYPE_CHECKING:
    from models.features import Day

#: Weeks of the trailing means.
WEEKS = 4
#: Cells of the table that counts the numbers called in a week: with 1,024 of them 500 numbers are counted to 2 %, 20 exactly.
CELLS = 1_024
_FIRST = NAMES.index("talk_0_7")
_TALKS = NAMES[_FIRST : _FIRST + len(LENGTHS)]
#: Columns of a day that a week adds up, and those of which it keeps the largest. States hold their values in this order: a new
#: one is added at the end.
SUMS = (
    *("registrations", "failed_registrations", "attempts", "answered", "cancelled", "busy", "failed", "talk_seconds", *_TALKS),
    *("short_answered", "long_answered", "active_hours", "night_calls", "mobile", "fixed", "international", "surcharged"),
    *("high_risk", "diverted", "inbound", "inbound_answered", "internal", "late"),
)
TOPS = ("attempts", "top_destination", "sequence", "busiest_hour", "concurrent")
#: Columns whose mean over the weeks before is told.
HISTORY = (("attempts", "calls"), ("talk_seconds", "seconds"), ("destinations", "items"))

_DAY = {feature.name: feature for feature in FEATURES}


def _sum(name: str) -> Feature:
    feature = _DAY[name]
    return Feature(name, feature.unit, f"`{name}` of its days, added up")


def _top(name: str, of: str) -> Feature:
    return Feature(f"{name}_day_most", _DAY[name].unit, f"largest `{name}` of its days: {of}")


WEEK_FEATURES: tuple[Feature, ...] = (
    Feature("days", "days", "days of the week that have a row"),
    Feature("call_days", "days", "of them with an outgoing call"),
    Feature("working_days", "days", "of those from Monday to Friday"),
    Feature("abroad_days", "days", "days abroad by the rules of location"),
    Feature("silent_days", "days", "days with a row that are neither at home nor abroad"),
    Feature("weekend_calls", "calls", "outgoing calls on Saturday and Sunday"),
    _sum("registrations"),
    _sum("failed_registrations"),
    Feature("devices", "items", f"distinct phones of the week, at most {MOST_DEVICES}"),
    Feature("networks", "items", f"distinct networks (/24, /48) of the week, at most {MOST_DEVICES}"),
    Feature("countries", "items", f"distinct countries of the week, at most {MOST_DEVICES}"),
    Feature("agent_families", "items", f"distinct User-Agent families of the week, at most {MOST_DEVICES}"),
    _sum("attempts"),
    _sum("answered"),
    Feature("unanswered", "calls", "outgoing calls that were not answered"),
    _sum("cancelled"),
    _sum("busy"),
    _sum("failed"),
    _sum("talk_seconds"),
    Feature("talk_mean", "seconds", "mean talk of an answered outgoing call, 0 without one"),
    *(_sum(name) for name in _TALKS),
    _sum("short_answered"),
    _sum("long_answered"),
    Feature("destinations", "items", "distinct numbers called, answered or not: an estimate, exact up to about 20, 2 % off at 500"),
    Feature("calls_per_destination", "ratio", "`attempts` over `destinations`, 0 without calls"),
    _sum("active_hours"),
    _sum("night_calls"),
    _sum("mobile"),
    _sum("fixed"),
    _sum("international"),
    _sum("surcharged"),
    _sum("high_risk"),
    _sum("diverted"),
    Feature("cost_cents", "cents", "rated cost of the answered outgoing calls, three decimals"),
    _sum("inbound"),
    _sum("inbound_answered"),
    Feature("outbound_inbound", "ratio", "`attempts` over `inbound`, which counts as 1 when it is 0"),
    _sum("internal"),
    _sum("late"),
    Feature("late_days", "days", "days of earlier weeks whose rows closed in this week, after their own week's row; added up nowhere"),
    _top("attempts", "its busiest day"),
    _top("top_destination", "most calls of a day to one number"),
    _top("sequence", "its longest run of numbers in sequence"),
    _top("busiest_hour", "its busiest hour"),
    _top("concurrent", "most calls up at once"),
    *(
        Feature(
            f"{name}_mean_{WEEKS}w",
            unit,  # type: ignore[arg-type]
            f"mean of `{name}` of the {WEEKS} weeks before this one, weeks without a row as 0; for a licence first seen later, of the "
            "weeks since; 0 in its first week",
        )
        for name, unit in HISTORY
    ),
)

WEEK_NAMES: tuple[str, ...] = tuple(feature.name for feature in WEEK_FEATURES)
WEEK_SCHEMA_HASH = schema_hash(WEEK_FEATURES)


class Week(msgspec.Struct, array_like=True):
    """A week that has not closed.

    ``sums`` and ``tops`` follow ``SUMS`` and ``TOPS``; ``cost`` is in thousandths of a cent; ``called`` is the table of the numbers
    called, one bit for each cell.
    """

    days: int = 0
    call_days: int = 0
    working_days: int = 0
    abroad_days: int = 0
    silent_days: int = 0
    weekend_calls: int = 0
    late_days: int = 0
    cost: int = 0
    sums: list[int] = []
    tops: list[int] = []
    devices: list[int] = []
    networks: list[int] = []
    countries: list[str] = []
    agents: list[int] = []
    called: bytes = b""


def last_day(day: int) -> int:
    """The Sunday of a day's week."""
    return day + 6 - weekday(day)


def add(week: Week, day: int, counts: Day, values: Mapping[str, float]) -> None:
    """Add a day as it closes: its counts, and its row by name."""
    week.days += 1
    if counts.attempts:
        week.call_days += 1
        if weekday(day) < 5:
            week.working_days += 1
        else:
            week.weekend_calls += counts.attempts
    week.abroad_days += bool(values["abroad"])
    week.silent_days += bool(values["silent"])
    week.cost += counts.cost
    week.sums = [old + int(values[name]) for old, name in zip(week.sums or [0] * len(SUMS), SUMS, strict=True)]
    week.tops = [max(old, int(values[name])) for old, name in zip(week.tops or [0] * len(TOPS), TOPS, strict=True)]
    _unite(week.devices, counts.devices)
    _unite(week.networks, counts.networks)
    _unite(week.agents, counts.agents)
    for country in counts.countries:
        if country not in week.countries and len(week.countries) < MOST_DEVICES:
            week.countries.append(country)
    if counts.called:
        cells = int.from_bytes(week.called, "big")
        for digest in counts.called:
            cells |= 1 << digest % CELLS
        week.called = cells.to_bytes((cells.bit_length() + 7) // 8, "big")


def counted(called: bytes) -> int:
    r"""How many numbers were called, by the cells that they hit: as many as it takes on average to hit so many (linear counting).

    >>> counted(b""), counted(b"\x01"), counted((2**400 - 1).to_bytes(50, "big"))
    (0, 1, 507)
    """
    taken = int.from_bytes(called, "big").bit_count()
    # In thousandths: a sum of floats would not be the same in every order.
    return (sum(CELLS * 1_000 // (CELLS - hit) for hit in range(min(taken, CELLS - 1))) + 500) // 1_000


def row(week: Week, last: int, past: Mapping[int, tuple[int, int, int]], first: int) -> dict[str, float]:
    """The row of a week.

    Args:
        week: the week.
        last: its last day.
        past: the ``HISTORY`` values of earlier weeks, by their last day.
        first: the last day of the licence's first week with a row, or -1.
    """
    sums = dict(zip(SUMS, week.sums or [0] * len(SUMS), strict=True))
    tops = dict(zip(TOPS, week.tops or [0] * len(TOPS), strict=True))
    talked = sum(sums[name] for name in _TALKS)
    destinations = counted(week.called)
    values: dict[str, float] = {
        "days": week.days,
        "call_days": week.call_days,
        "working_days": week.working_days,
        "abroad_days": week.abroad_days,
        "silent_days": week.silent_days,
        "weekend_calls": week.weekend_calls,
        **sums,
        "devices": len(week.devices),
        "networks": len(week.networks),
        "countries": len(week.countries),
        "agent_families": len(week.agents),
        "unanswered": sums["attempts"] - sums["answered"],
        "talk_mean": sums["talk_seconds"] / talked if talked else 0,
        "destinations": destinations,
        "calls_per_destination": sums["attempts"] / destinations if destinations else 0,
        "cost_cents": week.cost / 1000,
        "outbound_inbound": sums["attempts"] / max(1, sums["inbound"]),
        "late_days": week.late_days,
        **{f"{name}_day_most": value for name, value in tops.items()},
    }
    known = min(WEEKS, (last - first) // 7) if first >= 0 else 0
    for column, (name, _) in enumerate(HISTORY):
        total = sum(then[column] for end, then in past.items() if last - 7 * WEEKS <= end < last)
        values[f"{name}_mean_{WEEKS}w"] = total / known if known else 0
    return values


def _unite(known: list[int], more: Iterable[int]) -> None:
    for digest in more:
        if digest not in known and len(known) < MOST_DEVICES:
            known.append(digest)
