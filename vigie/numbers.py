"""``vigie numbers``: what vigie knows about numbers, for PBXes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from streams.numbers_export import number_table, rendered
from vigie.options import DEFAULT_POLICY, PolicyFile
from vigie.run import read_policy

numbers_app = typer.Typer(help="Classes of called numbers, for the gate of a PBX.", no_args_is_help=True)


class Format(StrEnum):
    """What the table is written as."""

    kamailio = "kamailio"
    json = "json"
    csv = "csv"


@numbers_app.callback()
def _group() -> None:
    pass


@numbers_app.command("export")
def export_command(
    format_: Annotated[Format, typer.Option("--format", help="A Kamailio include, a JSON object, or CSV.")] = Format.kamailio,
    policy: PolicyFile = DEFAULT_POLICY,
    out: Annotated[Path | None, typer.Option("--out", help="A file instead of standard output.", show_default=False)] = None,
) -> None:
    """Write which prefixes are home, surcharged or free, as the policy sees them; the longest prefix decides."""
    try:
        text = rendered(number_table(read_policy(policy), policy.parent), format_.value)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, "utf-8")
    except OSError as error:
        _fail(f"{out}: cannot be written ({error.strerror}); check --out", 2)
    except VigieError as error:
        _fail(str(error), getattr(error, "exit_status", 3))


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)
    raise typer.Exit(status)
