"""``vigie detect``: judge the live log, as one of any number of workers."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from detectors.registry import Detectors, installed
from streams.topics import PREFIX, group
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics

METRICS_PORT = 9464


def detect(
    name: Annotated[str, typer.Option("--name", help="Of this worker; unique, and the same after a restart.", show_default=False)],
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    app: Annotated[
        str | None,
        typer.Option(
            "--app", help="What the workers that share the partitions have in common; by default PREFIXdetect.", show_default=False
        ),
    ] = None,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[int, typer.Option("--metrics-port", help="Port of /metrics, /health and /ready.")] = METRICS_PORT,
    checkpoint_ms: Annotated[int, typer.Option("--checkpoint-ms", min=10, help="Most time between two checkpoints.")] = 1000,
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="Go on although the next frame is no longer in the log: what is between is lost.")
    ] = False,
    features: Annotated[bool, typer.Option("--features", help="Write the features of closed days for vigie scorer.")] = False,
) -> None:
    """Judge the live log: frames to alerts, suspensions and metering, each exactly once, through any crash."""
    try:
        require_topics(bootstrap, prefix)
        # Here, for 0.7 s: the client and Faust, which no other command needs.
        from streams.live.owner import Settings
        from streams.live.worker import run

        settings = Settings(bootstrap, name, prefix, app or group(prefix, "detect"), checkpoint_ms / 1000, accept_gap)
        run(settings, metrics_host, metrics_port, _with_features() if features else None)
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(getattr(error, "exit_status", 3)) from None


def _with_features() -> Detectors:
    """The rules, and beside them the extractor, which judges nothing."""
    from models.features import FEATURES, RULE

    return installed() | {RULE: FEATURES}
