"""``vigie explain``: an alert in words, with the calendar of the days abroad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streams.outputs import ALERTS, SUSPENSIONS

#: What a day of the calendar is: its letter, so that it reads without colour, its style, and its words.
DAYS = {
    "calls": ("A", "bold white on red", "abroad, with calls"),
    "registrations": ("a", "red", "abroad, from registrations alone"),
    "exempt": ("x", "cyan", "abroad, exempt"),
    "restricted": ("r", "magenta", "abroad while restricted, not counted"),
    "home": ("h", "green", "at home"),
    "": ("·", "dim", "no evidence"),
}
MONTHS = 12
STYLES = {"breach": "bold red", "notice": "yellow", "audit": "dim"}


def explain(
    alert_id: Annotated[str, typer.Argument(help="The alert_id, or its beginning.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Directory of the results of a run.", show_default=False)],
) -> None:
    """Say in words why an alert was raised, and what speaks for the customer."""
    errors = Console(stderr=True)
    path = out / ALERTS
    try:
        statements = [one for one in _records(path) if str(one.get("alert_id", "")).startswith(alert_id)]
        decisions = list(_records(out / SUSPENSIONS))
    except OSError as error:
        errors.print(f"[red]error:[/red] {escape(str(path))}: {error.strerror}; give the --out of a finished run", soft_wrap=True)
        raise typer.Exit(3) from None
    found = sorted({one["alert_id"] for one in statements})
    if len(found) != 1:
        what = f"{alert_id!r} begins {len(found)} alerts; write more of it" if found else f"{path} has no alert {alert_id!r}"
        errors.print(f"[red]error:[/red] {escape(what)}", soft_wrap=True)
        raise typer.Exit(1)
    console = Console()
    for part in explained(statements, _decided_on(decisions, found[0])):
        console.print(part, soft_wrap=not isinstance(part, Table))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def _decided_on(decisions: list[dict[str, Any]], alert_id: str) -> list[dict[str, Any]]:
    """Records in which the alert is a cause, and the one after them in which it no longer is: the lift names no cause."""
    found: list[dict[str, Any]] = []
    before = False
    for one in decisions:
        now = any(cause["alert_id"] == alert_id for cause in one["causes"])
        same = bool(found) and (one["tenant"], one["licence"]) == (found[-1]["tenant"], found[-1]["licence"])
        if now or (before and same):
            found.append(one)
            before = now
    return found


def explained(statements: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """The parts of an explanation, in the order in which a person asks.

    Args:
        statements: all statements of one alert.
        decisions: suspensions that it caused, and their lifts.
    """
    last = max(statements, key=lambda one: one["update"])
    scope = last["tenant"] + (f"/{last['licence']}" if last["licence"] else " (the whole customer)")
    title = Text.assemble((last["level"].upper(), STYLES.get(last["level"], "")), f" {last['rule']} · article {last['clause']} · {scope}")
    yield title
    yield Text(f"{last['alert_id']} · {last['state']} · mode {last['mode']} · policy {last['policy_version']}", "dim")
    yield Text()
    yield Text(last["summary"])
    window = f"{_when(last['window']['from'])} to {_when(last['window']['to'])}"
    yield Text(f"Measured {last['measured']} {last['unit']}, limit {last['limit']}, from {window}.")
    yield Text(f"Crossed {_when(last['crossed_at'])}; said first {_when(min(one['issued_at'] for one in statements))}.")
    if last["money_at_risk_cents"] or last["money_if_wrong_cents"]:
        yield Text(f"At risk {_euros(last['money_at_risk_cents'])}; a wrong suspension costs {_euros(last['money_if_wrong_cents'])}.")
    calendar = last["facts"].get("calendar")
    if calendar:
        yield Text()
        yield from _calendar(calendar)
    signs = last["facts"].get("signs")
    if signs:
        yield Text()
        yield from _list("Signs", [_sign(one) for one in signs])
    yield Text()
    yield from _list("What speaks for the customer", last["against"] or ["nothing that was seen"])
    coverage = last["coverage"]
    covered = ", ".join(f"{what} {coverage[what]}" for what in ("location", "devices", "calls"))
    yield from _list("What could be seen", [covered, *coverage["notes"]])
    if len(statements) > 1:
        yield _statements(statements)
    if decisions:
        yield from _list("What was decided", [_decision(one) for one in decisions])
    if last["evidence"]:
        yield from _list("Evidence", [_evidence(one) for one in last["evidence"]])
        if last["evidence_more"]:
            yield Text(f"  and {last['evidence_more']} more")


def _list(title: str, lines: list[str]) -> Iterator[Text]:
    yield Text(title, "bold")
    for line in lines:
        yield Text(f"  {line}")


def _when(time: str) -> str:
    return f"{time[:10]} {time[11:19]} UTC"


def _euros(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02} €"


def _evidence(one: dict[str, Any]) -> str:
    parts = [_when(one["time"]), one["kind"]]
    if one["number"]:
        parts.append(f"to {one['number']}")
    if one["country"] or one["network"]:
        parts.append("from " + " ".join(part for part in (one["country"], one["network"]) if part))
    if one["src"]:
        parts.append(f"[{one['src']}" + (f":{one['line']}]" if one["line"] else "]"))
    return " ".join(parts)


def _sign(one: dict[str, Any]) -> str:
    limits = f"limit {one['limit']}" if "limit" in one else f"warns at {one['warn']}, strong at {one['strong']}"
    held = one["holds"] if "holds" in one else one.get("level", 0) > 0
    return f"{'!' if held else ' '} {one['name']}: {one['measured']} {one['unit']} ({limits})"


def _decision(one: dict[str, Any]) -> str:
    restrictions = ", ".join(one["restrictions"]) or "nothing"
    return (
        f"{_when(one['issued_at'])} {one['state']}: {restrictions} restricted (emergency calls never); customer code {one['customer_code']}"
    )


def _statements(statements: list[dict[str, Any]]) -> Table:
    table = Table(title="Statements", title_justify="left")
    for column in ("n", "said", "level", "mode", "measured", "state"):
        table.add_column(column, justify="right" if column in ("n", "measured") else "left")
    for one in sorted(statements, key=lambda one: one["update"]):
        cells = (str(one["update"]), _when(one["issued_at"]), one["level"], one["mode"], f"{one['measured']} {one['unit']}", one["state"])
        table.add_row(*cells, style=STYLES.get(one["level"], ""))
    return table


def _calendar(spans: list[list[str]]) -> Iterator[Text]:
    """Twelve months, a line each, up to the last day that is known; letters say the same as colours."""
    kinds: dict[date, str] = {}
    countries: dict[str, int] = {}
    for first, last, country, kind in spans:
        day, end = date.fromisoformat(first), date.fromisoformat(last)
        while day <= end:
            kinds[day] = kind
            if kind != "home" and country:
                countries[country] = countries.get(country, 0) + 1
            day += timedelta(days=1)
    newest = max(kinds)
    month = newest.replace(day=1)
    months = [month]
    for _ in range(MONTHS - 1):
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(month)
    yield Text("Days" + " " * 5 + "".join(f"{day:<5}" for day in (1, 6, 11, 16, 21, 26, 31)), "bold")
    for month in reversed(months):
        row = Text(f"{month:%Y-%m}  ")
        day = month
        while day.month == month.month and day <= newest:
            letter, style, _ = DAYS.get(kinds.get(day, ""), DAYS[""])
            row.append(letter, style)
            day += timedelta(days=1)
        yield row
    shown = sorted(set(kinds.values()), key=list(DAYS).index)
    legend = Text("         ")
    for kind in [*shown, ""]:
        letter, style, words = DAYS[kind]
        legend.append(letter, style)
        legend.append(f" {words}   ")
    yield legend
    if countries:
        yield Text(
            "Countries: "
            + ", ".join(f"{country} {count} days" for country, count in sorted(countries.items(), key=lambda c: (-c[1], c[0])))
        )
