"""Sliding windows over event time, exact and bounded.

A count limit N over a window is judged from the times of the last N + 1 hits: exact, and shorter than buckets. Sums over
24 hours or more use buckets. Lists are sorted by time, so a hit that comes late takes its place.
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


def add_to_bucket(buckets: dict[int, list[int]], key: int, keep: int, amounts: tuple[int, ...]) -> None:
    """Add ``amounts`` to the counters of bucket ``key`` and drop buckets older than ``keep`` before the newest.

    >>> day: dict[int, list[int]] = {}
    >>> add_to_bucket(day, 5, 2, (1, 0)); add_to_bucket(day, 7, 2, (1, 1)); day
    {7: [1, 1]}
    """
    found = buckets.get(key)
    if found is None:
        buckets[key] = list(amounts)
        newest = max(buckets)
        for old in [k for k in buckets if k <= newest - keep]:
            del buckets[old]
    else:
        for i, amount in enumerate(amounts):
            found[i] += amount


def sum_buckets(buckets: dict[int, list[int]], after: int) -> list[int]:
    """Sum of the counters of all buckets later than ``after`` (an empty list when there is none)."""
    total: list[int] = []
    for key, counters in buckets.items():
        if key > after:
            total = list(counters) if not total else [a + b for a, b in zip(total, counters, strict=True)]
    return total


def remember(seen: dict[int, int], key: int, when: int, capacity: int) -> None:
    """Note that ``key`` was seen at ``when``; over ``capacity`` the one seen longest ago is forgotten.

    The capacity is twice the highest limit judged on the set, so what is forgotten can never hide a crossing.
    """
    seen[key] = when
    if len(seen) > capacity:
        del seen[min(seen, key=lambda k: (seen[k], k))]
