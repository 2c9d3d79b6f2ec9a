"""``vigie scorer``: ask the models in force about every day that closes."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from streams.topics import PREFIX
from vigie.run import exit_status
from vigie.topics import BOOTSTRAP, Bootstrap, Prefix, require_topics

METRICS_PORT = 9468


def scorer(
    registry: Annotated[Path, typer.Option("--registry", metavar="DIR", help="The registry of models.", show_default=False)],
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65_535, help="Port of /metrics, /health and /ready; 0 for none.")
    ] = METRICS_PORT,
) -> None:
    """Score closed days by the promoted models (docs/scoring.md); SIGTERM or Ctrl-C ends it. Workers need detect --features."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    for ours in ("streams.live.scorer", "models.scoring"):
        logging.getLogger(ours).setLevel(logging.INFO)
    # A broker that is away costs fifty lines a second of the client's; the scorer says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        require_topics(bootstrap, prefix)
        # Here, for a second: the client and what models are made with, which few commands need.
        from models.scoring.panel import Panel
        from streams.live.scorer import Scorer, Settings, serve_until_stopped

        panel = Panel(registry)
        panel.prepare()
        process = Scorer(Settings(bootstrap=bootstrap, prefix=prefix), panel)

        def stop(number: int, frame: FrameType | None) -> None:
            process.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        serve_until_stopped(process, metrics_host, metrics_port)
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
