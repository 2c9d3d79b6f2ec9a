"""Which version of a model is champion and which challenger: the fold of a history that is only ever added to.

``REGISTRY/moves.jsonl`` has a line for each move, holding the digest of the line before it and the signatures that its action
needs: two persons' for a promotion, one's for the rest. Reading verifies all of them, so a changed, cut out or invented line is seen.
A copy that lacks the last lines cannot be told from an earlier one: the log of the stream has the moves too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from models.registry.errors import MoveRefused, RegistryDamaged
from models.registry.signing import MOVE, Publisher, Publishers, Signature
from models.registry.store import digest
from streams.durable import sync_directory
from streams.errors import UsageError
from streams.lock import own

MOVES = "moves.jsonl"
Role = Literal["champion", "challenger", "none"]
Action = Literal["promote", "challenge", "retire", "rollback"]
#: Digest that the first line holds.
_NOTHING = "0" * 64
_PERSONS = {"promote": 2, "challenge": 1, "retire": 1, "rollback": 1}
#: What each action makes of a version.
ROLES: dict[str, Role] = {"promote": "champion", "challenge": "challenger", "retire": "none", "rollback": "champion"}


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed of a move.

    Args:
        action: ``promote`` makes champion what two persons approved; ``challenge`` lets a version score beside it; ``retire`` takes
            a version out of its role; ``rollback`` goes back to one that was champion.
        name: of the model.
        version: of the model.
        manifest_sha256: digest of its ``manifest.json``.
        role: that it gets.
        shadow_sha256: digest of the shadow report that a promotion rests on, else empty.
        requested_at: RFC 3339.
    """

    action: Action
    name: str
    version: str
    manifest_sha256: str
    role: Role
    shadow_sha256: str = ""
    requested_at: str


class Move(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the history.

    Args:
        sequence: from 1.
        at: RFC 3339.
        former: digest of the line before.
        order: what was signed.
        signatures: under the order, the requester's first.
    """

    sequence: int
    at: str
    former: str
    order: Order
    signatures: tuple[Signature, ...]


class Roles(msgspec.Struct):
    """The roles of one model's versions.

    Args:
        champion: the version that counts; empty when none does.
        challenger: the version that scores beside it; empty when none does.
        former: champions before it, the latest last, as ``rollback`` goes back to them.
        approved: versions that two persons once made champion.
    """

    champion: str = ""
    challenger: str = ""
    former: list[str] = []
    approved: list[str] = []


_write = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Move).decode


def message(order: Order) -> bytes:
    """The bytes under which the signatures of a move are made."""
    return MOVE + msgspec.json.encode(order, order="deterministic")


def signers(order: Order, signatures: tuple[Signature, ...], publishers: Publishers, revoked: bool = False) -> list[Publisher]:
    """The publishers who truly signed an order, each person once.

    Args:
        order: what is signed.
        signatures: under it.
        publishers: whose keys count.
        revoked: also those whose key was revoked since.
    """
    found: list[Publisher] = []
    for one in signatures:
        publisher = publishers.signer([one], message(order), revoked)
        if publisher is not None and all(publisher.name != other.name for other in found):
            found.append(publisher)
    return found


def history(registry: Path, publishers: Publishers) -> list[Move]:
    """All moves, verified: the chain, the numbers, and that each has the signatures that its action needs.

    A key that was revoked later still speaks for what it signed before.

    Raises:
        RegistryDamaged: one of these does not hold.
    """
    path = registry / MOVES
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RegistryDamaged(f"{path}: cannot be read ({error.strerror}); restore it from a backup") from None
    if data and not data.endswith(b"\n"):
        raise RegistryDamaged(f"{path}: its last line is cut; restore it from a backup, or remove that line if the move was not told")
    moves: list[Move] = []
    former = _NOTHING
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            move = _read(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise RegistryDamaged(f"{path}: line {number} is no move; restore the file from a backup") from None
        if move.sequence != number or move.former != former:
            raise RegistryDamaged(f"{path}: line {number} does not follow from the one before; restore the file from a backup")
        if move.order.role != ROLES[move.order.action]:
            raise RegistryDamaged(f"{path}: line {number}: {move.order.action} gives no role {move.order.role}; restore it from a backup")
        if len(signers(move.order, move.signatures, publishers, revoked=True)) < _PERSONS[move.order.action]:
            raise RegistryDamaged(f"{path}: line {number} lacks a signature of a publisher; restore it, or the key to {publishers.where}")
        former = digest(line)
        moves.append(move)
    fold(moves)
    return moves


def fold(moves: list[Move]) -> dict[str, Roles]:
    """The roles after moves, by name of the model.

    Raises:
        RegistryDamaged: a move goes back to a version that was never approved by two.
    """
    found: dict[str, Roles] = {}
    for move in moves:
        order = move.order
        roles = found.setdefault(order.name, Roles())
        if order.action == "challenge":
            roles.challenger = order.version
            continue
        if order.action == "retire":
            if roles.challenger == order.version:
                roles.challenger = ""
            if roles.champion == order.version:
                roles.champion, roles.former = "", []
            continue
        if order.action == "rollback":
            if order.version not in roles.approved:
                raise RegistryDamaged(f"{MOVES}: line {move.sequence} goes back to {order.version}, which was never champion; restore it")
            # What is gone back over is no way forward: the next rollback goes further back.
            roles.former = roles.former[: roles.former.index(order.version)] if order.version in roles.former else []
        elif roles.champion and roles.champion != order.version:
            roles.former = [*(one for one in roles.former if one != order.version), roles.champion]
        if order.version not in roles.approved:
            roles.approved.append(order.version)
        roles.champion = order.version
        if roles.challenger == order.version:
            roles.challenger = ""
    return found


def current(registry: Path, publishers: Publishers) -> dict[str, Roles]:
    """The roles that are in force, by name of the model.

    Raises:
        RegistryDamaged: the history does not hold together.
    """
    return fold(history(registry, publishers))


@contextmanager
def locked(registry: Path) -> Iterator[None]:
    """Hold the registry while a move is decided and written.

    Raises:
        MoveRefused: somebody else holds it for long.
    """
    try:
        with own(registry):
            yield
    except FileNotFoundError:
        raise MoveRefused(f"{registry}: no registry; name the folder that vigie train wrote to") from None
    except UsageError as error:
        if "another run" not in str(error):
            raise
        raise MoveRefused(f"{registry}: another move is being written there; try again") from None


def append(registry: Path, order: Order, signatures: tuple[Signature, ...], at: str, publishers: Publishers) -> Move:
    """Write a move behind the others, durably; call it while the registry is ``locked``, with an order that was checked.

    Raises:
        RegistryDamaged: the history does not hold together, with or without the move.
    """
    path = registry / MOVES
    before = history(registry, publishers)
    former = digest(path.read_bytes().rstrip(b"\n").rsplit(b"\n", 1)[-1]) if before else _NOTHING
    move = Move(sequence=len(before) + 1, at=at, former=former, order=order, signatures=signatures)
    fold([*before, move])
    with path.open("ab") as file:
        file.write(_write(move) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(registry)
    return move
