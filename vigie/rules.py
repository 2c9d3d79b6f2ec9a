"""``vigie rules``: which rules are installed, and their pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streams import rule_docs
from streams.rule_pages import collect
from vigie.options import DEFAULT_POLICY

rules_app = typer.Typer(help="Which rules are installed, and their pages.", no_args_is_help=True)


@rules_app.command("list")
def list_() -> None:
    """Show every installed rule: contract article, what it is about, how it is measured, how it ships."""
    table = Table()
    for column in ("rule", "article", "about", "measured in", "mode", "needs"):
        table.add_column(column, overflow="fold")
    for page in collect(DEFAULT_POLICY.read_text("utf-8")):
        table.add_row(page.rule, page.clause, page.title, page.unit, page.mode, ", ".join(page.needs) or "–")
    Console().print(table)


@rules_app.command()
def docs(
    out: Annotated[Path, typer.Option("--out", help="Directory of the pages.")] = Path("docs/rules"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 when a page is missing or differs.")] = False,
) -> None:
    """Write the page of every installed rule, and their index."""
    pages = collect(DEFAULT_POLICY.read_text("utf-8"))
    if check:
        different = rule_docs.differences(out, pages)
        for name in different:
            typer.echo(f"{out / name} differs: run vigie rules docs --out {out}", err=True)
        raise typer.Exit(1 if different else 0)
    changed = rule_docs.write(out, pages)
    typer.echo(f"{len(pages)} rules in {out}, {len(changed)} files changed")
