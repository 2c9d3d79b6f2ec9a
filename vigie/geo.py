"""``vigie geo``: install a country database, and see what is installed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.geo_store import HOME_ZONE, Report, age_days, age_warning, geo_dir, install, status

geo_app = typer.Typer(help="Country databases: install one, see what is installed.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Instead of VIGIE_HOME or the user's data directory.", show_default=False)]


@geo_app.command("install")
def install_command(
    file: Annotated[Path, typer.Argument(help="A country MMDB (MaxMind, DB-IP or IPinfo layout).", show_default=False)],
    data_dir: DataDir = None,
    licence: Annotated[str, typer.Option("--licence", help="The licence under which you have it, kept with it.")] = "",
    second: Annotated[bool, typer.Option("--second", help="Install it as the second opinion, which must agree.")] = False,
) -> None:
    """Check a country database and put it in force; show how it covers the home zone."""
    try:
        report = install(file, installed=_today(), licence=licence, role="second" if second else "country", data_dir=data_dir)
    except VigieError as error:
        _fail(error)
    out = Console()
    out.print(f"Installed in {geo_dir(data_dir) / report.file}", soft_wrap=True, markup=False, highlight=False)
    _show(out, report)
    out.print(_coverage(report))
    _warn(report)


@geo_app.command("status")
def status_command(data_dir: DataDir = None) -> None:
    """Show the installed databases, their age, and whether their files are intact."""
    try:
        found = status(data_dir)
    except VigieError as error:
        _fail(error)
    out = Console()
    if not found:
        out.print(f"No country database in {geo_dir(data_dir)}.", soft_wrap=True, markup=False, highlight=False)
        out.print("[bold]Location rules are not covered.[/bold] Run: vigie geo install FILE")
        return
    for entry in found:
        _show(out, entry.report)
        out.print(f"  file      {entry.path}", soft_wrap=True, markup=False, highlight=False)
        out.print("  hash      " + ("[green]matches[/green]" if entry.intact else "[red]DIFFERS: install it again[/red]"))
        _warn(entry.report)
    if all(entry.report.role != "second" for entry in found):
        out.print("No second database: two that agree are stronger evidence (vigie geo install FILE --second).")
    elif all(entry.report.role != "country" for entry in found):
        out.print("[bold]A second database without a first: location rules are not covered.[/bold]")
    if not all(entry.intact for entry in found):
        raise typer.Exit(3)


def _today() -> date:
    return datetime.now(UTC).date()


def _show(out: Console, report: Report) -> None:
    name = "Country database" if report.role == "country" else "Second database"
    lines = [
        f"{name}: {report.database_type}, {report.description or 'no description'}",
        f"  built     {report.built} ({age_days(report.built, _today())} days ago)",
        f"  sha256    {report.sha256}",
        f"  licence   {report.licence or 'not stated (--licence)'}",
        f"  networks  {report.networks.v4:,} IPv4, {report.networks.v6:,} IPv6 of {report.countries} countries; "
        f"{report.without_country:,} without a country",
    ]
    for line in lines:
        out.print(line, soft_wrap=True, markup=False, highlight=False)


def _coverage(report: Report) -> Table:
    table = Table(title="Coverage of the home zone (networks)")
    table.add_column("country")
    table.add_column("IPv4", justify="right")
    table.add_column("IPv6", justify="right")
    for country in HOME_ZONE:
        networks = report.coverage[country]
        table.add_row(country, *(f"{count:,}" if count else "–" for count in (networks.v4, networks.v6)))
    return table


def _warn(report: Report) -> None:
    errors = Console(stderr=True)
    warning = age_warning(report.built, _today())
    if warning:
        errors.print(f"[yellow]warning:[/yellow] {warning}", soft_wrap=True)
    if report.coverage["FR"] == type(report.coverage["FR"])():
        errors.print("[yellow]warning:[/yellow] it has no network of FR: French addresses will be unknown", soft_wrap=True)


def _fail(error: VigieError) -> NoReturn:
    Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    raise typer.Exit(getattr(error, "exit_status", 3))
