"""``vigie bridge``: have one PBX do what is decided."""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detectors.errors import VigieError
from pbx.bridge.ledger import CAP
from streams.errors import UsageError
from streams.topics import PREFIX
from vigie.run import exit_status
from vigie.topics import BOOTSTRAP, Bootstrap, BrokerUnreachable, Prefix, require_topics

if TYPE_CHECKING:
    from pbx.bridge.target import Target

METRICS_PORT = 9467
#: Module of each product; it has ``connect(url, **options) -> Target``.
PRODUCTS = {
    "kamailio": "pbx.kamailio.enforce",
    "asterisk": "pbx.asterisk.enforce",
    "freeswitch": "pbx.freeswitch.enforce",
    "opensips": "pbx.opensips.enforce",
    "redis": "pbx.redis_view",
    "webhook": "pbx.webhook.enforce",
}


def bridge(
    pbx: Annotated[str, typer.Option("--pbx", metavar="|".join(PRODUCTS), help="What it is.", show_default=False)],
    target: Annotated[str, typer.Option("--target", metavar="URL", help="Where it takes orders (docs/pbx).", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--name", help="Of this PBX in receipts and commands; by default --pbx.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Of the PBX (docs/pbx); may be repeated.", show_default=False)
    ] = None,
    bootstrap: Bootstrap = BOOTSTRAP,
    prefix: Prefix = PREFIX,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", metavar="FILE", help="By default in VIGIE_HOME.", show_default=False),
    ] = None,
    cap: Annotated[int, typer.Option("--cap", min=0, help="Automatic decisions first applied in an hour; more wait for a person.")] = CAP,
    allow: Annotated[
        Path | None, typer.Option("--allow", metavar="FILE", help="AoRs that are never restricted here, one a line.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Give no order; receipts say what would be done.")] = False,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /health and /ready.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65_535, help="Port of /metrics, /health and /ready; 0 for none.")
    ] = METRICS_PORT,
) -> None:
    """Restrict and lift at one PBX as decided, and prove it with receipts; SIGTERM or Ctrl-C ends it, and the table stands on."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("streams.live.bridge").setLevel(logging.INFO)
    # A broker that is away costs fifty lines a second of the client's; the bridge says it once.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        called = name or pbx
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", called):
            raise UsageError(f"--name {called!r}: letters, digits, '.', '_' and '-', at most 64 (it names files and keys)")
        where = connect(pbx, target, option or [])
        # Here, for 0.3 s: the client, which few commands need.
        from streams.live.bridge import Bridge, Settings, serve_until_stopped

        settings = Settings(
            bootstrap=bootstrap,
            prefix=prefix,
            pbx=called,
            snapshot=snapshot or _home() / f"bridge-{prefix}{called}.json",
            cap=cap,
            allow=_allowed(allow),
            dry_run=dry_run,
        )

        said: set[str] = set()

        def check() -> bool:
            try:
                require_topics(bootstrap, prefix)
            except BrokerUnreachable as error:
                # It may come; once is enough to find a wrong address.
                if str(error) not in said:
                    logging.getLogger("streams.live.bridge").warning("%s", error)
                said.add(str(error))
                return False
            return True

        process = Bridge(settings, where, check)

        def stop(number: int, frame: FrameType | None) -> None:
            process.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        serve_until_stopped(process, metrics_host, metrics_port)
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


def connect(pbx: str, url: str, options: list[str]) -> Target:
    """The PBX that orders go to.

    Raises:
        UsageError: no such product, or an option is not ``key=value``.
        TargetError: the address or an option is not its own.
    """
    if pbx not in PRODUCTS:
        raise UsageError(f"--pbx {pbx!r}: one of {', '.join(PRODUCTS)}")
    pairs = [one.partition("=") for one in options]
    if any(not key.isidentifier() or not equals for key, equals, _ in pairs):
        raise UsageError(f"--option {' '.join(options)}: write KEY=VALUE")
    found: Target = importlib.import_module(PRODUCTS[pbx]).connect(url, **{key: value for key, _, value in pairs})
    return found


def _allowed(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        # An empty list in its place would restrict whom it protects.
        raise UsageError(f"--allow {path}: {error}") from None
    from streams.aor import canonical_aor

    return tuple(canonical_aor(line) for line in lines if line)


def _home() -> Path:
    given = os.environ.get("VIGIE_HOME")
    return Path(given) if given else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "vigie"
