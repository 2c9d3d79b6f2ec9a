"""``vigie log``: partitions of the log as files that ``vigie run`` judges again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from streams.errors import UsageError
from streams.topics import PREFIX
from vigie import version
from vigie.progress import Bar
from vigie.run import exit_status
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics

log_app = typer.Typer(help="The ordered log of events.", no_args_is_help=True)


@log_app.callback()
def _group() -> None:
    # With a callback a single command stays a word of its own: `vigie log export`.
    pass


@log_app.command("export")
def export_command(
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    partition: Annotated[int | None, typer.Option("--partition", min=0, help="The partition to write.", show_default=False)] = None,
    from_: Annotated[int | None, typer.Option("--from", min=0, help="Offset of the first frame.", show_default=False)] = None,
    to: Annotated[int | None, typer.Option("--to", min=0, help="Offset of the first frame no more written.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file, .jsonl or .jsonl.gz; replaced whole.", show_default=False)] = None,
    all_: Annotated[
        Path | None, typer.Option("--all", help="Write every partition into this directory instead.", show_default=False)
    ] = None,
) -> None:
    """Write a partition of the log, or all of them, to files that `vigie run` accepts."""
    errors, console = Console(stderr=True), Console()
    try:
        if all_ is not None and (partition, from_, to, out) != (None, None, None, None):
            raise UsageError("--all DIR writes all there is; --partition, --from, --to and --out choose one range: not both")
        files = {}
        if all_ is None:
            if partition is None or out is None:
                raise UsageError("write --partition P --out FILE, or --all DIR")
            files[partition] = out
        partitions = require_topics(bootstrap, prefix)
        if all_ is not None:
            files = {number: all_ / f"events-{number}.jsonl.gz" for number in range(partitions)}
        directory = all_ if out is None else out.parent
        assert directory is not None
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{directory}: cannot be made a directory ({error.strerror}); choose another one") from error
        # The client takes 0.2 s to import: only commands that use it wait for it.
        from streams.live.export import export_log

        with Bar(errors) as bar:
            topic = f"{prefix}events"
            done = asyncio.run(export_log(bootstrap, topic, partitions, files, bar, since=from_, before=to, version=version()))
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    for one in done:
        frames = f"{one.events:,} events of frames {one.first} to {one.behind - 1}" if one.behind > one.first else "no frame"
        console.print(f"{one.path}: partition {one.partition}, {frames}", soft_wrap=True, markup=False, highlight=False)
