"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: The policy that acts when none is given; ``policies`` lies beside this package, in the repo and where it is installed.
DEFAULT_POLICY = Path(__file__).resolve().parents[1] / "policies" / "default.toml"

Inputs = Annotated[
    list[str],
    typer.Argument(help="Files of events (.jsonl, .jsonl.gz, .csv), directories of them, or - for standard input.", show_default=False),
]
PolicyFile = Annotated[Path, typer.Option("--policy", help="Policy in force before the first event.", show_default=False)]
Geo = Annotated[Path | None, typer.Option("--geo", help="Country database (MMDB) instead of the installed one.", show_default=False)]
Geo2 = Annotated[Path | None, typer.Option("--geo2", help="Second country database, which must agree.", show_default=False)]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="FILE=NAME", help="Read FILE as the policy's \\[sources.NAME] says.", show_default=False),
]
From = Annotated[str | None, typer.Option("--from", help="First day or instant; facts always apply.", show_default=False)]
To = Annotated[str | None, typer.Option("--to", help="First day or instant no more read.", show_default=False)]
Until = Annotated[str | None, typer.Option("--until", help="Let timers run up to here after the last event.", show_default=False)]
Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Read from and publish to the topics of this broker.", show_default=False),
]
