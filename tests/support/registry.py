"""A registry with models that are trained in milliseconds, and the people who may sign."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from models.registry import reports, store
from models.registry.manifest import Manifest, Trained
from models.registry.reports import Metric, Report, Side, SliceLine
from models.registry.signing import Publisher, Publishers, add_publisher, public_key, read_publishers
from models.schema import SCHEMA_HASH
from streams.times import format_time
from support.core import ms

FEATURES = ("attempts", "talk_mean", "destinations")
ANA, BOB, CAT = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3))
NOW = ms("2026-03-02 09:00")
DAY = 86_400_000


def rows(count: int = 200, seed: int = 1) -> np.ndarray[Any, Any]:
    """Rows of ``FEATURES``."""
    return np.random.default_rng(seed).normal(size=(count, len(FEATURES))) * 10


@cache
def estimator(seed: int = 1) -> Pipeline:
    """A fitted pipeline of the smallest kind."""
    x = rows(seed=seed)
    y = (x[:, 0] + np.random.default_rng(seed).normal(size=len(x)) > 0).astype(int)
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(x, y)


def trained(**changed: Any) -> Trained:
    """What training would say."""
    facts: dict[str, Any] = {
        "recipe_sha256": "0" * 64,
        "schema_hash": SCHEMA_HASH,
        "features": FEATURES,
        "medians": (0.0, 0.0, 0.0),
        "data_fingerprint": "1" * 64,
        "threshold": 0.5,
        "urgent": 0.9,
        "capacity_per_day": 10.0,
        "trained_as_of": "2026-02-01T00:00:00.000Z",
        "seed": 1,
        "metrics": {"average_precision": (0.8, 0.7, 0.9)},
    }
    return Trained(**facts | changed)


class House:
    """A registry of ``autodial`` at a place, in which Ana, Bob and Cat may sign."""

    def __init__(self, place: Path) -> None:
        self.registry = place / "registry"
        if not self.registry.exists():
            shutil.copytree(_template(), self.registry)

    @property
    def publishers(self) -> Publishers:
        """As the file says."""
        return read_publishers(self.registry)

    def revoke(self, name: str) -> None:
        """Say in the file that a key counts no more."""
        path = self.registry / "publishers.toml"
        blocks = path.read_text().split("\n\n")
        path.write_text("\n\n".join(f"{block.rstrip()}\nrevoked = true\n" if f'"{name}"' in block else block for block in blocks))

    def save(self, seed: int = 1, key: Ed25519PrivateKey = ANA, files: dict[str, bytes] | None = None, **changed: Any) -> Manifest:
        """A version; other seeds are other versions."""
        content = {"card.md": b"# card\n", "plots/curve.svg": b"<svg/>\n"} if files is None else files
        return store.save(self.registry, "autodial", estimator(seed), trained(seed=seed, **changed), content, key)

    def folder(self, manifest: Manifest) -> Path:
        """Of a version."""
        return self.registry / manifest.name / manifest.version

    def shadow(self, manifest: Manifest, champion: str = "", at: int = NOW, average_precision: float | None = 0.8, errors: int = 0) -> str:
        """Write the report of a shadow run as it would be; its digest."""
        none = (None, None, None)
        metric = Metric(none, (average_precision, None, None), none)
        data = (self.folder(manifest) / store.MANIFEST_FILE).read_bytes()
        report = Report(
            name=manifest.name,
            manifest_sha256=store.digest(data),
            champion=Side(version=champion),
            candidate=Side(version=manifest.version, scored=100, errors=errors, mix={"below": 1.0, "review": 0.0, "urgent": 0.0}),
            made_at=format_time(at),
            rows=50,
            breaches=10,
            slices=[SliceLine("all", 50, 10, metric)],
        )
        return reports.write(self.registry, report)[1]


@cache
def _template() -> Path:
    """A registry with the versions 1 and 2, copied for each test: writing one durably takes its time on a real disk."""
    place = Path(tempfile.mkdtemp(prefix="registry-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for name, key in (("ana", ANA), ("bob", BOB), ("cat", CAT)):
        add_publisher(place / "registry", name, public_key(key))
    house = House(place)
    for seed in (1, 2):
        house.save(seed)
    return house.registry


def publisher(name: str, key: Ed25519PrivateKey) -> Publisher:
    """Somebody's line of the file."""
    return Publisher(name, public_key(key))
