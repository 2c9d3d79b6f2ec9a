"""``vigie collect``: bring the events of a PBX to the input topics."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from pbx.adapter import FORMATS, NATIVE
from streams.errors import UsageError
from streams.topics import PREFIX
from vigie.options import DEFAULT_POLICY, PolicyFile
from vigie.run import exit_status, read_policy
from vigie.topics import BOOTSTRAP, BrokerUnreachable, Prefix, require_topics

#: Credentials come from here and not from the command line, which every user of the machine can read.
USER, SECRET = "VIGIE_PBX_USER", "VIGIE_PBX_SECRET"


def collect(
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="KIND:WHERE",
            help="file:PATH, tcp:HOST:PORT, listen:HOST:PORT, http:HOST:PORT/PATH or kafka:TOPIC.",
            show_default=False,
        ),
    ],
    pbx: Annotated[str, typer.Option("--pbx", metavar="NAME", help="Of the PBX; \\[sources.NAME] of the policy.", show_default=False)],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help=f"{', '.join(FORMATS)} or {NATIVE}.", show_default=False)
    ] = None,
    kafka: Annotated[str, typer.Option("--kafka", "--bootstrap", metavar="HOST:PORT", help="A Kafka broker, or several.")] = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    policy: PolicyFile = DEFAULT_POLICY,
    state: Annotated[
        Path | None, typer.Option("--state", help="Queue and place; by default .vigie/collect/NAME.", show_default=False)
    ] = None,
    queue_mb: Annotated[int, typer.Option("--queue-mb", min=1, help="Most MiB that wait on disk while the broker is away.")] = 1024,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65_535, help="Port of /metrics, /health and /ready; 0 for none.")
    ] = 0,
) -> None:
    """Follow a file, a connection or a web address of a PBX; what it says waits on disk until the broker has it."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    # A broker that is away costs fifty lines a second of the client's; the sender says it once.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    errors = Console(stderr=True)
    try:
        if "/" in pbx or not pbx.strip("."):
            raise UsageError(f"--pbx {pbx!r}: a name is part of paths and topics; write one without a slash")
        table = _table(read_policy(policy), pbx, from_)
        try:
            require_topics(kafka, prefix)
        except BrokerUnreachable as error:
            # That is what the queue is for.
            errors.print(f"[yellow]warning:[/yellow] {escape(str(error))}; records wait on disk", soft_wrap=True)
        # Here, for 100 ms: every vigie command imports this module, and few need the client.
        from streams.live.collect import Collector, Settings

        collector = Collector(
            Settings(
                bootstrap=kafka,
                prefix=prefix,
                pbx=pbx,
                source=source,
                table=table,
                state=state or Path(".vigie") / "collect" / pbx,
                queue_bytes=queue_mb << 20,
                user=os.environ.get(USER, ""),
                secret=os.environ.get(SECRET, ""),
                metrics_host=metrics_host,
                metrics_port=metrics_port,
            )
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: collector.stopping.set())
        collector.run(lambda where: typer.echo(f"ready: {where} to {prefix}registrations and {prefix}calls"))
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


def _table(policy: dict[str, Any], pbx: str, from_: str | None) -> dict[str, Any]:
    """The table of the policy, or one made of ``--from`` alone."""
    table = dict(policy.get("sources", {}).get(pbx, {}))
    if from_ is None and not table:
        raise UsageError(f"the policy has no table [sources.{pbx}]: write one, or say --from FORMAT")
    if from_ is not None and table.get("format", from_) != from_:
        raise UsageError(f"--from {from_}: [sources.{pbx}] of the policy says format = {table['format']!r}")
    table.setdefault("format", from_ or NATIVE)
    return table
