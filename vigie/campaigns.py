"""``vigie campaigns``: attacks on many customers, found in their alerts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.days import DAY
from detectors.errors import VigieError
from detectors.policy import Policy
from detectors.registry import installed
from streams.campaigns import Campaign, Said, campaigns, keys_of, latest, reference_of, use_of
from streams.durable import replace_file
from streams.errors import UsageError
from streams.results import records
from streams.stamped import stamped
from streams.times import format_time
from streams.topics import PREFIX
from vigie.options import DEFAULT_POLICY, Geo, Geo2, Kafka, PolicyFile, Sources
from vigie.progress import Bar
from vigie.run import exit_status, instant, read_policy, settings_of
from vigie.topics import Prefix, require_topics

ALERTS = typer.Argument(help="Alerts of runs (alerts.jsonl, .jsonl.gz), from any number of them.", show_default=False)
#: Two days: alerts of one window of 24 hours are all there, although the last look was a day ago.
BACK = 2 * DAY


def campaigns_command(
    alerts: Annotated[list[str] | None, ALERTS] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File of reference events; replaced whole.", show_default=False)] = None,
    log: Annotated[
        list[str] | None, typer.Option("--log", help="Exported log or input files: who uses what; may be repeated.", show_default=False)
    ] = None,
    kafka: Kafka = None,
    prefix: Prefix = PREFIX,
    since: Annotated[
        str | None, typer.Option("--since", help="With --kafka: alerts from this day or instant on; else two days.", show_default=False)
    ] = None,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    source: Sources = None,
) -> None:
    """Join alerts of 3 customers or more within 24 hours that share a called range or a network; no rule reads the result.

    Alerts and campaigns are files, or with --kafka the topics alerts and control; there a campaign is published when it is new or grew.
    """
    errors, console = Console(stderr=True), Console()
    try:
        if kafka is not None:
            if alerts or out or log:
                raise UsageError("--kafka reads alerts and log from the topics, and publishes campaigns there: give no files with it")
            found, place = _live(kafka, prefix, since)
        else:
            if not alerts or out is None or since:
                raise UsageError("give files of alerts and --out FILE, or --kafka HOST:PORT (which may have --since)")
            if out.is_dir() or not out.parent.is_dir():
                raise UsageError(f"{out}: cannot be written; --out names a file in a directory that exists")
            said = [one for path in alerts for one in records(path, "alert", Said)]
            use = None
            if log:
                settings = settings_of(
                    log, out.with_name(f".{out.name}.work"), policy, geo, geo2, source or [], (None, None, None), 1, False
                )
                with Bar(errors) as bar, stamped(settings, bar) as events:
                    use = use_of(events, {key for one in latest(said) for key in keys_of(one)})
            else:
                text = "no --log: whether more than 1 % of the licences use a network is not known; ranges of the home zone join nothing"
                errors.print(text, soft_wrap=True, markup=False, highlight=False)
            found = campaigns(said, use, Policy(read_policy(policy), installed()).merged("", "").general.home_prefixes)
            replace_file(out, b"".join(reference_of(one) + b"\n" for one in found))
            place = f"{len(found)} campaigns in {out}"
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    if not found:
        console.print("No campaign: no range and no network joins alerts of three customers within 24 hours.", soft_wrap=True)
    else:
        console.print(_table(found))
    console.print(place, soft_wrap=True, markup=False, highlight=False)


def _live(bootstrap: str, prefix: str, since: str | None) -> tuple[list[Campaign], str]:
    begin = instant(since, "--since")
    partitions = require_topics(bootstrap, prefix)
    # The client takes 0.2 s to import: only commands that use it wait for it.
    from streams.live.campaigns import publish_campaigns

    done = publish_campaigns(bootstrap, prefix, partitions, time.time_ns() // 1_000_000 - BACK if begin is None else begin)
    return done.campaigns, f"{len(done.published)} of {len(done.campaigns)} campaigns published to {prefix}control; the others were before"


def _table(found: list[Campaign]) -> Table:
    table = Table(title="Campaigns")
    for column in ("campaign", "customers", "alerts", "rules", "shared", "confirmed by", "from", "to"):
        table.add_column(column, justify="right" if column in ("customers", "alerts") else "left", overflow="fold")
    for one in found:
        shared, agents = "\n".join((*one.ranges, *one.networks)), "\n".join(one.user_agents) or "–"
        counts = f"{len(one.tenants):,}", f"{len(one.alert_ids):,}"
        times = (format_time(at)[:16].replace("T", " ") for at in (one.first, one.last))
        table.add_row(one.campaign_id, *counts, "\n".join(one.rules), escape(shared), escape(agents), *times)
    return table
