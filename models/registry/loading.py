"""A model from the registry, or a reason why not: every doubt ends here, before a byte of it becomes an object.

The order is that of trust: sizes, the signature of a publisher in force over the manifest, then the digest of every file, then what
it was made with, then the list of types; only then skops makes the estimator.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import schema
from models.registry import skops_file, store
from models.registry.errors import ModelAltered, ModelForbidden, ModelForeign, ModelMissing, ModelUnsigned, ScoringFailed
from models.registry.manifest import Manifest, libraries, read_manifest, version_of
from models.registry.signing import MANIFEST, Publisher, Publishers

Floats = NDArray[np.float64]
#: Scores have four decimals: what differs less is the same on every machine.
DECIMALS = 4


class Loaded:
    """A model that may be asked.

    Args:
        manifest: what it is.
        estimator: what it computes with.
        publisher: who signed it.
    """

    def __init__(self, manifest: Manifest, estimator: Any, publisher: Publisher) -> None:
        self.manifest, self.estimator, self.publisher = manifest, estimator, publisher
        names = schema_of(manifest.rows)[1]
        #: Where its features stand in a row of the schema.
        self.columns = np.array([names.index(name) for name in manifest.features], dtype=np.intp)

    def pick(self, rows: Floats) -> Floats:
        """Its own columns of whole rows of the schema."""
        return np.ascontiguousarray(rows[:, self.columns])

    def score(self, matrix: Floats) -> Floats:
        """Scores from 0 to 1 with four decimals, one for each row of its own features (``pick`` makes them of whole rows).

        Raises:
            ScoringFailed: the rows have another number of columns, a value is no number, or a score is none.
        """
        name, width = self.manifest.version, len(self.manifest.features)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ScoringFailed(f"{name}: asked about rows of shape {matrix.shape}; it needs {width} columns, see its manifest")
        if not len(matrix):
            return np.zeros(0)
        if not np.isfinite(matrix).all():
            raise ScoringFailed(f"{name}: a feature is no number; features are never missing, make the rows again with vigie features")
        try:
            found = probabilities(self.estimator, self.manifest.score_knots, matrix)
        except ScoringFailed:
            raise
        except Exception as error:
            raise ScoringFailed(f"{name}: cannot score ({type(error).__name__}); train it again") from None
        if found.shape != (len(matrix),) or not np.isfinite(found).all():
            raise ScoringFailed(f"{name}: gave something that is no score; go back with: vigie models rollback {self.manifest.name}")
        # Adding 0 makes of a rounded -0.0 a 0.0, which is written differently.
        return np.asarray(np.round(np.clip(found, 0.0, 1.0), DECIMALS) + 0.0, dtype=np.float64)


def load(registry: Path, name: str, version: str, publishers: Publishers) -> Loaded:
    """A model of the registry, if nothing about it is other than it was signed.

    Raises:
        ModelRefused: one of its kinds; the message is one line.
    """
    manifest, publisher = check(registry, name, version, publishers)
    path = registry / name / version / store.MODEL
    data = store.read_bytes(path, manifest.model_bytes)
    # Once more, and on these very bytes: what is given to skops is what was signed.
    if store.digest(data) != manifest.model_sha256:
        raise _altered(path)
    estimator, types = skops_file.load(data, str(path))
    if types != manifest.types:
        raise ModelForbidden(f"{path}: holds other types than its manifest says; train the model again")
    width = getattr(estimator, "n_features_in_", None)
    if width != len(manifest.features):
        raise ModelForeign(f"{path}: takes {width} columns, its manifest names {len(manifest.features)}; train the model again")
    return Loaded(manifest, estimator, publisher)


def check(registry: Path, name: str, version: str, publishers: Publishers) -> tuple[Manifest, Publisher]:
    """The manifest of a model and who signed it, with every file of it verified; nothing of it is unpacked.

    Raises:
        ModelRefused: one of its kinds.
    """
    folder = store.folder(registry, name, version)
    path = folder / store.MANIFEST_FILE
    data = store.read_bytes(path, store.MANIFEST_MAX)
    signatures = folder / store.SIGNATURES
    signed = store.read_signatures(store.read_bytes(signatures, store.SIGNATURES_MAX), str(signatures))
    publisher = publishers.signer(signed, MANIFEST + data)
    if publisher is None:
        raise ModelUnsigned(f"{path}: {_why_unsigned(publishers, signed, data)}")
    manifest = read_manifest(data, str(path))
    if (manifest.name, manifest.version) != (name, version) or version_of(manifest) != version:
        raise ModelAltered(f"{path}: is the manifest of {manifest.version[:80]!r}; restore the folder from a backup, or train it again")
    _check_made(manifest, str(path))
    expected = {**manifest.files, store.MODEL: manifest.model_sha256}
    found = set(store.stored_files(folder)) - {store.MANIFEST_FILE, store.SIGNATURES}
    for missing in sorted(set(expected) - found):
        raise ModelMissing(f"{folder / missing}: not there; restore it from a backup, or train the model again")
    for extra in sorted(found - set(expected)):
        raise ModelAltered(f"{str(folder / extra)[:300]!r}: its manifest knows no such file; move it away")
    for file, sha256 in sorted(expected.items()):
        most = manifest.model_bytes if file == store.MODEL else store.FILE_MAX
        content = store.read_bytes(folder / file, most)
        if store.digest(content) != sha256 or (file == store.MODEL and len(content) != most):
            raise _altered(folder / file)
    return manifest, publisher


def probabilities(estimator: Any, knots: tuple[tuple[float, float], ...] | None, matrix: Floats) -> Floats:
    """What an estimator says of rows, from 0 to 1, unrounded: its probability of the class 1, or its raw value laid on knots."""
    with _one_thread():
        if knots is None:
            found: Floats = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)[:, 1]
            return found
        raw, probability = np.array(knots, dtype=np.float64).T
        return np.interp(raw_values(estimator, matrix), raw, probability)


def raw_values(estimator: Any, matrix: Floats) -> Floats:
    """The raw value that ``score_knots`` are for: how novel a forest finds a row, the more the higher."""
    return -np.asarray(estimator.score_samples(matrix), dtype=np.float64)


def schema_of(rows: str) -> tuple[str, tuple[str, ...]]:
    """Hash and names of the features of a licence's day or week."""
    if rows == "week":
        from models import weeks

        return weeks.WEEK_SCHEMA_HASH, tuple(weeks.WEEK_NAMES)
    return schema.SCHEMA_HASH, schema.NAMES


