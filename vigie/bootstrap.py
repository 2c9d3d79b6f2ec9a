"""``vigie bootstrap``: judge history, and let the live workers begin with what it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.topics import PREFIX, group
from vigie.options import DEFAULT_POLICY, Geo, Geo2, Inputs, PolicyFile, Sources
from vigie.progress import Bar
from vigie.run import exit_status, settings_of
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics


def bootstrap(
    inputs: Inputs,
    until: Annotated[
        str, typer.Option("--until", help="Day or instant at which history ends; what happens from then on comes live.", show_default=False)
    ],
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    app: Annotated[str | None, typer.Option("--app", help="That of the detect workers, if they have one.", show_default=False)] = None,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
    out: Annotated[Path | None, typer.Option("--out", help="Keep what was found in the history here.", show_default=False)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put the history in the place of checkpoints that are there.")] = False,
) -> None:
    """Judge history and seed the checkpoints with it: the first live day knows the year before it."""
    errors, console = Console(stderr=True), Console()
    try:
        settings = settings_of(inputs, out or Path(), policy, geo, geo2, source or [], (None, None, until), 1, False)
        partitions = require_topics(bootstrap, prefix)
        # The client takes 0.2 s to import: only commands that use it wait for it.
        from streams.live import bootstrap as live

        assert settings.until is not None
        target = live.Target(bootstrap, prefix, partitions, app or group(prefix, "detect"), replace)
        with Bar(errors) as bar:
            seeded = live.bootstrap(settings, target, settings.until, bar, out)
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    table = Table(title="Checkpoints")
    for column in ("partition", "licences", "KiB", "next frame"):
        table.add_column(column, justify="right")
    for one in seeded:
        table.add_row(str(one.partition), f"{one.licences:,}", f"{one.bytes / 1024:,.0f}", f"{one.next:,}")
    console.print(table)
    carried, skipped = sum(one.carried for one in seeded), sum(one.skipped for one in seeded)
    if carried:
        console.print(f"Restrictions of {carried:,} licences, decided live, were kept.", soft_wrap=True)
    if skipped:
        text = f"The log holds {skipped:,} frames already; they come before these checkpoints and will not be judged."
        errors.print(f"[yellow]warning:[/yellow] {text}", soft_wrap=True)
    if out is not None:
        console.print(f"Findings of the history in {out}", soft_wrap=True, markup=False, highlight=False)
