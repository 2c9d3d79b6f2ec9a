"""Sliding windows over event time, exact and bounded.

A count limit N over a window is judged from the times of the last N + 1 hits: exact, and shorter than buckets. Lists are sorted
by time, so a hit that comes late takes its place.
"""

from __future__ import annotations

from bisect import bisect_right, insort


def push(hits: list[int], at: int, keep: int) -> None:
    """Add a hit and forget the oldest beyond ``keep``.

    >>> hits = [10, 30]
    >>> push(hits, 20, keep=2)
    >>> hits
    [20, 30]
    """
    if not hits or at >= hits[-1]:
        hits.append(at)
    else:
        insort(hits, at)
    if len(hits) > keep:
        del hits[0]


def count_since(hits: list[int], after: int) -> int:
    """Hits later than ``after``; the window (after, …] is open at its old end.

    >>> count_since([10, 20, 30], 10)
    2
    """
    return len(hits) - bisect_right(hits, after)


def remember(seen: dict[int, int], key: int, when: int, capacity: int) -> None:
    """Note that ``key`` was seen at ``when``; over ``capacity`` the one seen longest ago is forgotten.

    The capacity is twice the highest limit judged on the set, so what is forgotten can never hide a crossing.
    """
    seen[key] = when
    if len(seen) > capacity:
        del seen[min(seen, key=lambda k: (seen[k], k))]
