"""``vigie features``: what each licence did on each day, or in each week, as numbers for models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from detectors.errors import VigieError
from models.extract import extract
from models.parquet import TABLES
from vigie.options import DEFAULT_POLICY, From, Geo, Geo2, Inputs, PolicyFile, Sources, To, Until
from vigie.progress import Bar
from vigie.run import exit_status, settings_of


class Of(StrEnum):
    """What a row is of."""

    DAY = "day"
    WEEK = "week"


def features(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", help="The Parquet file; replaced whole.", show_default=False)],
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
    from_: From = None,
    to: To = None,
    until: Until = None,
    rows: Annotated[Of, typer.Option("--rows", help="What a row is of; weeks are Monday to Sunday.")] = Of.DAY,
) -> None:
    """Write the features of every closed licence-day, or licence-week, to a Parquet file (their tables: docs/features.md)."""
    errors, console = Console(stderr=True), Console()
    try:
        scratch = out.with_name(f".{out.name}.work")
        settings = settings_of(inputs, scratch, policy, geo, geo2, source or [], (from_, to, until), 1, False)
        with Bar(errors) as bar:
            written, summary = extract(settings, out, bar, "week" if rows is Of.WEEK else "day")
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    if not summary["geo"]:
        text = "Places are [bold]not covered[/bold] in this file: `countries`, `abroad` and `silent` say nothing.\n"
        text += "Install a database: vigie geo install FILE, or give one with --geo FILE."
        errors.print(Panel(text, title="no country database", border_style="yellow", expand=False))
    table = Table(title="Features")
    for column in ("rows", "licences", f"{rows.value}s", "features"):
        table.add_column(column, justify="right")
    table.add_row(*(f"{count:,}" for count in (written.rows, written.licences, written.days, written.features)))
    console.print(table)
    read, accepted, duplicates, dead = (summary[name] for name in ("read", "accepted", "duplicates", "dead_letters"))
    console.print(f"{read:,} read = {accepted:,} accepted + {duplicates:,} duplicates + {dead:,} dead letters", soft_wrap=True)
    last = summary["period"]["last_event"]
    if until is None and last:
        console.print(
            f"{rows.value.title()}s that had not closed at the last event, {last}, have no row; --until closes them.", soft_wrap=True
        )
    console.print(f"Features in {out}, schema {TABLES[rows.value][1]}", soft_wrap=True, markup=False, highlight=False)
