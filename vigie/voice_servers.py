"""``vigie voice-servers``: ordinary numbers that behave like a voice server, over all customers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.durable import replace_file
from streams.errors import UsageError
from streams.stamped import stamped
from streams.voice_servers import LONG, LONG_CALLS, LONG_PERCENT, TENANTS, VoiceServer, voice_servers
from vigie.options import DEFAULT_POLICY, Geo, Geo2, Inputs, PolicyFile, Sources
from vigie.progress import Bar
from vigie.run import exit_status, settings_of


def voice_servers_command(
    inputs: Inputs,
    out: Annotated[Path | None, typer.Option("--out", help="JSON file of the report; replaced whole.", show_default=False)] = None,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
) -> None:
    """Report ordinary numbers (fixed, mobile) with long calls of many customers. For a person: it suspends nobody."""
    errors, console = Console(stderr=True), Console()
    try:
        if out is not None and (out.is_dir() or not out.parent.is_dir()):
            raise UsageError(f"{out}: cannot be written; --out names a file in a directory that exists")
        with TemporaryDirectory(prefix="vigie-", dir=out.parent if out else None) as directory:
            work = Path(directory) / "log"
            settings = settings_of(inputs, work, policy, geo, geo2, source or [], (None, None, None), 1, False)
            with Bar(errors) as bar, stamped(settings, bar) as events:
                found = voice_servers(events)
        if out is not None:
            replace_file(out, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    limits = f"{TENANTS} customers, {LONG_CALLS} calls of {LONG // 60_000} minutes or more, {LONG_PERCENT} % of its answered calls"
    if found:
        console.print(_table(found))
        console.print("A conference bridge, a hotline or a radio station looks the same: ring the number before anything is done.")
    console.print(f"{len(found)} numbers with at least {limits}", soft_wrap=True, highlight=False)


def _table(found: list[VoiceServer]) -> Table:
    table = Table(title="Numbers that behave like a voice server")
    for column in ("number", "class", "customers", "licences", "calls", "long", "minutes", "median", "from", "to"):
        table.add_column(column, justify="left" if column in ("number", "class", "from", "to") else "right", overflow="fold")
    for one in found:
        counts = (len(one.tenants), one.licences, one.calls, one.long_calls, one.talk_s // 60)
        times = (at[:16].replace("T", " ") for at in (one.first, one.last))
        table.add_row(escape(one.number), one.cls, *(f"{count:,}" for count in counts), f"{one.median_s // 60} min", *times)
    return table
