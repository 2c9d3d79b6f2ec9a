"""Four slices of time with an embargo between them, and customers that only the last one sees.

A random split would let a model recognise a customer, or the same dialling seen from the day after, and call that knowledge.
Here the slices follow each other: fit, then calibrate, then choose the threshold, then test. Between two of them lie as many days
as a feature looks back, so that no day is in two slices by its means. The customers of the test slice are drawn by a fixed digest
and are in no earlier slice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.digest import digest64
from models.training.errors import TrainingRefused
from models.training.recipe import Split
from models.training.rows import Rows, date

SLICES = ("train", "calibration", "threshold", "test")
TEST = len(SLICES) - 1


class Slice(NamedTuple):
    """One slice: its rows, and its first and last day."""

    name: str
    rows: NDArray[np.int64]
    first: int
    last: int
    #: Rows of these days, whoever the customer: the slice's part of them is its part of a day's work.
    of_all: int

    @property
    def days(self) -> int:
        """Calendar days."""
        return self.last - self.first + 1

    @property
    def share(self) -> float:
        """The part of the time's rows that the slice has: the others belong to customers of another slice."""
        return len(self.rows) / self.of_all if self.of_all else 1.0

    @property
    def words(self) -> str:
        """As in ``2026-03-02 to 2026-04-01``."""
        return f"{date(self.first)} to {date(self.last)}"


class Parts(NamedTuple):
    """All of them. Rows of the slices and dropped ones are all rows."""

    train: Slice
    calibration: Slice
    threshold: Slice
    test: Slice
    #: Customers that the test slice keeps for itself.
    held: frozenset[str]
    dropped: dict[str, int]

    @property
    def slices(self) -> tuple[Slice, ...]:
        """In the order of time."""
        return self.train, self.calibration, self.threshold, self.test


def spans(first: int, last: int, wanted: Split) -> list[tuple[int, int]]:
    """First and last day of each slice.

    Raises:
        TrainingRefused: the time is too short for the embargoes.
    """
    embargo = wanted.embargo_days
    usable = last - first + 1 - TEST * embargo
    shares = [wanted.calibration_share, wanted.threshold_share, wanted.test_share]
    lengths = [max(1, round(usable * share)) for share in shares]
    lengths.insert(0, usable - sum(lengths))
    if lengths[0] < 1:
        need = TEST * embargo + len(SLICES)
        text = (
            f"the labels span {last - first + 1} days ({date(first)} to {date(last)}), and {TEST} embargoes of {embargo} days lie in them"
        )
        raise TrainingRefused(f"{text}; export a longer time, at least {need} days")
    found = []
    for length in lengths:
        found.append((first, first + length - 1))
        first += length + embargo
    return found


def split(rows: Rows, wanted: Split, seed: int) -> Parts:
    """Divide rows.

    Args:
        rows: of any order.
        wanted: embargo and shares.
        seed: of the digest that draws the customers of the test slice.

    Raises:
        TrainingRefused: there are no rows, or the time is too short.
    """
    if not len(rows):
        raise TrainingRefused("no label is left to learn from; the counts above say why")
    bounds = spans(int(rows.day.min()), int(rows.day.max()), wanted)
    of = np.full(len(rows), -1)
    for number, (first, last) in enumerate(bounds):
        of[(rows.day >= first) & (rows.day <= last)] = number
    held = _held(rows, of == TEST, wanted.test_customers, seed)
    theirs = np.isin(rows.customer, sorted(held)) if held else np.zeros(len(rows), bool)
    dropped = {
        "in an embargo": int(np.sum(of < 0)),
        "earlier, of a customer of the test slice": int(np.sum((of >= 0) & (of < TEST) & theirs)),
        "in the test slice, of a customer seen earlier": int(np.sum((of == TEST) & ~theirs)),
    }
    slices = [
        Slice(name, np.flatnonzero((of == number) & (theirs == (number == TEST))), *bounds[number], int(np.sum(of == number)))
        for number, name in enumerate(SLICES)
    ]
    train, calibration, threshold, test = slices
    return Parts(train, calibration, threshold, test, held, dropped)


def _held(rows: Rows, tested: NDArray[np.bool_], share: float, seed: int) -> frozenset[str]:
    """Some of the test slice's customers, of those with a breach and of those without alike: a slice without breaches tests nothing."""
    breached = np.unique(rows.customer[tested & (rows.label == 1)])
    others = np.setdiff1d(np.unique(rows.customer[tested]), breached)
    chosen: list[str] = []
    for names in (breached, others):
        drawn = sorted((str(name) for name in names), key=lambda name: (digest64(f"{seed}\0{name}"), name))
        chosen += drawn[: int(np.ceil(len(drawn) * share))]
    return frozenset(chosen)


def demand(rows: Rows, parts: Parts, least: int, recipe: str) -> None:
    """Refuse slices from which nothing can be learned.

    Raises:
        TrainingRefused: a slice has fewer breaches, or fewer alerts without, than the recipe asks for.
    """
    for part in parts.slices:
        mine = rows.take(part.rows)
        seen = mine.label[~mine.audited]
        breaches, others = int(np.sum(seen == 1)), int(np.sum(seen == 0))
        if min(breaches, others) < least:
            text = f"the {part.name} slice ({part.words}) has {breaches} breaches and {others} alerts that were none"
            more = f"it needs {least} of each; judge and export more, or lower split.least_positives in {recipe}"
            raise TrainingRefused(f"{text}; {more}")
