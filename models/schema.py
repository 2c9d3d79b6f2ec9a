"""The features of a licence-day: name, unit and meaning, in the order of the columns (those of a week: ``models.weeks``).

This list is the only place that names them: the extractor, the Parquet file, ``docs/features.md`` and the hash that a model is
tied to are made from it. A change of name, unit or order changes the hash, and a model trained on another one is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from detectors.digest import identifier

Unit = Literal["calls", "cents", "days", "flag", "hours", "items", "ratio", "registrations", "seconds"]


class Feature(NamedTuple):
    """One column."""

    name: str
    unit: Unit
    meaning: str


#: Distinct things counted apart, per licence and day; more of them read as this many. A person uses two phones, a trunk calls
#: hundreds of numbers; the limits keep the state of a siege or of a dialler bounded.
MOST_DEVICES, MOST_DESTINATIONS = 32, 512
#: Calls whose starts and ends are kept for gaps and concurrency: the latest of the day.
MOST_CALLS = 512
#: Answered calls of this length or less are short, of this length or more long (milliseconds).
SHORT, LONG = 6_000, 1_800_000
#: Lower bounds of the talk histogram, in seconds: powers of two, so that a voicemail greeting and a conversation are columns apart.
LENGTHS = (0, 8, 16, 32, 64, 128, 256, 512, 1024)
#: Days of the trailing means.
WEEK, MONTH = 7, 28

_OUTSIDE = "outgoing calls to numbers outside the customer's system"


def _lengths() -> list[Feature]:
    found = []
    for index, least in enumerate(LENGTHS):
        most = LENGTHS[index + 1] - 1 if index + 1 < len(LENGTHS) else None
        name = f"talk_{least}_{most}" if most is not None else f"talk_{least}_up"
        words = f"from {least} to {most} whole seconds" if most is not None else f"{least} seconds or more"
        found.append(Feature(name, "calls", f"answered outgoing calls that talked {words}"))
    return found


def _means() -> list[Feature]:
    return [
        Feature(
            f"{name}_mean_{days}d",
            unit,
            f"mean of `{name}` per calendar day of the {days} days before this one, days without a row as 0; "
            "for a licence first seen later, of the days since; 0 on its first day",
        )
        for name, unit in HISTORY
        for days in (WEEK, MONTH)
    ]


#: What the trailing means are taken of.
HISTORY: tuple[tuple[str, Unit], ...] = (("attempts", "calls"), ("talk_seconds", "seconds"), ("destinations", "items"))

FEATURES: tuple[Feature, ...] = (
    Feature("registrations", "registrations", "accepted REGISTER requests, refreshes too; a folded record counts all it stands for"),
    Feature("failed_registrations", "registrations", "REGISTER requests with rejected credentials, or refused by the PBX"),
    Feature("devices", "items", f"distinct phones that registered or were on a call, at most {MOST_DEVICES}"),
    Feature("networks", "items", f"distinct networks (/24, /48) they used, at most {MOST_DEVICES}"),
    Feature("countries", "items", f"distinct countries of their addresses, at most {MOST_DEVICES}"),
    Feature("agent_families", "items", f"distinct User-Agent families that registered, at most {MOST_DEVICES}"),
    Feature("abroad", "flag", "1 when the day is an abroad day by the rules of location"),
    Feature("silent", "flag", "1 when the day is neither at home nor abroad: no evidence of a place"),
    Feature("weekend", "flag", "1 on Saturday and Sunday"),
    Feature("attempts", "calls", _OUTSIDE),
    Feature("answered", "calls", "of them answered"),
    Feature("unanswered", "calls", "of them not answered"),
    Feature("cancelled", "calls", "not answered, given up by the caller (ended by the caller, or 487)"),
    Feature("busy", "calls", "not answered, busy (486, 600 or cause 17)"),
    Feature("failed", "calls", "not answered, any other final answer that says nobody's phone rang (4xx to 6xx without 408, 480 and 603)"),
    Feature("talk_seconds", "seconds", "talk of answered outgoing calls, whole seconds of their sum"),
    Feature("talk_mean", "seconds", "mean talk of an answered outgoing call, 0 without one"),
    *_lengths(),
    Feature("short_answered", "calls", f"answered outgoing calls of {SHORT // 1000} seconds or less"),
    Feature("long_answered", "calls", f"answered outgoing calls of {LONG // 60_000} minutes or more"),
    Feature("destinations", "items", f"distinct numbers called, answered or not, at most {MOST_DESTINATIONS}"),
    Feature("called_once", "ratio", "share of those numbers called exactly once, 0 without calls"),
    Feature("top_destination", "calls", "calls to the number called most"),
    Feature("sequence", "calls", "longest run of calls in which each number is the previous one plus one"),
    Feature("gap_mean", "seconds", f"mean time from one call's start to the next one's, over the latest {MOST_CALLS}; 0 under two calls"),
    Feature("gap_variation", "ratio", "their standard deviation over their mean, three decimals; 1, as at random, under three calls"),
    Feature("busiest_hour", "calls", "outgoing calls that began in the busiest hour of the clock"),
    Feature("active_hours", "hours", "hours of the clock in which an outgoing call began"),
    Feature("night_calls", "calls", "outgoing calls begun from 22:00 to 7:00"),
    Feature("concurrent", "calls", f"most outgoing calls up at once, from their start to their end, of the latest {MOST_CALLS}"),
    Feature("mobile", "calls", "outgoing calls to mobile numbers of the home zone"),
    Feature("fixed", "calls", "outgoing calls to fixed numbers of the home zone"),
    Feature("international", "calls", "outgoing calls to another country, international premium and satellite numbers included"),
    Feature("surcharged", "calls", "outgoing calls to the surcharged classes"),
    Feature("high_risk", "calls", "outgoing calls to the high-risk classes (counted above, too)"),
    Feature("diverted", "calls", "outgoing calls that are a diversion of an incoming one"),
    Feature("cost_cents", "cents", "rated cost of the answered outgoing calls, three decimals"),
    Feature("inbound", "calls", "calls from outside to the licence"),
    Feature("inbound_answered", "calls", "of them answered"),
    Feature("outbound_inbound", "ratio", "`attempts` over `inbound`, which counts as 1 when it is 0"),
    Feature("internal", "calls", "calls inside the customer's system, placed or received"),
    Feature("late", "items", "registrations and calls told on this day after their own had closed; counted nowhere else"),
    *_means(),
)


def schema_hash(features: Sequence[Feature]) -> str:
    """Digest of the ordered names and units."""
    return identifier("fs", *(part for feature in features for part in (feature.name, feature.unit)))


NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SCHEMA_HASH = schema_hash(FEATURES)
