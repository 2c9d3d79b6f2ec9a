"""Alerts to draw: of every rule the one with the most in its facts, from the traffic in which the rule speaks, as on the wire."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from console.plots import plot
from console.plots.by_rule import plots_of
from console.plots.words import Words
from detectors.events import rank
from detectors.outputs import Alert
from detectors.registry import installed
from streams.writing import encode_output
from support.core import Bench, ms
from support.traffic import everything

STYLE = Path(plot.__file__).with_name("style.css")


@cache
def _said(rule: str) -> tuple[bytes, ...]:
    events = everything()
    if find_spec(f"support.abuse.{rule.replace('-', '_')}") is not None:
        events += import_module(f"support.abuse.{rule.replace('-', '_')}").traffic()
    events.sort(key=lambda e: (e.time, rank(e), e.pbx, e.id))
    bench = Bench(facts=[], detectors={rule: installed()[rule]}).feed(*events).until(ms("2026-04-25 12:00"))
    return tuple(encode_output(one) for one in bench.said if isinstance(one, Alert) and one.state == "open")


def statements_of(rule: str) -> list[dict[str, Any]]:
    """Everything that a rule says of its traffic, in order."""
    return [json.loads(line) for line in _said(rule)]


def alerts_of(rule: str) -> list[dict[str, Any]]:
    """Open alerts of a rule: of each licence and of the customer the statement with the most facts."""
    best: dict[str, bytes] = {}
    for line in _said(rule):
        alert = json.loads(line)
        key = f"{alert['licence']} {alert['facts'].get('kind', '')}"
        if len(line) >= len(best.get(key, b"")):
            best[key] = line
    return [json.loads(best[key]) for key in sorted(best)]


@cache
def samples() -> list[tuple[str, dict[str, Any]]]:
    """Every rule with the richest alerts of a licence and of a customer, and some that the traffic does not make."""
    found = []
    for rule in sorted(installed()):
        for wide in (False, True):
            alerts = [one for one in alerts_of(rule) if (one["licence"] is None) is wide]
            alerts.sort(key=lambda one: (one["level"] == "breach", len(json.dumps(one["facts"])), one["alert_id"]))
            found += [(f"{rule}{' (customer)' if wide else ''}", alert) for alert in alerts[-1:]]
    return found + made()


def made() -> list[tuple[str, dict[str, Any]]]:
    """Alerts by hand: a year in many countries with every kind of day, journeys and crowds, a busy fraud."""
    year = [
        ["2025-04-12", "2025-04-20", "CH", "calls"], ["2025-04-21", "2025-05-02", "", "home"],
        ["2025-05-03", "2025-05-20", "CH", "registrations"], ["2025-06-01", "2025-06-14", "ES", "exempt"],
        ["2025-06-15", "2025-06-30", "ES", "calls"], ["2025-07-01", "2025-08-20", "", "home"],
        ["2025-08-21", "2025-09-03", "MA", "calls"], ["2025-09-04", "2025-09-10", "MA", "registrations"],
        ["2025-09-20", "2025-10-02", "US", "restricted"], ["2025-10-03", "2025-10-09", "BE", "calls"],
        ["2025-10-10", "2025-10-12", "LU", "calls"], ["2025-10-20", "2026-01-10", "", "home"],
        ["2026-02-01", "2026-04-10", "CH", "calls"],
    ]  # fmt: skip
    abroad = {
        "calendar": year, "first": "2025-04-12", "last": "2026-04-10", "crossing": "2026-04-05", "abroad_days": 96, "call_days": 71,
        "registration_days": 25, "weak_days": 4, "home_days": 146, "silent_days": 60, "exempt_days": 14, "restricted_days": 13,
        "networks": 8, "agreed_days": 40, "notice_limit": 76, "breach_limit": 91, "without_weakest": 71, "without_weakest_breaches": False,
    }  # fmt: skip
    overlaps = [
        {
            "day": f"2026-01-{day:02}", "seconds": 300 * day - 1200,
            "lanes": [
                {"device": "Zoiper on <b>Léa's</b> laptop", "network": "10.1.2.0/24", "country": "FR",
                 "start": f"2026-01-{day:02}T09:10:05.000Z", "end": f"2026-01-{day:02}T10:15:05.000Z"},
                {"device": "phone", "network": "2001:db8::/48", "country": "BE",
                 "start": f"2026-01-{day:02}T09:30:05.000Z", "end": "" if day == 8 else f"2026-01-{day:02}T09:{5 * day + 10}:05.000Z"},
            ],
        }
        for day in range(5, 10)
    ]  # fmt: skip
    sharing = {
        "overlaps": overlaps,
        "distances": [
            {"day": "2026-01-07", "start": "2026-01-07T09:00:00.000Z", "start_country": "FR", "end": "2026-01-07T09:40:00.000Z",
             "end_country": "US", "km": 5500, "minutes": 40, "kmh": 8250, "same_device": False},
            {"day": "2026-01-08", "start": "2026-01-08T09:00:00.000Z", "start_country": "FR", "end": "2026-01-08T10:30:00.000Z",
             "end_country": "MA", "km": 1600, "minutes": 90, "kmh": 1066, "same_device": True},
        ],
        "crowd": [{"day": f"2026-01-{day:02}", "registered": 3 + day % 4, "in_30_days": 9} for day in range(3, 12)],
        "devices_limit": 4, "days": [], "licences": 0,
    }  # fmt: skip
    kinds = ("satellite", "intl_premium", "operator_risk", "intl_fixed_mobile")
    fraud = {
        "destinations": [
            {"range": f"+{881612 + 1373 * i}", "code": str(881 - i), "cls": kinds[i % 4], "new": "country" if i % 2 else "range",
             "attempts": 40 - 2 * i, "answered": 20 - i, "seconds": 3600 - 200 * i, "cents": 61250 - 4800 * i}
            for i in range(12)
        ],
        "more": 3, "attempts_per_hour": [0] * 20 + [3, 40, 190, 120],
        "usual_hours": ([0] * 8 + [4] * 4 + [1] * 2 + [3] * 5 + [0] * 5) * 5 + [0] * 48,
        "hour_of_week": 147, "signs": ["high-risk"], "attempts": 120, "at_once": 9, "hour_cents": 91250, "hour_limit_cents": 1500,
        "day_cents": 161250, "day_limit_cents": 5000, "history_days": 57,
    }  # fmt: skip
    broadcast = {
        "signs": [{"name": "by voice", "unit": "callees/24h", "measured": 240, "notice": 50, "breach": 100, "level": 2}],
        "by_hour": [0] * 15 + [40, 80, 60, 30, 20, 10, 0, 0, 0], "recipients": 240, "replies": 3, "pages": 0,
        "lengths_ms": [2000] * 8 + [14000] * 3 + [21000] * 70 + [24000] * 12 + [140000] * 2, "median_ms": 21000,
    }  # fmt: skip
    taken = {
        "stage": "takeover", "failures": 431, "sources": 3,
        "networks": [
            {"network": "198.51.100.0/24", "country": "NL", "failures": 400, "last": "2026-02-05T02:01:20.000Z"},
            {"network": "203.0.113.0/24", "country": "US", "failures": 30, "last": "2026-02-05T02:40:20.000Z"},
            {"network": "2001:db8:4400::/48", "country": "", "failures": 1, "last": "2026-02-05T01:10:20.000Z"},
        ],
        "accounts": [], "scanners": ["friendly-scanner"],
        "intruders": [{"at": "2026-02-05T02:41:00.000Z", "device": "x", "agent": "friendly-scanner <script>alert(1)</script>",
                       "network": "203.0.113.0/24", "country": "US", "cls": "hosting", "why": "scanner", "failures": 30}],
        "calls": [{"at": f"2026-02-05T03:{minute:02}:00.000Z", "number": "+88161234••••"} for minute in range(1, 40, 6)],
        "known_devices": 2, "known_networks": 3, "cost_cents": 17500,
        "attached": [{"rule": "toll-fraud", "level": "breach", "measured": 1, "limit": 1, "unit": "x", "facts": fraud}],
    }  # fmt: skip
    calls = [
        {"number": "+3314455••••", "answered": f"2026-03-{20 + i}T08:00:05Z", "ended": "" if i == 9 else f"2026-03-{20 + i}T11:41:45Z",
         "seconds": 7300 + 900 * i, "beyond_s": 100 + 900 * i}
        for i in range(10)
    ]  # fmt: skip
    window = {"from": "2025-04-11T22:00:00.000Z", "to": "2026-04-10T22:00:00.000Z"}
    base = {"kind": "alert", "level": "breach", "measured": 96, "limit": 91, "unit": "days", "window": window}
    facts: list[tuple[str, dict[str, Any]]] = [
        ("abroad-total", abroad), ("licence-sharing", sharing), ("toll-fraud", fraud), ("mass-messaging", broadcast),
        ("account-takeover", taken), ("long-call", {"calls": calls, "included_s": 7200, "ends_are_told": False}),
    ]  # fmt: skip
    return [
        (f"{rule} (made)", {**base, "rule": rule, "licence": "1", "alert_id": f"al-made-{rule}", "facts": shown}) for rule, shown in facts
    ]


def sheet(theme: str, lang: str, alerts: list[tuple[str, dict[str, Any]]]) -> str:
    """A page with every plot of some alerts, as wide as the console's."""
    words, parts = Words(lang), []
    for place, (name, alert) in enumerate(alerts):
        plots = plots_of(alert, lang, prefix=f"s{place}")
        for above, title in ((True, "above the fold"), (False, "below")):
            figures = "".join(plot.figure(one, words) for one in plots if one.above_fold is above)
            if figures:
                parts.append(f'<h2>{escape(name)} · {title}</h2><div class="plots">{figures}</div>')
    return (
        f'<!doctype html><html lang="{lang}" data-theme="{theme}"><meta charset="utf-8"><title>plots</title>'
        f'<link rel="stylesheet" href="sheet.css"><link rel="stylesheet" href="plots.css"><body>{"".join(parts)}</body></html>'
    )
