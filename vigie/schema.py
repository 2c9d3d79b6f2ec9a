"""``vigie schema``: the JSON Schemas of the wire contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams import schemas


def schema(
    out: Annotated[Path, typer.Option("--out", help="Directory of the schemas.")] = Path("docs/schemas"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 when a schema is missing or differs.")] = False,
) -> None:
    """Write the JSON Schema of every input and output, one file per kind."""
    if check:
        different = schemas.differences(out)
        for name in different:
            typer.echo(f"{out / name} differs: run vigie schema --out {out}", err=True)
        raise typer.Exit(1 if different else 0)
    changed = schemas.write(out)
    typer.echo(f"{len(schemas.schemas())} schemas in {out}, {len(changed)} changed")
