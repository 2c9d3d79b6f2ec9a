"""Which plots an alert has: those of its rule, then those of the signs that joined it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from console.plots.clock import Clock
from console.plots.facts import Facts, entries, said
from console.plots.pen import Pen
from console.plots.plot import Plot
from console.plots.rules.abroad import abroad
from console.plots.rules.anomaly import anomaly
from console.plots.rules.bothering import harassment, mass_sending
from console.plots.rules.dialling import autodial, call_centre, gateway
from console.plots.rules.spending import long_call, many_destinations, paid_destination, toll_fraud, wangiri
from console.plots.rules.using import account_takeover, group_emits, licence_sharing, moved_line, unapproved_terminal
from console.plots.words import Words

#: The plots of each rule. One of another house has none: its facts are listed as they are.
RULES: dict[str, Callable[[Pen], None]] = {
    "abroad-stay": abroad,
    "abroad-total": abroad,
    "account-takeover": account_takeover,
    "anomaly": anomaly,
    "autodial": autodial,
    "call-centre": call_centre,
    "gateway": gateway,
    "group-emits": group_emits,
    "harassment": harassment,
    "licence-sharing": licence_sharing,
    "long-call": long_call,
    "many-destinations": many_destinations,
    "mass-fax": mass_sending,
    "mass-messaging": mass_sending,
    "moved-line": moved_line,
    "paid-destination": paid_destination,
    "toll-fraud": toll_fraud,
    "unapproved-terminal": unapproved_terminal,
    "wangiri": wangiri,
}


def plots_of(alert: Mapping[str, Any], lang: str = "en", zone: str = "Europe/Paris", prefix: str = "plot") -> list[Plot]:
    """The plots of an alert, the most telling first; at most three of them stand above the fold.

    Args:
        alert: an alert as on the wire; a field that is missing or of another kind leaves its part of a plot empty.
        lang: language of the words, ``en`` or ``fr``.
        zone: IANA name of the time zone of axes and tables.
        prefix: what the ids of the plots begin with; two alerts on one page need two.
    """
    words, clock = Words(lang), Clock(zone)
    facts = alert.get("facts")
    if not isinstance(facts, Mapping):
        return []
    plots = _drawn(alert, facts, prefix, words, clock, folded=False)
    for place, sign in enumerate(entries(facts, "attached")):
        joined = sign.get("facts")
        if isinstance(joined, Mapping):
            plots += _drawn(sign, joined, f"{prefix}-with-{place + 1}", words, clock, folded=True)
    return plots


def _drawn(alert: Mapping[str, Any], facts: Facts, prefix: str, words: Words, clock: Clock, folded: bool) -> list[Plot]:
    rule = said(alert, "rule")
    if rule not in RULES:
        return []
    pen = Pen(alert, facts, f"{re.sub('[^A-Za-z0-9_-]', '-', prefix)}-{rule}", words, clock, folded)
    RULES[rule](pen)
    return pen.plots
