"""Estimators as bytes that are the same for the same estimator, and back only if they are made of listed types.

skops names files and objects by their address in memory and stamps them with the clock, so two dumps of one estimator differ.
Here the numbers are those of the first appearance and the clock is 1980's. On the way back nothing is trusted for being in a
library: the list below is every type that the pipelines of our recipes are made of, measured one by one, and how each is made.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from models.registry.errors import ModelAltered, ModelForbidden

#: A forest of 300 trees over 1,000,000 rows has 30 MB; what is larger is no model of ours.
MODEL_MAX = 256 * 2**20
_ENTRIES_MAX = 100_000
_DEPTH_MAX = 200
_SCHEMA = "schema.json"
_FIRST = (1980, 1, 1, 0, 0, 0)

#: ``(how skops makes it, type)``: Pipeline(StandardScaler, LogisticRegression), HistGradientBoostingClassifier, both under
#: CalibratedClassifierCV(FrozenEstimator) by sigmoid and isotonic, and IsolationForest alone or in a Pipeline.
ALLOWED: frozenset[tuple[str, str]] = frozenset(
    {
        ("DictNode", "builtins.dict"),
        ("JsonNode", "builtins.str"),
        ("ListNode", "builtins.list"),
        ("TupleNode", "builtins.tuple"),
        ("TypeNode", "builtins.str"),
        ("LossNode", "sklearn._loss._loss.CyHalfBinomialLoss"),
        ("NdArrayNode", "numpy.float64"),
        ("NdArrayNode", "numpy.int64"),
        ("NdArrayNode", "numpy.ndarray"),
        ("NdArrayNode", "numpy.uint64"),
        ("ObjectNode", "sklearn._loss.link.Interval"),
        ("ObjectNode", "sklearn._loss.link.LogitLink"),
        ("ObjectNode", "sklearn._loss.loss.HalfBinomialLoss"),
        ("ObjectNode", "sklearn.calibration.CalibratedClassifierCV"),
        ("ObjectNode", "sklearn.calibration._CalibratedClassifier"),
        ("ObjectNode", "sklearn.calibration._SigmoidCalibration"),
        ("ObjectNode", "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper"),
        ("ObjectNode", "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier"),
        ("ObjectNode", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
        ("ObjectNode", "sklearn.ensemble._iforest.IsolationForest"),
        ("ObjectNode", "sklearn.frozen._frozen.FrozenEstimator"),
        ("ObjectNode", "sklearn.isotonic.IsotonicRegression"),
        ("ObjectNode", "sklearn.linear_model._logistic.LogisticRegression"),
        ("ObjectNode", "sklearn.pipeline.Pipeline"),
        ("ObjectNode", "sklearn.preprocessing._data.StandardScaler"),
        ("ObjectNode", "sklearn.preprocessing._label.LabelEncoder"),
        ("ObjectNode", "sklearn.tree._classes.ExtraTreeRegressor"),
        ("RandomGeneratorNode", "numpy.random._generator.Generator"),
        ("TreeNode", "sklearn.tree._tree.Tree"),
    }
)
#: Of them, those that skops itself does not trust.
_BEYOND_SKOPS = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


def dump(estimator: Any) -> tuple[bytes, tuple[str, ...]]:
    """An estimator's bytes, and the types they are made of.

    Raises:
        ModelForbidden: it holds a type that the loader would refuse; use the pipelines of the recipes.
    """
    import skops.io

    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator)))
    schema = json.loads(source.read(_SCHEMA))
    types = _types(schema, "the estimator")
    files: dict[str, str] = {}
    _renumber(schema, {}, files)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for former, name in files.items():
            archive.writestr(_entry(name), source.read(former))
        archive.writestr(_entry(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return target.getvalue(), types


def load(data: bytes, where: str) -> tuple[Any, tuple[str, ...]]:
    """The estimator of a file's bytes, and the types it is made of.

    Call it with bytes whose digest is signed: the list of types keeps a publisher from running code by mistake, and the signature
    keeps everybody else out.

    Raises:
        ModelForbidden: a type or a way of making one that is not on the list.
        ModelAltered: not such a file, or one that would unpack to more than it is.
    """
    import skops.io

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            packed = any(one.compress_type != zipfile.ZIP_STORED or one.file_size != one.compress_size for one in entries)
            if packed or len(entries) > _ENTRIES_MAX or sum(one.file_size for one in entries) > len(data):
                raise ModelAltered(f"{where}: unpacks to more than it is; no model that vigie wrote, train it again")
            schema = json.loads(archive.read(_SCHEMA))
        types = _types(schema, where)
        return skops.io.loads(data, trusted=_BEYOND_SKOPS), types
    except (ModelForbidden, ModelAltered):
        raise
    except Exception:
        # Whatever zipfile, json, numpy and skops make of damaged bytes; the reason is the same for whoever reads it.
        raise ModelAltered(f"{where}: cannot be read as a model; restore it from a backup, or train it again") from None


def _types(schema: Any, where: str) -> tuple[str, ...]:
    found: set[tuple[str, str]] = set()
    _collect(schema, found, 0, where)
    for maker, type_ in sorted(found - ALLOWED):
        shown = f"{maker} {type_}"[:120]
        raise ModelForbidden(f"{where}: {shown!r} is no part of our models; use the pipelines of the recipes")
    return tuple(sorted({type_ for _, type_ in found}))


def _collect(node: Any, found: set[tuple[str, str]], depth: int, where: str) -> None:
    if depth > _DEPTH_MAX:
        raise ModelForbidden(f"{where}: nested deeper than {_DEPTH_MAX}; no model that vigie wrote")
    if isinstance(node, dict):
        if "__loader__" in node or "__class__" in node:
            found.add((str(node.get("__loader__")), f"{node.get('__module__')}.{node.get('__class__')}"))
        for value in node.values():
            _collect(value, found, depth + 1, where)
    elif isinstance(node, list):
        for value in node:
            _collect(value, found, depth + 1, where)


def _renumber(node: Any, numbers: dict[Any, int], files: dict[str, str]) -> None:
    """Give objects and files the numbers of their first appearance; plain values get one each, shared or not."""
    if isinstance(node, dict):
        if "__id__" in node:
            former = ("own", len(numbers)) if node.get("__loader__") in ("JsonNode", "TypeNode") else node["__id__"]
            node["__id__"] = numbers.setdefault(former, len(numbers) + 1)
        if isinstance(node.get("file"), str):
            node["file"] = files.setdefault(node["file"], f"{len(files) + 1}.npy")
        for value in node.values():
            _renumber(value, numbers, files)
    elif isinstance(node, list):
        for value in node:
            _renumber(value, numbers, files)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIRST)
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    return entry
