"""Moves of a model from role to role: who may ask, who must agree, on what evidence.

A promotion takes two persons. The first signs a request over the version, its manifest and the report of its shadow run; the second
signs the same bytes. Going back takes one, because two had agreed on that version before, and an alarm at night has one person.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.days import DAY
from models.registry import aliases, loading, reports, store
from models.registry.aliases import Action, Move, Order, Roles
from models.registry.errors import KeyRefused, ModelMissing, MoveRefused
from models.registry.manifest import Manifest
from models.registry.signing import Publisher, Publishers, Signature, public_key, sign
from streams.durable import replace_file
from streams.times import format_time, parse_time

REQUESTS = "requests"
#: A request that nobody approved by then is asked again, on numbers of that day.
OPEN_MS = 7 * DAY
_REQUEST_MAX = 2**16


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promotion that one person asked for."""

    order: Order
    signature: Signature


_read = msgspec.json.Decoder(Request).decode


def resolve(registry: Path, name: str, word: str, publishers: Publishers) -> str:
    """The version that a word means: itself, or ``champion``, ``challenger``, ``candidate``.

    ``candidate`` is the only version that never had a role.

    Raises:
        ModelMissing: none has that role, or several are candidates.
    """
    if word not in ("champion", "challenger", "candidate"):
        store.folder(registry, name, word)
        return word
    moves = [move for move in aliases.history(registry, publishers) if move.order.name == name]
    roles = aliases.fold(moves).get(name, Roles())
    if word == "candidate":
        used = {move.order.version for move in moves if move.order.action != "challenge"}
        found = [version for version in store.versions(registry, name) if version not in used]
    else:
        found = [version] if (version := getattr(roles, word)) else []
    if len(found) == 1:
        return found[0]
    several = f"several versions are candidates ({', '.join(found[:5])}); name one" if found else f"no version is {word}"
    raise ModelMissing(f"{name}: {several}; see vigie models list --registry {registry}")


def request(registry: Path, name: str, version: str, key: Ed25519PrivateKey, publishers: Publishers, now: int) -> tuple[Path, Request]:
    """Ask, as the first of two persons, that a version becomes champion.

    Args:
        registry: its folder.
        name: of the model.
        version: of the model.
        key: of the person who asks.
        publishers: whose keys count.
        now: milliseconds.

    Raises:
        MoveRefused: it is champion already, or its evidence does not carry it.
        ModelRefused: it cannot be loaded.
        KeyRefused: the key is no publisher's in force.
    """
    person(key, publishers)
    with aliases.locked(registry):
        manifest, sha256 = _loadable(registry, name, version, publishers)
        roles = aliases.current(registry, publishers).get(name, Roles())
        if roles.champion == version:
            raise MoveRefused(f"{version}: is champion already; nothing to promote")
        found = reports.newest(registry, name, version)
        if found is None:
            raise MoveRefused(f"{version}: has no shadow report; run: vigie models shadow {name} {version}")
        report, report_sha256 = found
        reports.require(report, manifest, sha256, roles.champion, now)
        order = _order("promote", manifest, sha256, now, report_sha256)
        asked = Request(order, sign(key, aliases.message(order)))
        path = _path(registry, version)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, msgspec.json.format(msgspec.json.encode(asked), indent=1) + b"\n")
    return path, asked


def pending(registry: Path) -> list[Request]:
    """Promotions that wait for a second person, readable ones, in the order of their versions."""
    found = []
    for path in sorted((registry / REQUESTS).glob("*.json")):
        try:
            found.append(_read(store.read_bytes(path, _REQUEST_MAX)))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def approve(registry: Path, name: str, version: str, key: Ed25519PrivateKey, publishers: Publishers, now: int) -> tuple[Move, Manifest]:
    """Agree, as the second person, to a promotion that was asked for; the version is champion from here on.

    Everything the request rested on is looked at again: between the two days a champion, a key or a report may have changed.

    Raises:
        MoveRefused: there is no such request, it is old, used, altered or one's own, or its evidence does not carry it.
        ModelRefused: the model cannot be loaded.
        KeyRefused: the key is no publisher's in force.
    """
    second = person(key, publishers)
    with aliases.locked(registry):
        asked = _asked(registry, name, version)
        order = asked.order
        again = f"ask again: vigie models promote {name} {version}"
        first = publishers.signer([asked.signature], aliases.message(order))
        if first is None:
            known = publishers.of(asked.signature.key)
            why = f"the key of {known.name} is revoked" if known and known.revoked else "it is not what a publisher signed"
            raise MoveRefused(f"{version}: the request does not hold, {why}; {again}")
        if first.name == second.name or asked.signature.key == public_key(key):
            raise MoveRefused(f"{version}: {second.name} asked for it, and cannot approve it too; another publisher must")
        if (order.action, order.name, order.version, order.role) != ("promote", name, version, "champion"):
            raise MoveRefused(f"{version}: the request is for something else ({order.action} {order.version[:80]}); {again}")
        asked_at = parse_time(order.requested_at)
        if asked_at > now + reports.SKEW_MS:
            raise MoveRefused(f"{version}: the request is of the future ({order.requested_at}); see the clock, or {again}")
        if now - asked_at > OPEN_MS:
            raise MoveRefused(f"{version}: the request of {order.requested_at} is older than {OPEN_MS // DAY} days; {again}")
        if any(move.order == order for move in aliases.history(registry, publishers)):
            raise MoveRefused(f"{version}: this request was approved before; {again}")
        manifest, sha256 = _loadable(registry, name, version, publishers)
        if order.manifest_sha256 != sha256:
            raise MoveRefused(f"{version}: its manifest is not the one of the request; {again}")
        roles = aliases.current(registry, publishers).get(name, Roles())
        report = reports.with_digest(registry, name, version, order.shadow_sha256)
        reports.require(report, manifest, sha256, roles.champion, now)
        signatures = asked.signature, sign(key, aliases.message(order))
        move = aliases.append(registry, order, signatures, format_time(now), publishers)
        _path(registry, version).unlink(missing_ok=True)
    return move, manifest


