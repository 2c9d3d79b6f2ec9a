"""Which models are in force, and which of them can be asked: one that is missing, refused or broken stops nobody but itself.

A model that cannot be asked is said once, with its reason, and tried again when its files, the publishers, the moves or its role
change. Nothing is asked because an event says so alone: the registry must hold the version with a publisher's signature, and a
champion must have been approved there by two persons.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import msgspec

from detectors.champions import PARTS, Roles, on_move
from detectors.errors import VigieError
from detectors.events import ModelEvent, Score
from detectors.outputs import Features
from models.registry import aliases, loading, store
from models.registry.errors import ModelRefused, ModelUnsigned
from models.registry.loading import Loaded, schema_of
from models.registry.signing import PUBLISHERS, read_publishers
from models.scoring.asking import Asked, Role, score_rows

logger = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]

#: How long a former champion is still asked beside the new one, seconds. Ingest puts a move into the log when the watermark has come
#: to it, 2 s later or more; what the new one alone said until then would be of no champion there. The log takes one of the two.
LINGER_S = 60.0


class State(msgspec.Struct, frozen=True):
    """A model in force: whether it can be asked, and why not. ``name`` with a role is what metrics are of."""

    name: str
    version: str
    role: Role
    up: bool
    reason: str = ""


class Counted(NamedTuple):
    """What one model did with some rows."""

    name: str
    role: Role
    rows: int
    seconds: float


class _Seat(msgspec.Struct):
    """A version in a role. ``model`` is None while it cannot be asked, ``stamp`` what its files looked like when it was tried."""

    version: str
    model: Loaded | None = None
    reason: str = ""
    stamp: Stamp = ()


class Panel:
    """The models in force.

    Args:
        registry: the registry's folder; it need not be there yet.
    """

    def __init__(self, registry: Path) -> None:
        self._registry = registry
        self._roles: dict[str, Roles] = {}
        self._seats: dict[tuple[str, Role], _Seat] = {}
        #: Former champions by name and version, and until when (monotonic) they are asked.
        self._leaving: dict[tuple[str, str], tuple[_Seat, float]] = {}

    def prepare(self) -> None:
        """Import what models are made with: it takes 2 s, or 10 on a busy machine, which the first promotion need not wait for."""
        import_module("sklearn.ensemble")
        import_module("skops.io")

    def move(self, event: ModelEvent) -> None:
        """A version gets or loses a role; ``look`` then loads it."""
        on_move(self._roles, event)

    def look(self) -> None:
        """Load what came into force, let go of what left, and try again what could not be loaded and has changed since."""
        wanted: dict[tuple[str, Role], str] = {}
        for name, roles in self._roles.items():
            if roles.champion:
                wanted[name, "champion"] = roles.champion
            if roles.challenger and roles.challenger != roles.champion:
                wanted[name, "challenger"] = roles.challenger
        now = monotonic()
        for place in [place for place in self._seats if place not in wanted]:
            self._leave(place, self._seats.pop(place), now)
            logger.info("%s: no %s any more", *place)
        for (name, role), version in sorted(wanted.items()):
            seat, stamp = self._seats.get((name, role)), self._stamp(name, version)
            if seat is not None and seat.version == version and seat.stamp == stamp:
                continue
            if seat is not None and seat.version != version:
                self._leave((name, role), seat, now)
            self._seats[name, role] = self._load(name, role, version, stamp)
        for key, (_, until) in list(self._leaving.items()):
            if until < now or wanted.get((key[0], "champion")) == key[1]:
                del self._leaving[key]

    def score(self, rows: Sequence[Features]) -> tuple[list[Score], list[Counted]]:
        """What the models say of rows; a model that fails is not asked again until something of it changes.

        Returns:
            Scores, champions first and by the name of the model, and what each model did.
        """
        found: list[Score] = []
        counted = []
        leaving: list[tuple[tuple[str, Role], _Seat]] = [((name, "champion"), seat) for (name, _), (seat, _) in self._leaving.items()]
        for (name, role), seat in sorted([*self._seats.items(), *leaving], key=lambda one: (one[0], one[1].version)):
            if seat.model is None:
                continue
            schema_hash, names = schema_of(seat.model.manifest.rows)
            mine = [row for row in rows if row.schema_hash == schema_hash and len(row.values) == len(names)]
            if not mine:
                continue
            try:
                said = score_rows(mine, Asked(seat.model, role, self._threshold(name, role, seat.model)))
            except ModelRefused as error:
                self._break(name, role, seat, str(error))
                continue
            found += said.scores
            counted.append(Counted(name, role, len(mine), said.seconds))
        return found, counted

    def states(self) -> list[State]:
        """The models in force, sorted."""
        return [State(name, seat.version, role, seat.model is not None, seat.reason) for (name, role), seat in sorted(self._seats.items())]

    def _threshold(self, name: str, role: Role, model: Loaded) -> float:
        roles = self._roles[name]
        if role == "champion" and model.manifest.version == roles.champion and roles.threshold >= 0:
            return roles.threshold / PARTS
        return model.manifest.threshold

    def _leave(self, place: tuple[str, Role], seat: _Seat, now: float) -> None:
        if place[1] == "champion" and seat.model is not None:
            self._leaving[place[0], seat.version] = (seat, now + LINGER_S)

    def _load(self, name: str, role: Role, version: str, stamp: Stamp) -> _Seat:
        seat = _Seat(version, stamp=stamp)
        try:
            publishers = read_publishers(self._registry)
            if role == "champion":
                roles = aliases.current(self._registry, publishers).get(name)
                if roles is None or version not in roles.approved:
                    raise ModelUnsigned(
                        f"{version}: the control topic names it champion, but {self._registry} knows no approval of it by two persons; "
                        "copy the registry here as it is where vigie models approve ran"
                    )
            seat.model = loading.load(self._registry, name, version, publishers)
        except VigieError as error:
            self._break(name, role, seat, str(error))
        except Exception as error:
            # Whatever it is, it is of this model: the others, and all that is scored by them, go on.
            self._break(name, role, seat, f"{version}: cannot be loaded ({error!r:.300})")
        else:
            logger.info("%s: %s is asked as %s", name, version, role)
        return seat

    def _break(self, name: str, role: Role, seat: _Seat, why: str) -> None:
        seat.model, seat.reason = None, why
        logger.error("%s: the %s cannot be asked; days go unscored by it until that changes: %s", name, role, why)

    def _stamp(self, name: str, version: str) -> Stamp:
        """What a model's files look like from outside."""
        folder = self._registry / name / version
        paths = [self._registry / PUBLISHERS, self._registry / aliases.MOVES, folder]
        paths += [folder / file for file in (store.MODEL, store.MANIFEST_FILE, store.SIGNATURES)]
        found = []
        for path in paths:
            try:
                about = path.stat()
            except OSError:
                continue
            found.append((str(path), about.st_mtime_ns, about.st_size))
        return tuple(found)
