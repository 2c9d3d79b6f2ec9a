"""``vigie run``: judge files, and show what came of it."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from detectors.errors import PolicyError, VigieError
from streams import embedded, geo_store
from streams.errors import UsageError
from streams.host_policy import geo_table
from streams.sources import resolve
from streams.times import parse_time
from vigie import version
from vigie.options import DEFAULT_POLICY, From, Geo, Geo2, Inputs, PolicyFile, Sources, To, Until
from vigie.progress import Bar

#: A date without a time is its midnight here: days are those of the policy's default zone.
ZONE = ZoneInfo("Europe/Paris")


def run(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="Directory of the results; made if need be.", show_default=False)],
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
    from_: From = None,
    to: To = None,
    until: Until = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Processes; the result is the same for any number.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")] = False,
) -> None:
    """Judge files of events: alerts, suspensions, metering, dead letters and a summary in --out."""
    errors = Console(stderr=True)
    try:
        settings = settings_of(inputs, out, policy, geo, geo2, source or [], (from_, to, until), jobs, resume)
        with Bar(errors) as bar:
            summary = embedded.run(settings, bar)
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    if not summary["geo"]:
        text = "Location rules (abroad-stay, abroad-total, distant use) are [bold]not covered[/bold] in this run.\n"
        text += "Their silence says nothing. Install a database: vigie geo install FILE, or give one with --geo FILE."
        errors.print(Panel(text, title="no country database", border_style="yellow", expand=False))
    for table in closing(summary):
        Console().print(table)
    Console().print(f"Results in {out}", soft_wrap=True, markup=False, highlight=False)


def exit_status(error: VigieError) -> int:
    """What the command ends with: 2 when it was asked for something impossible, 3 when an input could not be read."""
    if isinstance(error, PolicyError):
        return 2
    return int(getattr(error, "exit_status", 3))


def settings_of(
    inputs: list[str],
    out: Path,
    policy: Path,
    geo: Path | None,
    geo2: Path | None,
    source: list[str],
    period: tuple[str | None, str | None, str | None],
    jobs: int,
    resume: bool,
) -> embedded.Settings:
    """What the options of a command ask the embedded host for; ``period`` is ``--from``, ``--to`` and ``--until``.

    Raises:
        UsageError: options that are not well written, or contradict each other.
        InputUnreadable: an input does not exist.
        PolicyError: the policy is no TOML, or its ``[geo]`` table is wrong.
    """
    body = read_policy(policy)
    bindings = dict(_binding(text) for text in source)
    since, before, until = (instant(text, option) for text, option in zip(period, ("--from", "--to", "--until"), strict=True))
    if since is not None and before is not None and before <= since:
        raise UsageError("--to must be later than --from")
    table = geo_table(body)
    return embedded.Settings(
        inputs=resolve(inputs, bindings, body.get("sources", {})),
        out=out,
        policy=body,
        base=policy.parent,
        country_db=geo or (None if table.country_db else geo_store.default_database()),
        second_db=geo2 or (None if geo or table.country_db or table.second_db else geo_store.second_database()),
        since=since,
        before=before,
        until=until,
        jobs=jobs,
        resume=resume,
        version=version(),
    )


def read_policy(path: Path) -> dict[str, Any]:
    """A policy file as a table.

    Raises:
        UsageError: it cannot be read.
        PolicyError: it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read as a policy ({error.strerror}); check --policy") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: is no TOML: {error}") from None


def _binding(text: str) -> tuple[str, str]:
    file, equals, name = text.rpartition("=")
    if not (file and equals and name):
        raise UsageError(f"--source {text!r}: write FILE=NAME, NAME being a [sources.NAME] table of the policy")
    return file, name


def instant(text: str | None, option: str) -> int | None:
    """A day of Paris or an instant that an option names, in milliseconds.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    try:
        if len(text) == 10:
            return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: write a day (2026-01-31, Paris) or an instant (2026-01-31T10:00:00Z): {error}") from None


def closing(summary: dict[str, Any]) -> list[RenderableType]:
    """What a person sees at the end: alerts, coverage, accounts."""
    tables: list[RenderableType] = []
    alerts = summary["alerts"]
    if alerts["total"]:
        table = Table(title="Alerts")
        for column in ("rule", "mode"):
            table.add_column(column)
        for column in ("notice", "breach"):
            table.add_column(column, justify="right")
        for rule, modes in sorted(alerts["rules"].items()):
            for mode, levels in sorted(modes.items()):
                table.add_row(rule, mode, *(_number(levels.get(level, 0)) for level in ("notice", "breach")))
        tables.append(table)
    else:
        tables.append("No alert: nothing that these sources can show crossed a limit.")
    table = Table(title="Coverage")
    for column in ("source", "events", "location", "devices", "calls", "notes"):
        table.add_column(column, justify="right" if column == "events" else "left", overflow="fold")
    for pbx, row in summary["coverage"].items():
        covers = (_cover(row[what]) for what in ("location", "devices", "calls"))
        table.add_row(escape(pbx) or "–", f"{row['events']:,}", *covers, escape("; ".join(row["notes"])))
    if summary["coverage"]:
        tables.append(table)
    held, hidden = summary["suspensions"], sum(summary["exempted"].values())
    counts = summary["counts"]
    read, accepted, duplicates, dead = (summary[name] for name in ("read", "accepted", "duplicates", "dead_letters"))
    said = [
        f"{read:,} read = {accepted:,} accepted + {duplicates:,} duplicates + {dead:,} dead letters",
        f"suspensions: {held['active']:,} active, {held['lifted']:,} lifted; emergency calls left alone: {counts.get('emergency', 0):,}; "
        f"refused by our own restrictions: {counts.get('refused_by', 0):,}; hidden by exemptions: {hidden:,}",
    ]
    if summary["audit_samples"]:
        said.append(f"audit samples, drawn by lot from days below every limit, in no total: {summary['audit_samples']:,}")
    outside = sum(one["outside_period"] for one in summary["inputs"])
    if outside:
        said.append(f"outside the period: {outside:,}")
    tables += said
    return tables


def _number(count: int) -> str:
    return f"{count:,}" if count else "–"


def _cover(word: str) -> str:
    return {"full": "[green]full[/green]", "partial": "[yellow]partial[/yellow]"}.get(word, "[red]none[/red]")
