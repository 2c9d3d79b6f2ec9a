"""What an alert of mass sending shows: its signs with their limits, the hours, the lengths of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.outputs import Level, Window
from detectors.state import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Evidence an alert may hold (contracts: ``evidence``).
MOST_PROOFS = 50
#: Hits that came before the first one kept as evidence: who writes twenty messages a day leaves no trace of them.
UNPROVEN = 10
#: Lengths shown: enough for a histogram, evenly taken from the sorted ones.
MOST_LENGTHS = 100


class Sign(msgspec.Struct, frozen=True):
    """One way of sending in mass: what was measured, its two limits, and the level reached (0 none, 1 notice, 2 breach)."""

    name: str
    unit: str
    measured: int
    notice: int
    breach: int
    level: int
    window_ms: int

    @property
    def said(self) -> Level:
        """The level as an alert has it."""
        return "breach" if self.level == 2 else "notice"

    @property
    def limit(self) -> int:
        """The limit that was reached."""
        return self.breach if self.level == 2 else self.notice

    def window(self, now: int) -> Window:
        """The span that was measured."""
        return Window(now - self.window_ms, now)


class MassFacts(msgspec.Struct, frozen=True):
    """What the screen plots."""

    signs: tuple[Sign, ...]
    """Every sign that was judged, with its limits."""
    by_hour: tuple[int, ...]
    """Messages, faxes or calls in each of the last 24 hours, oldest first."""
    recipients: int
    """Different lines within the window of the sign that decided."""
    replies: int = 0
    """Of these, how many answered or called back."""
    pages: int = 0
    """Fax pages in 24 hours."""
    lengths_ms: tuple[int, ...] = ()
    """Lengths of answered calls, sorted; at most 100, evenly taken."""
    median_ms: int = 0
    """Their median."""


def decisive(signs: Sequence[Sign]) -> Sign:
    """The first sign of the highest level."""
    return max(signs, key=lambda sign: sign.level)


def note_proof(proofs: list[Mark], mark: Mark) -> None:
    """Keep a message as evidence; the oldest goes."""
    proofs.append(mark)
    if len(proofs) > MOST_PROOFS:
        del proofs[0]


def evenly(values: list[int]) -> tuple[int, ...]:
    """At most ``MOST_LENGTHS`` of sorted values, the first and the last among them.

    >>> evenly([1, 2, 3]), len(evenly(list(range(777))))
    ((1, 2, 3), 100)
    """
    count = len(values)
    if count <= MOST_LENGTHS:
        return tuple(values)
    return tuple(values[k * (count - 1) // (MOST_LENGTHS - 1)] for k in range(MOST_LENGTHS))
