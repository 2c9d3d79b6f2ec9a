"""``vigie models``: keys, what is in the registry, and the moves of a model from role to role."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detectors.errors import VigieError
from models.registry import aliases, loading, moving, signing, store
from models.registry.aliases import Move, Roles
from models.registry.errors import KeyRefused, ModelRefused
from models.registry.events import line_of, model_event
from models.registry.manifest import Manifest, read_manifest
from models.registry.signing import Publishers
from streams.durable import sync_directory
from streams.errors import UsageError
from streams.topics import PREFIX
from vigie.models_reports import compare_command, drift_command, shadow_report
from vigie.run import exit_status, instant
from vigie.topics import Prefix, require_topics

models_app = typer.Typer(help="Models: compare them, move them by two keys, watch them drift.", no_args_is_help=True)

Registry = Annotated[Path, typer.Option("--registry", help="The folder that vigie train writes models to.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The model: autodial, call-centre…", show_default=False)]
Version = Annotated[
    str, typer.Argument(help="A version; or candidate (the only one that never had a role), champion, challenger.", show_default=False)
]
Key = Annotated[Path, typer.Option("--key", help="Your private key, as keygen wrote it.", show_default=False)]
Now = Annotated[str | None, typer.Option("--now", help="Instant of the move instead of the clock's.", show_default=False)]
Events = Annotated[
    Path | None, typer.Option("--events", help="Append the model event to this .jsonl, as vigie run reads it.", show_default=False)
]
Broker = Annotated[
    str | None, typer.Option("--bootstrap", metavar="HOST:PORT", help="Publish the model event to the control topic.", show_default=False)
]


@models_app.command("keygen")
def keygen_command(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    registry: Registry,
    out: Annotated[Path, typer.Option("--out", help="File of the private key, outside of the registry.", show_default=False)],
) -> None:
    """Make a key: the private half into a file of yours, the public half into the registry's publishers.toml."""
    console = Console()
    try:
        if out.resolve().is_relative_to(registry.resolve()):
            raise KeyRefused(f"{out}: lies in the registry, which others read; choose a folder of your own for --out")
        key = signing.make_key(out)
        public = signing.public_key(key)
        try:
            path = signing.add_publisher(registry, name, public)
        except KeyRefused:
            # A key that nobody counts is only confusing.
            out.unlink()
            raise
        except OSError as error:
            block = f'[[publisher]]\nname = "{name}"\nkey = "{public}"'
            _print(console, f"{registry / signing.PUBLISHERS} cannot be written ({error.strerror}); who keeps it may add:\n{block}")
            path = None
    except VigieError as error:
        fail(error)
    _print(console, f"private key in {out}: keep it to yourself")
    if path is not None:
        _print(console, f"public key {public} of {name} in {path}")


@models_app.command("list")
def list_command(registry: Registry) -> None:
    """List the versions of all models, with their roles and whether they can be loaded."""
    console = Console()
    try:
        publishers = signing.read_publishers(registry)
        moves = aliases.history(registry, publishers)
    except VigieError as error:
        fail(error)
    roles = aliases.fold(moves)
    table = Table(title="Models")
    for column in ("version", "role", "trained as of", "AP", "signed by", "loads"):
        table.add_column(column, overflow="fold", no_wrap=column == "version", justify="right" if column == "AP" else "left")
    count = 0
    for name in store.names(registry):
        for version in store.versions(registry, name):
            count += 1
            role = _role(roles.get(name, Roles()), version)
            try:
                loaded = loading.load(registry, name, version, publishers)
            except ModelRefused as error:
                table.add_row(version, role, "–", "–", "–", f"[red]no:[/red] {escape(str(error))}")
                continue
            manifest = loaded.manifest
            precision = manifest.metrics.get("average_precision")
            score = "–" if precision is None else f"{precision[0]:.3f}"
            table.add_row(version, role, manifest.trained_as_of[:10], score, escape(loaded.publisher.name), "yes")
    if not count:
        _print(console, f"No models in {registry}: train one with vigie train --recipe recipes/autodial.toml --registry {registry}")
        return
    console.print(table)
    for asked in moving.pending(registry):
        person = publishers.of(asked.signature.key)
        who = person.name if person else "nobody we know"
        _print(console, f"waits for a second person: {asked.order.version}, asked for by {who} at {asked.order.requested_at}")


