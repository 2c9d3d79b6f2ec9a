"""``vigie score``: scores of a file of features, as the scorer would have written them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from vigie.progress import Bar
from vigie.run import exit_status

if TYPE_CHECKING:
    from models.scoring.files import Outcome


def score(
    features: Annotated[Path, typer.Argument(metavar="FEATURES", help="A file that vigie features wrote.", show_default=False)],
    registry: Annotated[Path, typer.Option("--registry", metavar="DIR", help="The registry of models.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The scores, as lines; replaced whole.", show_default=False)],
    version: Annotated[
        list[str] | None,
        typer.Option("--version", help="A version to ask, in the place of the champions; may be repeated.", show_default=False),
    ] = None,
    close_hours: Annotated[
        int, typer.Option("--close-hours", min=1, help="Hours after its end at which a day closes: 25 where all sources send only CDRs.")
    ] = 1,
) -> None:
    """Score a file of features by the champions of a registry; the scores are events for vigie run."""
    errors, console = Console(stderr=True), Console()
    try:
        # Here, for a second: what models are made with.
        from models.scoring.files import score_file

        with Bar(errors) as bar:
            done = score_file(features, registry, out, tuple(version or ()), close_hours, bar)
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    console.print(_table(done))
    console.print(f"{sum(one.rows for one in done.models):,} scores in {out}", soft_wrap=True, markup=False, highlight=False)
    for why in done.refused:
        errors.print(f"[red]error:[/red] {escape(why)}", soft_wrap=True)
    if done.refused:
        raise typer.Exit(3)


def _table(done: Outcome) -> Table:
    table = Table(title="Scores")
    table.add_column("version")
    for column in ("role", "rows", "from", "for review", "µs/row"):
        table.add_column(column, justify="right")
    for one in done.models:
        spent = f"{one.seconds * 1e6 / one.rows:.1f}" if one.rows else ""
        table.add_row(one.version, one.role, f"{one.rows:,}", f"{one.threshold:.4f}", f"{one.high:,}", spent)
    return table
