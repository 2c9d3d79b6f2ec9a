"""``vigie labels``: what persons judged, with the features of that time, for models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.errors import UsageError
from vigie.run import exit_status, instant

# What follows is imported where it is used: arrays and a database take half a second, which other commands need not wait for.

labels_app = typer.Typer(help="Verdicts as labels for models.", no_args_is_help=True)

#: Alerts whose statements are asked for at once: they weigh 8 KiB each.
BLOCK = 200


@labels_app.callback()
def labels() -> None:
    """Verdicts as labels for models."""


@labels_app.command()
def export(
    features: Annotated[Path, typer.Option("--features", help="Rows of days, from vigie features.", show_default=False)],
    as_of: Annotated[str, typer.Option("--as-of", help="Day or instant; what came later does not count.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The Parquet file; replaced whole.", show_default=False)],
    data: Annotated[
        Path | None, typer.Option("--data", help="Directory of a run's results, with reviews.jsonl.", show_default=False)
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", help="The console's: sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.", show_default=False),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Take alerts of this rule only; repeat for more.", show_default=False)
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What for; another purpose gives other pseudonyms.")] = "training",
    mix_policies: Annotated[bool, typer.Option("--mix-policies", help="Take verdicts given under different policies.")] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="File of the master key of pseudonyms, if not in VIGIE_LABELS_KEY.", show_default=False)
    ] = None,
) -> None:
    """Write what alerts were judged to be, each with the features known at its decision (docs/labels.md)."""
    errors, console = Console(stderr=True), Console()
    try:
        from models.labels.export import Asked
        from models.labels.export import export as write
        from models.labels.pseudonyms import VARIABLE, Pseudonyms, master_key
        from models.parquet import read

        at = instant(as_of, "--as-of")
        assert at is not None
        if out.is_dir() or not out.parent.is_dir():
            raise UsageError(f"{out}: cannot be written; --out names a file in a directory that exists")
        names = Pseudonyms(master_key(key, os.environ.get(VARIABLE)), at, purpose)
        decisions, statements = _source(data, database, at)
        asked = Asked(as_of=at, purpose=purpose, rules=tuple(rule or ()), mix_policies=mix_policies)
        found = write(decisions, statements, read(features), names, asked, out)
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    for line in _told(found):
        console.print(line, soft_wrap=isinstance(line, str))
    console.print(f"Labels in {out}", soft_wrap=True, markup=False, highlight=False)


def _source(data: Path | None, database: str | None, as_of: int) -> tuple[list[Any], dict[str, list[Any]]]:
    """Decisions, and the statements of the alerts that they are on."""
    if (data is None) == (database is None):
        raise UsageError("give either --data DIR (results of vigie run) or --database URL (the console's)")
    if data is not None:
        from models.labels.results import from_results

        return from_results(data)
    assert database is not None
    return _from_database(database, as_of)


def _from_database(url: str, as_of: int) -> tuple[list[Any], dict[str, list[Any]]]:
    from msgspec import convert
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    from console.db.engine import open_database
    from console.db.tables import Decision, Statement, User
    from console.errors import DatabaseError
    from models.labels.alerts import said
    from models.labels.verdicts import Given

    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).is_file():
        raise UsageError(f"{file}: is not there; give the console's database with --database")
    opened = open_database(url)
    statements: dict[str, list[Any]] = {}
    try:
        with opened.reading() as session:
            logins: dict[int, str] = {user.user_id: user.login for user in session.scalars(select(User))}
            rows = session.scalars(select(Decision).where(Decision.at < as_of).order_by(Decision.at, Decision.decision_id))
            decisions = [
                convert(
                    {
                        **{
                            name: getattr(row, name)
                            for name in ("decision_id", "alert_id", "at", "part", "verdict", "second_of", "undoes", "weak")
                        },
                        "reviewer": logins.get(row.user_id),
                        "blind": row.blind if row.part == "second" else None,
                        "update": row.seen_update,
                    },
                    Given,
                )
                for row in rows
            ]
            alert_ids = sorted({one.alert_id for one in decisions})
            for begin in range(0, len(alert_ids), BLOCK):
                for body in session.scalars(select(Statement.body).where(Statement.alert_id.in_(alert_ids[begin : begin + BLOCK]))):
                    statements.setdefault(body["alert_id"], []).append(said(body))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DatabaseError(f"the database cannot be read ({reason}); bring it up to date with vigie console migrate") from None
    finally:
        opened.close()
    return decisions, statements


def _told(found: Any) -> list[Table | str]:
    table = Table(title="Labels")
    table.add_column("rule")
    for column in ("breach", "no breach", "inconclusive", "rows"):
        table.add_column(column, justify="right")
    for rule, one in sorted(found.balance.items()):
        table.add_row(rule, *(f"{count:,}" for count in (one.breach, one.no_breach, one.inconclusive, one.rows)))
    told: list[Table | str] = [table]
    quality = Table(title="Judged how")
    for column in ("second opinions", "conflicts", "weak", "audit samples", "audit share", "policies"):
        quality.add_column(column, justify="right")
    share = f"{100 * found.audits / found.rows:.1f} %" if found.rows else "–"
    counts = (f"{count:,}" for count in (found.seconds, found.conflicts, found.weak, found.audits))
    quality.add_row(*counts, share, f"{len(found.policies):,}")
    told.append(quality)
    if found.without_row:
        missing = Table(title="Without a row of features at their decision")
        for column in ("alert", "rule", "day"):
            missing.add_column(column)
        for one in found.without_row:
            missing.add_row(escape(one.alert_id), escape(one.rule), one.day)
        told.append(missing)
    told.append(
        f"{found.decided:,} alerts decided = {found.rows:,} rows + {len(found.without_row):,} without a row + {found.tenant_wide:,} of "
        f"whole customers + {found.other_rules:,} of other rules + {found.unknown:,} unknown here"
    )
    return told
