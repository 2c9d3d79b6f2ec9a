"""The arithmetic of dialling: spans of time joined and layered, the rhythm of call starts, shares, runs of numbers.

A list of spans is flat and sorted, ``[from, to, from, to, …]``, each span half open, none touching the next: bisection finds a
place in it, and parity says whether that place is inside. *Layers* describe how many calls are up: layer k holds the spans
during which at least k + 1 calls are. Adding a call to a layer passes on what was already covered, so calls may arrive in any
order (a CDR comes when its call has ended, after calls that began later).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import isqrt
from operator import mul, sub

#: Spans of a layer beyond this are slid together from the oldest: a dialler that leaves two seconds between calls makes 1,400
#: spans in eight hours. The time covered stays the same, it only moves by the gaps closed.
MOST_SPANS = 128


def join(spans: list[int], start: int, end: int) -> None:
    """Add the span [start, end) to a list of spans.

    >>> spans = [10, 20, 40, 50]
    >>> join(spans, 20, 30); spans
    [10, 30, 40, 50]
    """
    if start >= end:
        return
    if not spans or start > spans[-1]:
        spans += (start, end)
        return
    i, j = bisect_left(spans, start), bisect_right(spans, end)
    spans[i:j] = ([] if i & 1 else [start]) + ([] if j & 1 else [end])


def common(spans: list[int], start: int, end: int) -> list[int]:
    """The parts of [start, end) that a list of spans covers.

    >>> common([10, 20, 40, 50], 15, 45)
    [15, 20, 40, 45]
    """
    if not spans or start >= spans[-1] or end <= spans[0]:
        return []
    i, j = bisect_right(spans, start), bisect_left(spans, end)
    return ([start] if i & 1 else []) + spans[i:j] + ([end] if j & 1 else [])


def cut(spans: list[int], start: int, end: int) -> None:
    """Take [start, end) out of a list of spans.

    >>> spans = [10, 50]
    >>> cut(spans, 20, 30); spans
    [10, 20, 30, 50]
    """
    i, j = bisect_left(spans, start), bisect_right(spans, end)
    spans[i:j] = ([start] if i & 1 else []) + ([end] if j & 1 else [])


def inside(spans: list[int], at: int) -> bool:
    """Whether an instant lies in one of the spans.

    >>> inside([10, 20], 10), inside([10, 20], 20)
    (True, False)
    """
    return bisect_right(spans, at) & 1 == 1


def length(spans: list[int]) -> int:
    """Time the spans cover.

    >>> length([10, 20, 40, 50])
    20
    """
    return sum(spans[1::2]) - sum(spans[0::2])


def covered(spans: list[int], after: int, total: int | None = None) -> int:
    """Time the spans cover later than ``after``; their ``total`` may be given, then only the oldest spans are looked at.

    >>> covered([10, 20, 40, 50], 15)
    15
    """
    if total is None:
        total = length(spans)
    for i in range(0, len(spans), 2):
        if spans[i] >= after:
            break
        total -= min(spans[i + 1], after) - spans[i]
    return total


def time_with(layers: list[list[int]], calls: int) -> int:
    """Time during which at least so many calls were up.

    >>> time_with([[0, 15], [5, 10]], 2)
    5
    """
    return length(layers[calls - 1]) if len(layers) >= calls else 0


def occupy(layers: list[list[int]], start: int, end: int, most: int) -> bool:
    """Count one more call up during [start, end); layers beyond ``most`` are not kept.

    Returns:
        Whether it overlapped a call already counted.

    >>> layers: list[list[int]] = []
    >>> occupy(layers, 0, 10, 3), occupy(layers, 5, 15, 3)
    (False, True)
    >>> layers
    [[0, 15], [5, 10]]
    """
    parts = [start, end]
    for depth in range(most):
        if depth == len(layers):
            layers.append(parts)
            return depth > 0
        layer = layers[depth]
        rest: list[int] = []
        for a, b in zip(parts[0::2], parts[1::2], strict=True):
            rest += common(layer, a, b)
            join(layer, a, b)
        if len(layer) > 2 * MOST_SPANS:
            slide(layer)
        if not rest:
            return depth > 0
        parts = rest
    return True


def vacate(layers: list[list[int]], start: int, end: int) -> None:
    """Take back what ``occupy`` counted: what the layer above covers falls down into the gap.

    >>> layers = [[0, 15], [5, 10]]
    >>> vacate(layers, 5, 15); layers
    [[0, 10], []]
    """
    for depth, layer in enumerate(layers):
        fallen = common(layers[depth + 1], start, end) if depth + 1 < len(layers) else []
        cut(layer, start, end)
        for a, b in zip(fallen[0::2], fallen[1::2], strict=True):
            join(layer, a, b)


def slide(layer: list[int]) -> None:
    """Halve the older half of a layer: each pair of its spans becomes one that ends where the pair ended and is as long.

    >>> layer = [0, 10, 30, 40, 90, 99, 100, 101]
    >>> slide(layer); layer
    [20, 40, 90, 99, 100, 101]
    """
    old = len(layer) // 4 * 2
    slid: list[int] = []
    for i in range(0, old - 2, 4):
        a, b, c, d = layer[i : i + 4]
        slid += (c - (b - a), d)
    layer[: len(slid) * 2] = slid


def prune(layers: list[list[int]], before: int) -> None:
    """Forget spans that ended at or before an instant."""
    for layer in layers:
        if layer and layer[1] <= before:
            del layer[: bisect_right(layer, before) & ~1]


def longest(layer: list[int], after: int) -> int:
    """Length of the longest span of a layer that ends later than ``after`` (0 when there is none).

    >>> longest([0, 100, 200, 210], 150)
    10
    """
    most = 0
    for i in range(len(layer) - 2, -1, -2):
        if layer[i + 1] <= after:
            break
        most = max(most, layer[i + 1] - layer[i])
    return most


def gaps_of(starts: list[int]) -> list[int]:
    """Milliseconds between one start and the next."""
    return list(map(sub, starts[1:], starts))


def variation(gaps: list[int]) -> int:
    """Coefficient of variation of gaps (standard deviation over mean) in thousandths, rounded down, in whole numbers only.

    n·Σg² − (Σg)² over (Σg)² is its square exactly; no sum of floats depends on an order. Starts that all fall into one
    instant vary by nothing.

    >>> variation([20_000] * 29), variation([10, 30])
    (0, 500)
    """
    total = sum(gaps)
    if total == 0:
        return 0
    return isqrt((len(gaps) * sum(map(mul, gaps, gaps)) - total * total) * 1_000_000 // (total * total))


def over(hits: list[int], limit: int, window: int, truth: list[int], at: int, first: int) -> None:
    """Extend ``truth``, the spans during which more than ``limit`` hits lie in the trailing ``window``.

    A hit makes that true from itself until the (limit + 1)-th latest one has left the window. ``first`` is the place of the
    hit that came: with a late one, those after it are told again. Spans of two windows before ``at`` are forgotten.

    >>> truth: list[int] = []
    >>> over([0, 10, 20], 2, 60, truth, 20, 2); truth
    [20, 60]
    """
    if first == len(hits) - 1:
        if first >= limit:
            join(truth, at, hits[first - limit] + window)
    else:
        for place in range(max(first, limit), min(first + limit + 1, len(hits))):
            join(truth, hits[place], hits[place - limit] + window)
    if truth and truth[1] <= at - 2 * window:
        prune([truth], at - 2 * window)
