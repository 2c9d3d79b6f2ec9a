"""From a file of labels to the rows that a recipe learns from: who is left out and why is counted, and the counts add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.training.errors import TrainingRefused
from models.training.metrics import Floats
from models.training.recipe import Recipe, names_of

#: Licences of a customer among the labels, from which on it counts as middling and as large.
MIDDLING, LARGE = 2, 10


class Labelled(Protocol):
    """A file of labels (``models.labels``)."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """By name."""

    @property
    def matrix(self) -> Floats:
        """Features, a row for each label."""

    @property
    def schema_hash(self) -> str:
        """Of the features."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""


class Rows(NamedTuple):
    """Rows of one length. ``audited`` ones come from the lot and are in no queue; their weight is what they stand for."""

    matrix: Floats
    label: Floats
    weight: Floats
    #: Days since 1970.
    day: NDArray[np.int64]
    customer: NDArray[np.str_]
    audited: NDArray[np.bool_]
    #: The order in which rules alone would have the alerts: a breach before a notice.
    level: NDArray[np.str_]
    #: Of each kind of slice, the value of each row, as in ``level:breach``.
    slices: dict[str, NDArray[np.str_]]
    #: Milliseconds since 1970, of the verdict.
    decided: NDArray[np.int64]

    def __len__(self) -> int:
        """Not the number of fields."""
        return len(self.label)

    def take(self, index: NDArray[Any]) -> Rows:
        """Some of the rows."""
        slices = {name: values[index] for name, values in self.slices.items()}
        fields = {name: getattr(self, name)[index] for name in self._fields if name != "slices"}
        return Rows(slices=slices, **fields)


class Chosen(NamedTuple):
    """Rows of a recipe, and what became of the others."""

    rows: Rows
    #: Rows in the file.
    read: int
    #: By reason, in the order in which they are asked.
    left_out: dict[str, int]


def choose(labels: Labelled, recipe: Recipe, schema_hash: str) -> Chosen:
    """The rows of a file that a recipe learns from.

    Args:
        labels: the file.
        recipe: says which.
        schema_hash: of the features that this vigie computes.

    Raises:
        TrainingRefused: the file's features are others.
    """
    if labels.schema_hash != schema_hash:
        raise TrainingRefused(f"the labels have features {labels.schema_hash}, this vigie computes {schema_hash}; export them again")
    columns = labels.columns
    count = len(labels.matrix)
    rule, sampling = _words(columns["rule"]), _words(columns["sampling"])
    audited = sampling == "audit"
    label = numbers(columns["label"])
    wanted = [
        ("of another rule", ~audited & ~np.isin(rule, recipe.rules) if recipe.rules else np.zeros(count, bool)),
        (f"sampling not asked for ({', '.join(recipe.labels.sampling)})", ~np.isin(sampling, recipe.labels.sampling)),
        ("inconclusive", np.isnan(label)),
        ("weak", np.asarray(columns["weak"], bool) & (not recipe.labels.weak)),
        (f"row older than {recipe.labels.max_row_age_days} days", numbers(columns["row_age_days"]) > recipe.labels.max_row_age_days),
        # A breach found by lot says that some rule missed something, not which: for one rule's model it is neither yes nor no.
        ("breach found by lot, of no rule", audited & (label == 1) & bool(recipe.rules)),
    ]
    kept = np.ones(count, bool)
    left_out = {}
    for reason, out in wanted:
        left_out[reason] = int(np.sum(kept & out))
        kept &= ~out
    known = names_of(recipe.rows)
    picked = [known.index(name) for name in recipe.names]
    customer = _words(columns["tenant"])
    day = days(columns["day"])
    level = _words(columns["level"])
    rows = Rows(
        matrix=np.ascontiguousarray(labels.matrix[:, picked], np.float64),
        label=label,
        weight=np.minimum(1.0 / np.clip(numbers(columns["propensity"]), 1e-12, 1.0), recipe.labels.weight_cap),
        day=day,
        customer=customer,
        audited=audited,
        level=level,
        slices={
            "rule": rule,
            "level": level,
            "customer": _sizes(customer, _words(columns["licence"])),
            "weekday": np.where((day + 3) % 7 >= 5, "weekend", "working"),
        },
        decided=_milliseconds(columns["decided_at"]),
    )
    return Chosen(rows.take(np.flatnonzero(kept)), count, left_out)


def numbers(column: NDArray[Any]) -> Floats:
    """A column as floats, NaN where there is no value."""
    return np.asarray(column, np.float64)


def days(column: NDArray[Any]) -> NDArray[np.int64]:
    """A column of dates as days since 1970."""
    array = np.asarray(column)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array.astype("datetime64[D]").astype(np.int64)


def date(day: int) -> str:
    """The date of a day, as ``2026-03-02``."""
    return str(np.datetime64(int(day), "D"))


def _milliseconds(column: NDArray[Any]) -> NDArray[np.int64]:
    array = np.asarray(column)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array.astype("datetime64[ms]").astype(np.int64)


def _words(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.asarray(column, dtype=np.str_)


def _sizes(customer: NDArray[np.str_], licence: NDArray[np.str_]) -> NDArray[np.str_]:
    """By the licences of the customer among the labels; how many it has in all is in no label."""
    if not len(customer):
        return customer
    _, of = np.unique(customer, return_inverse=True)
    _, which = np.unique(licence, return_inverse=True)
    wide = int(which.max()) + 1
    licences = np.bincount(np.unique(of * wide + which) // wide)
    words = np.array(["1", f"{MIDDLING}-{LARGE - 1}", f"{LARGE}+"])
    return np.asarray(words[np.digitize(licences, [MIDDLING, LARGE])][of], np.str_)
