"""What a trained model is: everything a loader, a reader or a replay must know, in one signed file.

A model's version is made from its manifest, which holds the digest of every other file: the same training gives the same version,
and a version names the same bytes for ever.
"""

from __future__ import annotations

import hashlib
import platform
import re
from typing import Literal

import msgspec

from models.registry.errors import ModelForeign

FORMAT = 1
#: Names of models: those of the recipes. They become folders, beside the one of requests.
NAME = re.compile(r"(?!requests$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
VERSION = re.compile(r"[a-z][a-z0-9-]*-[0-9a-f]{12}")
# Training has its numbers from numpy.
_FORMATTED = msgspec.json.Encoder(order="deterministic", enc_hook=lambda value: value.item()).encode


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What training knows of a model.

    Args:
        recipe_sha256: digest of the recipe's file.
        rows: of what its rows are: a licence's day or week.
        schema_hash: the features that its rows are made of (``models.schema``, ``models.weeks``).
        features: the columns it was trained on, in their order.
        medians: of each of them over the training rows, in the same order; reasons are measured from there.
        data_fingerprint: digest of the labels it learned from.
        threshold: scores from here on are for review.
        urgent: scores from here on come first.
        capacity_per_day: alerts that the reviewers can look at, which the thresholds were chosen for.
        score_knots: ``(raw, probability)`` in rising order, for an estimator that gives no probability.
        trained_as_of: RFC 3339, the instant up to which labels were known.
        seed: of all that was drawn.
        metrics: on the test slice: value, and the ends of its 95 % interval.
        guards: per slice (``rule:autodial``, ``all``…) the average precision below which it is not promoted.
    """

    recipe_sha256: str
    rows: Literal["day", "week"] = "day"
    schema_hash: str
    features: tuple[str, ...]
    medians: tuple[float, ...]
    data_fingerprint: str
    threshold: float
    urgent: float
    capacity_per_day: float
    score_knots: tuple[tuple[float, float], ...] | None = None
    trained_as_of: str
    seed: int
    metrics: dict[str, tuple[float, float, float]] = {}
    guards: dict[str, float] = {}


class Manifest(Trained, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.json``: what training knows, and what saving adds.

    Args:
        format: of the manifest and the folder around it.
        name: of the model, that of its recipe.
        version: name and the first 12 digits of the digest of all other fields.
        model_sha256: digest of ``model.skops``.
        model_bytes: size of ``model.skops``.
        libraries: versions that wrote it; a loader has the same.
        types: what ``model.skops`` is made of.
        files: digest of each other file of the folder.
    """

    format: int = FORMAT
    name: str
    version: str = ""
    model_sha256: str
    model_bytes: int
    libraries: dict[str, str]
    types: tuple[str, ...]
    files: dict[str, str] = {}


def libraries() -> dict[str, str]:
    """The versions that a model's bytes and scores depend on, as they are here."""
    import numpy
    import sklearn
    import skops

    major, minor, _ = platform.python_version_tuple()
    return {"numpy": numpy.__version__, "python": f"{major}.{minor}", "scikit-learn": sklearn.__version__, "skops": skops.__version__}


def version_of(manifest: Manifest) -> str:
    """The version that a manifest's other fields give it."""
    content = _FORMATTED(msgspec.structs.replace(manifest, version=""))
    return f"{manifest.name}-{hashlib.sha256(content).hexdigest()[:12]}"


def write_manifest(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``, which are what is signed."""
    return msgspec.json.format(_FORMATTED(manifest), indent=1) + b"\n"


def read_manifest(data: bytes, where: str) -> Manifest:
    """A manifest of the format that this vigie writes.

    Args:
        data: the bytes of ``manifest.json``.
        where: the file's path, for messages.

    Raises:
        ModelForeign: it is none, or of another format.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ModelForeign(f"{where}: no manifest of format {FORMAT}; train the model again with this vigie") from None
    if manifest.format != FORMAT:
        raise ModelForeign(f"{where}: format {manifest.format}, this vigie reads {FORMAT}; train the model again with this vigie")
    return manifest