def rollback(registry: Path, name: str, key: Ed25519PrivateKey, publishers: Publishers, now: int, to: str = "") -> tuple[Move, Manifest]:
    """Go back to the champion before this one, or to any version that two persons once made champion.

    Raises:
        MoveRefused: there is none to go back to.
        ModelRefused: it cannot be loaded.
        KeyRefused: the key is no publisher's in force.
    """
    person(key, publishers)
    with aliases.locked(registry):
        roles = aliases.current(registry, publishers).get(name, Roles())
        if not to and not roles.former:
            known = ", ".join(version for version in roles.approved if version != roles.champion)
            names = f"name one with --to: {known}" if known else "take the champion out: vigie models rollback NAME --to none"
            raise MoveRefused(f"{name}: no champion before {roles.champion or 'this'}; {names}")
        version = to or roles.former[-1]
        if version == roles.champion:
            raise MoveRefused(f"{version}: is champion already; nothing to go back to")
        if version not in roles.approved:
            raise MoveRefused(f"{version}: was never champion, so it needs two persons: vigie models promote {name} {version}")
        manifest, sha256 = _loadable(registry, name, version, publishers)
        return _signed(registry, _order("rollback", manifest, sha256, now), key, publishers, now), manifest


def retire(registry: Path, name: str, version: str, key: Ed25519PrivateKey, publishers: Publishers, now: int) -> tuple[Move, Manifest]:
    """Take a version out of its role; rules go on without it. It need not be loadable: a broken model must be retirable.

    Raises:
        MoveRefused: it has no role.
        KeyRefused: the key is no publisher's in force.
    """
    person(key, publishers)
    with aliases.locked(registry):
        roles = aliases.current(registry, publishers).get(name, Roles())
        if not version or version not in (roles.champion, roles.challenger):
            raise MoveRefused(f"{version or name}: has no role to be taken out of; see vigie models list --registry {registry}")
        data = store.read_bytes(store.folder(registry, name, version) / store.MANIFEST_FILE, store.MANIFEST_MAX)
        manifest = loading.read_manifest(data, version)
        return _signed(registry, _order("retire", manifest, store.digest(data), now), key, publishers, now), manifest


def challenge(registry: Path, name: str, version: str, key: Ed25519PrivateKey, publishers: Publishers, now: int) -> tuple[Move, Manifest]:
    """Let a version score the stream beside the champion; its scores order nothing.

    Raises:
        MoveRefused: it has a role already.
        ModelRefused: it cannot be loaded.
        KeyRefused: the key is no publisher's in force.
    """
    person(key, publishers)
    with aliases.locked(registry):
        manifest, sha256 = _loadable(registry, name, version, publishers)
        roles = aliases.current(registry, publishers).get(name, Roles())
        if version in (roles.champion, roles.challenger):
            raise MoveRefused(f"{version}: is {'champion' if version == roles.champion else 'challenger'} already; nothing to do")
        return _signed(registry, _order("challenge", manifest, sha256, now), key, publishers, now), manifest


def person(key: Ed25519PrivateKey, publishers: Publishers) -> Publisher:
    """Whose key it is.

    Raises:
        KeyRefused: nobody's, or a revoked one.
    """
    found = publishers.of(public_key(key))
    if found is None:
        raise KeyRefused(f"{publishers.where}: does not have this key ({public_key(key)}); who keeps that file can add it")
    if found.revoked:
        raise KeyRefused(f"{publishers.where}: the key of {found.name} is revoked; use one in force")
    return found


def _loadable(registry: Path, name: str, version: str, publishers: Publishers) -> tuple[Manifest, str]:
    """A version that a scorer will load, and the digest of its manifest."""
    manifest = loading.load(registry, name, version, publishers).manifest
    data = store.read_bytes(registry / name / version / store.MANIFEST_FILE, store.MANIFEST_MAX)
    return manifest, store.digest(data)


def _order(action: Action, manifest: Manifest, sha256: str, now: int, shadow: str = "") -> Order:
    return Order(
        action=action,
        name=manifest.name,
        version=manifest.version,
        manifest_sha256=sha256,
        role=aliases.ROLES[action],
        shadow_sha256=shadow,
        requested_at=format_time(now),
    )


def _signed(registry: Path, order: Order, key: Ed25519PrivateKey, publishers: Publishers, now: int) -> Move:
    return aliases.append(registry, order, (sign(key, aliases.message(order)),), format_time(now), publishers)


def _asked(registry: Path, name: str, version: str) -> Request:
    store.folder(registry, name, version)
    path = _path(registry, version)
    if not path.exists():
        raise MoveRefused(f"{version}: nobody asked for it; first: vigie models promote {name} {version}")
    try:
        return _read(store.read_bytes(path, _REQUEST_MAX))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MoveRefused(f"{path}: no request; ask again: vigie models promote {name} {version}") from None


def _path(registry: Path, version: str) -> Path:
    return registry / REQUESTS / f"{version}.json"
