"""``vigie replay``: send files of events to the input topics, as if they happened now."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from streams.errors import UsageError
from streams.sources import resolve
from streams.topics import PREFIX
from vigie.progress import Bar
from vigie.run import exit_status
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics

PATH = typer.Argument(help="Files of contract lines (.jsonl, .jsonl.gz), or directories of them.", show_default=False)


def replay(
    inputs: Annotated[list[str], PATH],
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    speed: Annotated[float, typer.Option("--speed", min=0, help="Gaps are divided by this; 0: no gaps.")] = 0,
) -> None:
    """Send the events of files to the input topics, their times moved so that the last one is now; ids stay."""
    errors, console = Console(stderr=True), Console()
    try:
        found = resolve(inputs, {}, {})
        if any(one.path == "-" for one in found):
            raise UsageError("a replay reads its input before it sends the first event; give a file instead of -")
        partitions = require_topics(bootstrap, prefix)
        # The client takes 0.2 s to import: only commands that use it wait for it.
        from streams.live import replay as live

        with Bar(errors) as bar:
            done = asyncio.run(live.replay(bootstrap, prefix, partitions, found, bar, speed))
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    sent = ", ".join(f"{count:,} to {prefix}{topic}" for topic, count in sorted(done.topics.items())) or "nothing"
    console.print(f"sent {sent}; times moved by {timedelta(milliseconds=done.shift_ms)}", soft_wrap=True, markup=False, highlight=False)
    if done.ticks:
        console.print(f"left out {done.ticks:,} ticks: ingest makes its own", soft_wrap=True, markup=False, highlight=False)
    if done.refused:
        text = f"left out {done.refused:,} lines that are no events; the first one is {done.first_refusal}"
        errors.print(text, soft_wrap=True, markup=False, highlight=False)