def _check_made(manifest: Manifest, where: str) -> None:
    ours = libraries()
    for library in sorted(set(ours) | set(manifest.libraries)):
        theirs, here = manifest.libraries.get(library, "none"), ours.get(library, "none")
        if theirs != here:
            raise ModelForeign(f"{where}: made with {library} {theirs[:40]}, here is {here}; train it again here, or install that version")
    schema_hash, names = schema_of(manifest.rows)
    if manifest.schema_hash != schema_hash:
        raise ModelForeign(f"{where}: made for features {manifest.schema_hash[:80]}, ours are {schema_hash}; train it again")
    features = manifest.features
    if not features or len(set(features)) != len(features) or set(features) - set(names) or len(manifest.medians) != len(features):
        raise ModelForeign(f"{where}: its features are not columns of ours, or have no medians; train it again")
    unknown = sorted(set(manifest.types) - {type_ for _, type_ in skops_file.ALLOWED})
    if unknown:
        raise ModelForbidden(f"{where}: needs {unknown[0][:120]!r}, which is no part of our models; use the pipelines of the recipes")
    if not 0 < manifest.model_bytes <= skops_file.MODEL_MAX:
        raise ModelAltered(f"{where}: a model of {manifest.model_bytes:,} bytes; at most {skops_file.MODEL_MAX:,} are read")
    if not (0 <= manifest.threshold <= 1 and 0 <= manifest.urgent <= 1):
        raise ModelForeign(f"{where}: its thresholds are not between 0 and 1; train it again")
    knots = manifest.score_knots
    if knots is not None and (not knots or any(a[0] > b[0] for a, b in pairwise(knots))):
        raise ModelForeign(f"{where}: its score_knots do not rise; train it again")


def _why_unsigned(publishers: Publishers, signed: list[Any], data: bytes) -> str:
    known = [publisher for one in signed if (publisher := publishers.of(one.key)) is not None]
    if not known:
        return f"signed by no key of {publishers.where}; add the publisher's key there, if you trust it"
    if publishers.signer(signed, MANIFEST + data, revoked=True) is None:
        return f"is not what {known[0].name} signed; restore it from a backup, or train it again"
    return f"the key of {known[0].name} is revoked; train it again with a key in force"


def _altered(path: Path) -> ModelAltered:
    return ModelAltered(f"{path}: is not the file that was signed; restore it from a backup, or train the model again")


@cache
def _controller() -> Any:
    import sklearn.ensemble  # noqa: F401 - its OpenMP is what is to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread() -> Any:
    """One thread for what runs inside: 256 rows are no work for more, and a worker shares its machine."""
    return _controller().limit(limits=1)
