"""Ranges of seconds of a call: which whole seconds a range holds, ranges of several rules made disjoint, and what is left of one.

Seconds are counted from a call's answer: second *n* is [answer + n, answer + n + 1). A range holds the seconds that lie wholly
inside it, so a started second is nobody's to bill, and ranges that meet share none. This is the only place that rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from detectors.days import SECOND

Range = tuple[int, int]


def whole_seconds(answered: int, from_: int, to: int) -> Range:
    """The range of whole seconds of a call inside [from, to], all in milliseconds; empty (from = to) when there is none.

    >>> whole_seconds(500, 500, 3_700), whole_seconds(500, 600, 1_400)
    ((500, 3500), (1500, 1500))
    """
    start = answered - (answered - max(from_, answered)) // SECOND * SECOND
    return start, max(start, answered + (to - answered) // SECOND * SECOND)


def merge(answered: int, claims: Mapping[str, Range]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Claims of rules on one call as disjoint ranges in order of time, each with the rules that claim it (sorted).

    >>> merge(0, {"long-call": (7_200_000, 9_000_000), "many-destinations": (0, 9_000_000)})
    [(0, 7200000, ('many-destinations',)), (7200000, 9000000, ('long-call', 'many-destinations'))]
    """
    whole = {rule: whole_seconds(answered, *claims[rule]) for rule in sorted(claims)}
    cuts = sorted({at for span in whole.values() for at in span})
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for start, end in pairwise(cuts):
        rules = tuple(rule for rule, (from_, to) in whole.items() if from_ <= start and end <= to)
        if not rules:
            continue
        if found and found[-1][1:] == (start, rules):
            found[-1] = (found[-1][0], end, rules)
        else:
            found.append((start, end, rules))
    return found


def uncovered(wanted: Iterable[Range], active: Iterable[Range]) -> list[Range]:
    """What of the wanted ranges no active record covers: disjoint, in order of time.

    Args:
        wanted: ranges [from, to) of one call in ms, as ``whole_seconds`` gives them; they may overlap.
        active: ranges of the records of that call that are active.

    >>> uncovered([(0, 9_000)], [(2_000, 3_000), (8_000, 20_000)])
    [(0, 2000), (3000, 8000)]
    """
    taken = sorted(active)
    found: list[Range] = []
    done = -1
    for from_, to in sorted(wanted):
        start = max(from_, done)
        for taken_from, taken_to in taken:
            if taken_to <= start:
                continue
            if taken_from >= to:
                break
            if taken_from > start:
                found.append((start, taken_from))
            start = taken_to
        if start < to:
            found.append((start, to))
        done = max(done, to)
    return found