@models_app.command("show")
def show_command(name: Name, version: Version, registry: Registry) -> None:
    """Show what a version is: what it learned from, how good it was, what guards it, and its moves."""
    console = Console()
    try:
        publishers = signing.read_publishers(registry)
        version = moving.resolve(registry, name, version, publishers)
        loaded = loading.load(registry, name, version, publishers)
        moves = aliases.history(registry, publishers)
    except VigieError as error:
        fail(error)
    manifest = loaded.manifest
    table = Table(title=version, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    facts = {
        "role": _role(aliases.fold(moves).get(name, Roles()), version) or "none",
        "trained as of": manifest.trained_as_of,
        "rows": f"licence-{manifest.rows}s, {len(manifest.features)} features of schema {manifest.schema_hash}",
        "thresholds": f"review from {manifest.threshold:g}, urgent from {manifest.urgent:g}, {manifest.capacity_per_day:g} alerts a day",
        "signed by": loaded.publisher.name,
        "made with": ", ".join(f"{library} {number}" for library, number in sorted(manifest.libraries.items())),
        "model": f"{manifest.model_bytes:,} bytes, SHA-256 {manifest.model_sha256}",
        "data": manifest.data_fingerprint,
        "recipe": manifest.recipe_sha256,
        **{metric.replace("_", " "): _interval(value) for metric, value in sorted(manifest.metrics.items())},
        **{f"guard {guarded}": f"{floor:g}" for guarded, floor in sorted(manifest.guards.items())},
    }
    for word, fact in facts.items():
        table.add_row(word, escape(fact))
    console.print(table)
    for move in moves:
        if move.order.version == version:
            names = " and ".join(one.name for one in aliases.signers(move.order, move.signatures, publishers, revoked=True))
            _print(console, f"{move.at[:19].replace('T', ' ')} {move.order.action} by {names}")
    _print(console, f"card: {store.folder(registry, name, version) / 'card.md'}")


@models_app.command("promote")
def promote_command(name: Name, version: Version, registry: Registry, key: Key, now: Now = None) -> None:
    """Ask that a version becomes champion: needs a shadow report of these days; a second person then approves."""
    console = Console()
    try:
        publishers = signing.read_publishers(registry)
        version = moving.resolve(registry, name, version, publishers)
        path, asked = moving.request(registry, name, version, signing.read_key(key), publishers, clock(now))
    except VigieError as error:
        fail(error)
    _print(console, f"request for {version} in {path}, on the shadow report {asked.order.shadow_sha256[:12]}…")
    _print(console, f"another publisher now: vigie models approve {name} {version} --registry {registry} --key FILE")


@models_app.command("approve")
def approve_command(
    name: Name,
    version: Version,
    registry: Registry,
    key: Key,
    now: Now = None,
    events: Events = None,
    bootstrap: Broker = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Approve, as a second person, that a version becomes champion; running scorers take it within seconds."""

    def move(publishers: Publishers) -> tuple[Move, Manifest]:
        found = moving.resolve(registry, name, version, publishers)
        return moving.approve(registry, name, found, signing.read_key(key), publishers, clock(now))

    _moved(registry, move, events, bootstrap, prefix)


@models_app.command("rollback")
def rollback_command(
    name: Name,
    registry: Registry,
    key: Key,
    to: Annotated[
        str, typer.Option("--to", help="A version that was champion, or none to go on with rules alone.", show_default=False)
    ] = "",
    now: Now = None,
    events: Events = None,
    bootstrap: Broker = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Go back to the champion before this one; one key is enough."""

    def move(publishers: Publishers) -> tuple[Move, Manifest]:
        mine, at = signing.read_key(key), clock(now)
        if to == "none":
            champion = aliases.current(registry, publishers).get(name, Roles()).champion
            return moving.retire(registry, name, champion, mine, publishers, at)
        return moving.rollback(registry, name, mine, publishers, at, to)

    _moved(registry, move, events, bootstrap, prefix)


@models_app.command("publish")
def publish_command(name: Name, registry: Registry, events: Events = None, bootstrap: Broker = None, prefix: Prefix = PREFIX) -> None:
    """Tell the stream again who is champion and challenger, when a move could not be told or a new log begins."""
    try:
        if events is None and bootstrap is None:
            raise UsageError("give --bootstrap HOST:PORT or --events FILE: where the events go")
        publishers = signing.read_publishers(registry)
        moves = [move for move in aliases.history(registry, publishers) if move.order.name == name]
        roles = aliases.fold(moves).get(name, Roles())
        latest: dict[tuple[str, str], Move] = {(move.order.version, move.order.role): move for move in moves}
        wanted = [latest[version, role] for version, role in ((roles.champion, "champion"), (roles.challenger, "challenger")) if version]
        if moves and moves[-1].order.role == "none":
            wanted.insert(0, moves[-1])
        if not wanted:
            raise UsageError(f"{name}: no version has or had a role, so there is nothing to tell; see vigie models list")
        _tell(registry, sorted(wanted, key=lambda move: move.sequence), events, bootstrap, prefix)
    except VigieError as error:
        fail(error)


@models_app.command("shadow")
def shadow_command(
    name: Name,
    version: Version,
    registry: Registry,
    features: Annotated[
        Path | None, typer.Option("--features", help="Licence-days of these weeks (vigie features).", show_default=False)
    ] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help="Judged alerts (vigie labels export).", show_default=False)] = None,
    recipe: Annotated[Path | None, typer.Option("--recipe", help="Instead of the model's own in recipes/.", show_default=False)] = None,
    live: Annotated[bool, typer.Option("--live", help="Let it score the stream beside the champion; needs --key.")] = False,
    end: Annotated[bool, typer.Option("--end", help="With --live: let it do so no more.")] = False,
    key: Annotated[Path | None, typer.Option("--key", help="Your private key, with --live.", show_default=False)] = None,
    now: Now = None,
    events: Events = None,
    bootstrap: Broker = None,
    prefix: Prefix = PREFIX,
) -> None:
    """Run a version beside the champion on the same rows and write the report that a promotion needs; or, --live, on the stream."""
    if not live:
        try:
            if features is None or end or key or events or bootstrap:
                raise UsageError("give --features FILE, and --labels FILE if its recipe has guards; --key, --end and events go with --live")
            publishers = signing.read_publishers(registry)
            version = moving.resolve(registry, name, version, publishers)
            shadow_report(registry, name, version, features, labels, recipe, publishers, clock(now))
        except VigieError as error:
            fail(error)
        return

    def move(publishers: Publishers) -> tuple[Move, Manifest]:
        if key is None or features or labels or recipe:
            raise UsageError("--live takes --key FILE and no files of rows: the stream has them")
        mine, found = signing.read_key(key), moving.resolve(registry, name, version, publishers)
        change = moving.retire if end else moving.challenge
        if end and aliases.current(registry, publishers).get(name, Roles()).champion == found:
            raise UsageError(f"{found} is champion, not challenger; take it out with: vigie models rollback {name} --to none")
        return change(registry, name, found, mine, publishers, clock(now))

    _moved(registry, move, events, bootstrap, prefix)


