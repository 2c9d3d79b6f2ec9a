"""``vigie notify``: wake somebody when something cannot wait for the queue."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from streams.errors import UsageError
from vigie.console import Url
from vigie.run import exit_status

if TYPE_CHECKING:
    from console.notify.pulse import Pulse


def notify(
    config: Annotated[Path, typer.Option("--config", help="TOML file: who is told what (docs/notify.md).", show_default=False)],
    database: Url = None,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65_535, help="Port of /metrics, /health and /ready; 0 for none.")
    ] = 0,
) -> None:
    """Tell people by e-mail or webhook of automatic restrictions, open circuit breakers and missing receipts; SIGTERM or Ctrl-C ends it."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    # Addresses of hooks are secrets, and its client logs them.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    try:
        from console.db.engine import open_database
        from console.db.migrate import migrate
        from console.notify.config import load
        from console.notify.pulse import Pulse
        from console.notify.sending import run

        read, secrets = load(config)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if database is None:
            raise UsageError("give --database URL, that of the console whose news it tells")
        pulse = Pulse()
        with closing(open_database(database)) as there, _served(pulse, metrics_host, metrics_port):
            migrate(there)
            typer.echo(f"telling of {', '.join(sorted({kind for route in read.routes for kind in route.on}))}; Ctrl-C stops it")
            run(there, read, secrets, stopping, pulse)
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


@contextmanager
def _served(pulse: Pulse, host: str, port: int) -> Iterator[None]:
    from streams.live.metrics import serve

    try:
        server = serve(host, port, pulse.registry, pulse.health, pulse.ready) if port else None
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --metrics-port") from None
    try:
        yield
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
