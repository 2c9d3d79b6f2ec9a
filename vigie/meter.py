"""``vigie meter``: what a confirmed alert covers, as metering records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from streams.durable import replace_file
from streams.errors import UsageError
from streams.outputs import METERING
from streams.results import records
from streams.retroactive import Active, Covered, Metered, Statement, covered_by
from streams.retroactive import meter as metered_by
from streams.stamped import stamped
from streams.times import format_time
from streams.topics import PREFIX
from streams.writing import encode_output
from vigie.options import DEFAULT_POLICY, Geo, Geo2, Kafka, PolicyFile, Sources
from vigie.progress import Bar
from vigie.run import exit_status, settings_of
from vigie.topics import Prefix, require_topics

INPUTS = typer.Argument(help="Exported logs, or the files of events that were judged.", show_default=False)


def meter(
    inputs: Annotated[list[str] | None, INPUTS] = None,
    alert: Annotated[str, typer.Option("--alert", help="The alert_id, or its beginning.", show_default=False)] = "",
    alerts: Annotated[Path | None, typer.Option("--alerts", help="File of alerts that has it (alerts.jsonl).", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File of metering records; replaced whole.", show_default=False)] = None,
    metering: Annotated[
        list[Path] | None,
        typer.Option("--metering", help="Earlier records, beside metering.jsonl next to the alerts; may be repeated.", show_default=False),
    ] = None,
    kafka: Kafka = None,
    prefix: Prefix = PREFIX,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
) -> None:
    """After a verdict 'breach': list the calls an alert covers as metering records, less what is metered already.

    From files to a file, or with --kafka from the topics of alerts, log and metering to that of metering, in one transaction.
    """
    errors, console = Console(stderr=True), Console()
    try:
        if not alert:
            raise UsageError("name the alert with --alert")
        if kafka is not None:
            if inputs or alerts or out or metering:
                raise UsageError(
                    "--kafka reads alerts, log and earlier records from the topics, and publishes there: give no files with it"
                )
            covered, done = _live(kafka, prefix, alert)
            place = f"published to {prefix}metering"
        else:
            if not inputs or alerts is None or out is None:
                raise UsageError("give the events, --alerts FILE and --out FILE, or --kafka HOST:PORT")
            if out.is_dir() or not out.parent.is_dir():
                raise UsageError(f"{out}: cannot be written; --out names a file in a directory that exists")
            covered = covered_by(alert, records(str(alerts), "alert", Statement))
            earlier = _earlier(alerts.with_name(METERING), metering)
            settings = settings_of(
                inputs, out.with_name(f".{out.name}.work"), policy, geo, geo2, source or [], (None, None, None), 1, False
            )
            with Bar(errors) as bar, stamped(settings, bar) as events:
                done = metered_by(covered, events, earlier)
            replace_file(out, b"".join(encode_output(one) + b"\n" for one in done.records))
            place = f"in {out}"
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    if done.records:
        console.print(_table(done))
    for text in said(covered, done):
        console.print(text, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{len(done.records)} records {place}", soft_wrap=True, markup=False, highlight=False)


def _live(bootstrap: str, prefix: str, alert: str) -> tuple[Covered, Metered]:
    partitions = require_topics(bootstrap, prefix)
    # The client takes 0.2 s to import: only commands that use it wait for it.
    from streams.live.metering import meter_alert

    return meter_alert(bootstrap, prefix, partitions, alert)


def _earlier(beside: Path, metering: list[Path] | None) -> list[Active]:
    if metering is None and not beside.exists():
        raise UsageError(f"{beside} is not there: give the records said so far with --metering FILE, or calls could be billed twice")
    # The records of the run itself count always: whoever names those of an earlier command must not lose them.
    files = list(dict.fromkeys([*([beside] if beside.exists() else []), *(metering or [])]))
    return [one for path in files for one in records(str(path), "metering", Active)]


def _table(done: Metered) -> Table:
    months: dict[tuple[str, str], list[int]] = {}
    for one in done.records:
        total = months.setdefault((one.licence, one.billing_month), [0, 0])
        total[0] += 1
        total[1] += one.seconds
    table = Table(title="Metered")
    for column in ("licence", "billing month", "records", "seconds"):
        table.add_column(column, justify="right" if column in ("records", "seconds") else "left")
    for (licence, month), (count, seconds) in sorted(months.items()):
        table.add_row(escape(licence), month, f"{count:,}", f"{seconds:,}")
    return table


def said(covered: Covered, done: Metered) -> list[str]:
    """What a person must know beside the records, one sentence a line."""
    window = f"{format_time(covered.from_)} to {format_time(covered.to)}"
    found = [f"{covered.rule} {covered.alert_id}: {done.calls:,} answered calls of {', '.join(covered.licences)} from {window}"]
    if done.already:
        found.append(f"{done.already:,} seconds are metered already and are left out")
    if done.outside_plan:
        found.append(f"{done.outside_plan:,} calls are in no unlimited offer and are billed anyway")
    if done.without_end:
        found.append(f"{done.without_end:,} calls have no end in the log: how long they were is not known, so they are not metered")
    if done.unknown_before is not None:
        part = f"{format_time(covered.from_)} to {format_time(done.unknown_before)}"
        found.append(f"the log given begins inside the window: from {part} it says nothing, and nothing of it is metered")
    return found
