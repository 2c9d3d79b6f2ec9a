"""Reasons in words: what a figure was, and what it is on a usual day.

>>> reason("attempts", 215, 4, "day"), reason("talk_seconds", 11_100, 95, "day")
('215 calls out, against 4 on a usual day', '3 h 05 min of talk, against 1 min 35 s on a usual day')
>>> reason("called_once", 0.82, 0.4, "day"), reason("abroad", 1, 0, "day")
('82 % of the numbers called once, against 40 % on a usual day', 'a day abroad, which is not usual')
"""

from __future__ import annotations

from collections.abc import Callable

from models.schema import FEATURES
from models.weeks import WEEK_FEATURES

_UNITS: dict[str, str] = {feature.name: feature.unit for feature in (*WEEK_FEATURES, *FEATURES)}

#: What stands behind a figure; a feature that is not here is said by its name.
_WORDS = {
    "registrations": "registrations",
    "failed_registrations": "failed registrations",
    "devices": "phones",
    "networks": "networks",
    "countries": "countries",
    "agent_families": "kinds of phone",
    "attempts": "calls out",
    "answered": "answered calls out",
    "unanswered": "unanswered calls out",
    "cancelled": "calls given up by the caller",
    "busy": "busy numbers",
    "failed": "failed calls",
    "talk_seconds": "of talk",
    "talk_mean": "of talk a call",
    "short_answered": "answered calls of 6 s or less",
    "long_answered": "answered calls of 30 min or more",
    "destinations": "different numbers called",
    "called_once": "of the numbers called once",
    "top_destination": "calls to one number",
    "sequence": "numbers dialled in sequence",
    "gap_mean": "between calls",
    "gap_variation": "variation of the gaps between calls",
    "busiest_hour": "calls in the busiest hour",
    "active_hours": "hours with calls out",
    "night_calls": "calls at night",
    "concurrent": "calls at once",
    "mobile": "calls to mobile numbers",
    "fixed": "calls to fixed numbers",
    "international": "calls abroad",
    "surcharged": "calls to surcharged numbers",
    "high_risk": "calls to high-risk numbers",
    "diverted": "diverted calls",
    "cost_cents": "of calls",
    "inbound": "calls in",
    "inbound_answered": "answered calls in",
    "outbound_inbound": "calls out for each call in",
    "internal": "internal calls",
    "late": "late reports",
    "attempts_mean_7d": "calls out a day in the week before",
    "attempts_mean_28d": "calls out a day in the four weeks before",
    "talk_seconds_mean_7d": "of talk a day in the week before",
    "talk_seconds_mean_28d": "of talk a day in the four weeks before",
    "destinations_mean_7d": "different numbers a day in the week before",
    "destinations_mean_28d": "different numbers a day in the four weeks before",
}
_FLAGS = {"abroad": "a day abroad", "silent": "a day without a place", "weekend": "a day of the weekend"}
#: Ratios that are no share of something.
_RATIOS = frozenset({"gap_variation", "outbound_inbound"})
_TALK = "talk_"


def reason(name: str, value: float, usual: float, rows: str) -> str:
    """One reason.

    Args:
        name: of the feature.
        value: what it was.
        usual: its median over the rows that the model learned from.
        rows: what a row is of, ``day`` or ``week``.
    """
    if _UNITS.get(name) == "flag":
        said = _FLAGS.get(name, name.replace("_", " "))
        return f"{said}, which is not usual" if value else f"not {said}, which is usual"
    written = _writer(name)
    return f"{written(value)} {_words(name)}, against {written(usual)} {'on a usual day' if rows == 'day' else 'in a usual week'}"


def _words(name: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    least, _, most = name.removeprefix(_TALK).partition("_")
    if name.startswith(_TALK) and least.isdecimal():
        return f"answered calls of {least} s or more" if most == "up" else f"answered calls of {least} to {most} s"
    return name.replace("_", " ")


def _writer(name: str) -> Callable[[float], str]:
    unit = _UNITS.get(name)
    if unit == "seconds":
        return _length
    if unit == "cents":
        return lambda cents: f"{cents / 100:.2f} €"
    if unit == "ratio" and name not in _RATIOS:
        return lambda share: f"{share * 100:.0f} %"
    return lambda value: f"{value:.2f}".rstrip("0").rstrip(".")


def _length(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