models_app.command("compare")(compare_command)
models_app.command("drift")(drift_command)


def clock(now: str | None) -> int:
    """An instant that was given, or the clock's, in milliseconds."""
    found = instant(now, "--now")
    return time.time_ns() // 1_000_000 if found is None else found


def fail(error: VigieError) -> NoReturn:
    """One red line, and the error's exit status."""
    Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    raise typer.Exit(exit_status(error)) from None


def _moved(
    registry: Path, move: Callable[[Publishers], tuple[Move, Manifest]], events: Path | None, bootstrap: str | None, prefix: str
) -> None:
    try:
        # What could keep the event from being told is found out before anything moves.
        if bootstrap is not None:
            require_topics(bootstrap, prefix)
        if events is not None and (events.is_dir() or not events.resolve().parent.is_dir()):
            raise UsageError(f"{events}: cannot be written; --events names a file in a directory that exists")
        made, _ = move(signing.read_publishers(registry))
        order = made.order
        words = {"champion": "is champion", "challenger": "scores beside the champion", "none": "has no role any more"}[order.role]
        _print(Console(), f"{order.version} {words}, move {made.sequence} of {registry / aliases.MOVES}")
        if events is None and bootstrap is None:
            _print(Console(), f"the stream was not told: vigie models publish {order.name} --registry {registry} --bootstrap HOST:PORT")
            return
        _tell(registry, [made], events, bootstrap, prefix)
    except VigieError as error:
        fail(error)


def _tell(registry: Path, moves: list[Move], events: Path | None, bootstrap: str | None, prefix: str) -> None:
    told = []
    for move in moves:
        order = move.order
        data = store.read_bytes(store.folder(registry, order.name, order.version) / store.MANIFEST_FILE, store.MANIFEST_MAX)
        told.append((order.name, line_of(model_event(move, read_manifest(data, order.version)))))
    if events is not None:
        try:
            with events.open("ab") as file:
                file.write(b"".join(line + b"\n" for _, line in told))
                file.flush()
                os.fsync(file.fileno())
            sync_directory(events.resolve().parent)
        except OSError as error:
            raise UsageError(f"{events}: cannot be written ({error.strerror}); the move stands: vigie models publish tells it") from None
        _print(Console(), f"told to {events}")
    if bootstrap is not None:
        # The client takes 0.2 s to import: only commands that use it wait for it.
        from streams.live.control import publish

        publish(bootstrap, prefix, "vigie-models", told)
        _print(Console(), f"told to {prefix}control")


def _role(roles: Roles, version: str) -> str:
    if version == roles.champion:
        return "champion"
    if version == roles.challenger:
        return "challenger"
    return "former champion" if version in roles.former else ""


def _interval(value: tuple[float, float, float] | None) -> str:
    return "–" if value is None else f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"


def _print(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)
