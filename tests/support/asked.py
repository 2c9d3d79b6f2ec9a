"""A registry with small models whose opinion is known: the more calls a day has, the higher the score."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detectors.events import ModelEvent
from models.registry import aliases, store
from models.registry.aliases import Move, Order
from models.registry.events import line_of, model_event
from models.registry.manifest import Manifest, Trained
from models.registry.signing import add_publisher, make_key, public_key, read_publishers, sign
from models.schema import NAMES, SCHEMA_HASH
from streams.times import format_time
from streams.wire import Wire
from support.core import ms

COLUMNS = ("attempts", "destinations", "night_calls")


@cache
def _estimator(centre: int) -> Any:
    """Calls out a day at which it is undecided: ``centre``."""
    rng = np.random.default_rng(8)
    calls = rng.uniform(0, 2 * centre, 200)
    rows = np.column_stack([calls, rng.uniform(0, 9, 200), rng.uniform(0, 2, 200)])
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, (calls > centre).astype(int))


def values(**given: float) -> tuple[float, ...]:
    """A row of the features of a day; what is not given is 0."""
    return tuple(float(given.get(name, 0)) for name in NAMES)


class Registry:
    """A registry in which Lea trains and Max approves."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "models"
        self.path.mkdir(parents=True)
        self.keys = [make_key(directory / f"{name}.key") for name in ("lea", "max")]
        for name, key in zip(("lea", "max"), self.keys, strict=True):
            add_publisher(self.path, name, public_key(key))

    def train(self, centre: int = 20, name: str = "anomaly", threshold: float = 0.9) -> Manifest:
        """A model that is undecided at ``centre`` calls out a day."""
        trained = Trained(
            recipe_sha256="0" * 64, schema_hash=SCHEMA_HASH, features=COLUMNS, medians=(4.0, 3.0, 0.0), data_fingerprint="0" * 64,
            threshold=threshold, urgent=0.99, capacity_per_day=10.0, trained_as_of="2026-01-01T00:00:00.000Z", seed=8,
        )  # fmt: skip
        return store.save(self.path, name, _estimator(centre), trained, {}, self.keys[0])

    def move(self, manifest: Manifest, action: str = "promote", at: str | int = "2026-03-01") -> bytes:
        """The event of a move that its persons signed."""
        role = aliases.ROLES[action]  # type: ignore[index]
        sha256 = store.digest((self.path / manifest.name / manifest.version / store.MANIFEST_FILE).read_bytes())
        when = format_time(ms(at))
        order = Order(
            action=action, name=manifest.name, version=manifest.version, manifest_sha256=sha256, role=role,  # type: ignore[arg-type]
            shadow_sha256="0" * 64 if action == "promote" else "", requested_at=when,
        )  # fmt: skip
        signed = tuple(sign(key, aliases.message(order)) for key in (self.keys if action == "promote" else self.keys[:1]))
        move: Move = aliases.append(self.path, order, signed, when, read_publishers(self.path))
        return line_of(model_event(move, manifest))

    def event(self, manifest: Manifest, action: str = "promote", at: str | int = "2026-03-01") -> ModelEvent:
        """The same, as the scorer reads it."""
        event = Wire().decode(self.move(manifest, action, at))
        assert isinstance(event, ModelEvent)
        return event

    def tamper(self, manifest: Manifest) -> None:
        """Change one byte of a model."""
        file = self.path / manifest.name / manifest.version / store.MODEL
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))


def moved(event: ModelEvent, role: str) -> ModelEvent:
    """The same version in another role, which no registry knows of."""
    return msgspec.structs.replace(event, role=role)  # type: ignore[arg-type]
