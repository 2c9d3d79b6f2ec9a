"""``vigie console``: the fraud team's web console; ``vigie audit``: its log of who did what."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from detectors.errors import VigieError
from streams.errors import UsageError
from streams.topics import PREFIX
from vigie.options import DEFAULT_POLICY, Geo, Kafka, PolicyFile
from vigie.run import exit_status
from vigie.topics import Prefix

if TYPE_CHECKING:
    from console.db.engine import Database
    from console.settings import Oidc, Settings

# What follows is imported where it is used: a web server and a database take half a second, which `vigie run` need not wait for.

console_app = typer.Typer(help="Serve the fraud team's web console.", invoke_without_command=True)
audit_app = typer.Typer(help="The console's log of who did what.", no_args_is_help=True)

Data = Annotated[
    Path | None, typer.Option("--data", help="Directory of a run's results; the console's database lies in it.", show_default=False)
]
Url = Annotated[
    str | None,
    typer.Option("--database", envvar="VIGIE_DATABASE", help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.", show_default=False),
]


@console_app.callback()
def console(
    context: typer.Context,
    data: Data = None,
    database: Url = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8470,
    origin: Annotated[
        str | None, typer.Option("--origin", help="How browsers reach it, if not by host and port.", show_default=False)
    ] = None,
    proxy: Annotated[
        str | None, typer.Option("--proxy", help="Address of the reverse proxy whose X-Forwarded-For is believed.", show_default=False)
    ] = None,
    kafka: Kafka = None,
    prefix: Prefix = PREFIX,
    redis: Annotated[str | None, typer.Option("--redis", help="redis://… that counts for rate limits.", show_default=False)] = None,
    oidc: Annotated[Path | None, typer.Option("--oidc", help="TOML file of the single sign-on provider.", show_default=False)] = None,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", metavar="FILE", help="What a what-if judges again, if not the run's own inputs.", show_default=False),
    ] = None,
) -> None:
    """Show the results of a run (--data), or what detection says live (--database and --kafka)."""
    if context.invoked_subcommand is not None:
        return
    with _errors(), _opened(data, database) as opened:
        from console.people import links
        from console.settings import Settings
        from console.web.app import create_app

        if data is not None:
            if kafka is not None:
                raise UsageError("--data and --kafka: a console shows the results of a run or what is live; give one of them")
            _load(opened, data)
        listening = _listen(host, port)
        where = origin.rstrip("/") if origin else _origin(host, listening.getsockname()[1])
        settings = Settings(
            opened,
            where,
            data=data,
            kafka=kafka,
            prefix=prefix,
            policy=policy,
            geo=geo,
            history=tuple(history or ()),
            redis=redis,
            oidc=_oidc(oidc) if oidc else None,
        )
        app = create_app(settings)
        with opened.writing() as session:
            # Of a live console only the very first person comes in by what is printed: logs of services are kept and read.
            token = links.console_link(session, settings.now(), always=data is not None)
        out = Console()
        out.print(f"Console at {where} (Ctrl-C stops it)", soft_wrap=True, markup=False, highlight=False)
        if token:
            out.print("Sign in once, within ten minutes, with this link:", soft_wrap=True, markup=False, highlight=False)
            out.print(f"{where}/sign-in/link/{token}", soft_wrap=True, markup=False, highlight=False)
        with _live(settings, prefix):
            _serve(app, listening, proxy)


@console_app.command()
def migrate(data: Data = None, database: Url = None) -> None:
    """Bring the database up to this version's schema; the console does it by itself when it starts."""
    with _errors():
        from console.db.engine import open_database
        from console.db.migrate import migrate as apply

        opened = open_database(_where(data, database))
        try:
            steps = apply(opened)
        finally:
            opened.close()
    for step in steps:
        typer.echo(step)
    typer.echo(f"{len(steps)} steps applied" if steps else "up to date")


@console_app.command()
def link(
    login: Annotated[str, typer.Argument(help="Whom it signs in.", show_default=False)],
    origin: Annotated[str, typer.Option("--origin", help="How browsers reach the console.")] = "http://127.0.0.1:8470",
    data: Data = None,
    database: Url = None,
) -> None:
    """Print a link that signs a person in, once, within ten minutes."""
    with _errors(), _opened(data, database) as opened:
        from sqlalchemy import select

        from console.db.tables import User
        from console.people import links
        from console.settings import wall_clock

        with opened.writing() as session:
            user = session.scalar(select(User).where(User.login == login.lower(), User.active))
            if user is None:
                raise UsageError(f"{login}: nobody active has this login")
            token = links.new_link(session, user, who="vigie", now=wall_clock())
        typer.echo(f"{origin.rstrip('/')}/sign-in/link/{token}")


@audit_app.command()
def verify(data: Data = None, database: Url = None) -> None:
    """Check that no row of the audit log was changed, removed or added; keep the head elsewhere and compare it next time."""
    with _errors(), _opened(data, database) as opened:
        from console import audit

        with opened.reading() as session:
            found = audit.verify(session)
    typer.echo(f"whole: {found.rows} rows, head {found.head}")


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None


def _where(data: Path | None, database: str | None) -> str | Path:
    from console.db.engine import FILE

    if database:
        return database
    if data is None:
        raise UsageError("give --data DIR (results of vigie run) or --database URL")
    if not data.is_dir():
        raise UsageError(f"{data}: is no directory; give --data the --out of a run")
    return data / FILE


@contextmanager
def _opened(data: Path | None, database: str | None) -> Iterator[Database]:
    from console.db.engine import open_database
    from console.db.migrate import migrate as apply

    opened = open_database(_where(data, database))
    try:
        apply(opened)
        yield opened
    finally:
        opened.close()


def _load(opened: Database, data: Path) -> None:
    from console.load import load_results
    from console.settings import wall_clock

    with opened.writing() as session:
        load_results(session, data, wall_clock())


def _listen(host: str, port: int) -> socket.socket:
    # Bound here and handed over, so that a port that is taken is an error of one line, and port 0 has a number to print.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from None


def _origin(host: str, port: int) -> str:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise UsageError("others will reach this console: give --origin https://NAME, as their browsers will call it")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _live(settings: Settings, prefix: str) -> Iterator[None]:
    if settings.kafka is None:
        yield
        return
    from console.live import Live

    # A broker that is away costs fifty lines a second of the client's; ours says it once.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    live = Live(settings, prefix)
    live.start()
    try:
        yield
    finally:
        live.stop()


def _oidc(path: Path) -> Oidc:
    from console.settings import Oidc

    try:
        body: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return Oidc(**body)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check --oidc") from None
    except (tomllib.TOMLDecodeError, TypeError) as error:
        keys = "issuer, client_id, client_secret, and if need be roles_claim, name and a table [roles]"
        raise UsageError(f"{path}: is no provider ({error}); it holds {keys}") from None


def _serve(app: Any, listening: socket.socket, proxy: str | None) -> None:
    import uvicorn

    class Stoppable(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn's own raises the signal again once it has stopped: a stop that was asked for would count as a crash.
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=Console(stderr=True), show_path=False)])
    # No log of requests: their addresses say which alert of which customer somebody looked at, and one-time links.
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy or "",
        timeout_graceful_shutdown=5,
    )
    Stoppable(config).run(sockets=[listening])
