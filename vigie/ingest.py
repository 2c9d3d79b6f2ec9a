"""``vigie ingest``: put what the PBXes send into the ordered log."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from detectors.policy import Policy
from detectors.registry import installed
from streams import geo_store
from streams.errors import UsageError
from streams.host_policy import geo_table, locator, number_plan
from streams.stamp import Stamper
from streams.topics import PREFIX
from vigie.options import DEFAULT_POLICY, Geo, Geo2, PolicyFile
from vigie.run import exit_status, read_policy
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics


def ingest(
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    geo2: Geo2 = None,
    instance: Annotated[str, typer.Option("--instance", metavar="I/N", help="The I-th of N processes, from 0.")] = "0/1",
    lateness_ms: Annotated[int, typer.Option("--lateness-ms", min=0, help="How long an event may be overtaken.")] = 2_000,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65_535, help="Port of /metrics, /health and /ready; 0 for none.")
    ] = 0,
) -> None:
    """Read the input topics, order their events, write the log; SIGTERM or Ctrl-C ends it in order."""
    errors = Console(stderr=True)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    # A broker that is away costs fifty lines a second of the client's; ingest says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        number, count = _instance(instance)
        body = read_policy(policy)
        Policy(body, installed())
        partitions = require_topics(bootstrap, prefix)
        if count > partitions:
            raise UsageError(f"--instance {instance}: the log has {partitions} partitions, so at most as many processes")
        table = geo_table(body)
        country = geo or (policy.parent / table.country_db if table.country_db else geo_store.default_database())
        second = geo2 or (policy.parent / table.second_db if table.second_db else None)
        second = second or (None if geo or table.country_db else geo_store.second_database())
        given: dict[str, Any] = {"bootstrap": bootstrap, "prefix": prefix, "partitions": partitions, "policy": body}
        given |= {"instance": number, "instances": count, "lateness_ms": lateness_ms}
        given |= {"metrics_port": metrics_port, "metrics_host": metrics_host}
        with locator(table, policy.parent, country, second) as where:
            if not where.covered:
                errors.print("[yellow]warning:[/yellow] no country database: location rules are not covered (vigie geo install FILE)")
            asyncio.run(_run(given, Stamper(where, number_plan(body, policy.parent))))
    except VigieError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


async def _run(given: dict[str, Any], stamper: Stamper) -> None:
    # Here, for 200 ms: every vigie command imports this module, and few need the client.
    from streams.live.ingest import Ingest, Settings

    process = Ingest(Settings(**given), stamper)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stopping.set)
    running = asyncio.ensure_future(process.run())
    ready = asyncio.ensure_future(process.ready.wait())
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        typer.echo(f"ready: {given['prefix']}events, {given['partitions']} partitions, instance {given['instance']}/{given['instances']}")
    ready.cancel()
    await running


def _instance(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise UsageError(f"--instance {text!r}: write I/N, such as 0/2 and 1/2 for two processes")
    return int(number), int(count)
