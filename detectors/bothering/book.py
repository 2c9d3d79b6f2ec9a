"""Who was bothered in the last week: bounded, and small while nobody is.

A number that was bothered once costs 14 bytes; from the second attempt on it is a ``Pair``. What is forgotten first is what is
furthest from a limit: numbers bothered once, oldest first, then pairs with the fewest attempts. A dialler with thousands of numbers
fills the book with strangers of one attempt each and cannot push out a number that it calls again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.bothering.attempts import WEEK, Pair, add_hit
from detectors.days import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from detectors.context import Context


class Book(msgspec.Struct, array_like=True):
    """By the last nine digits of a number.

    ``once``: the one bothering attempt of a week, as in ``Pair.hits``; ``pairs``: numbers bothered more often; ``peace``: second of
    the latest talk of over a minute with a number, or call from it, in order; ``told``: numbers over a limit, with the start of the
    attempt that was last, when it was told, and 1 for a notice, 2 for a breach.
    """

    once: dict[int, int] = {}
    pairs: dict[int, Pair] = {}
    peace: dict[int, int] = {}
    told: dict[int, tuple[int, int, int]] = {}

    def bothered(self, ctx: Context, key: int, number: str, one: int, keep: int, capacity: int) -> Pair | None:
        """Add a bothering attempt; the number's pair from its second on."""
        pair = self.pairs.get(key)
        if pair is None:
            first = self.once.pop(key, 0)
            if first >> 1 <= (one >> 1) - WEEK:
                self.once[key] = one
                if len(self.once) > 2 * capacity:
                    del self.once[next(iter(self.once))]
                return None
            pair = self.pairs[key] = Pair(number, [first], last=first >> 1, calls=1)
            pair.mark(ctx.clock.day_of(first >> 1), bothers=True, taken=False)
            if len(self.pairs) > capacity:
                self._make_room(key, capacity)
        add_hit(pair.hits, one, keep)
        pair.heard = ctx.now
        return pair

    def _make_room(self, new: int, capacity: int) -> None:
        """Forget an eighth at once: looking for the least at every attempt would cost a dialler 20 µs each."""
        least = sorted((len(pair.hits), pair.last, key) for key, pair in self.pairs.items() if key != new and key not in self.told)
        for _, _, key in least[: capacity // 8 + 1]:
            del self.pairs[key]

    def take_back(self, key: int, start: int) -> None:
        """A further leg changes a call: forget the attempt that began at ``start``."""
        if self.once.get(key, 0) >> 1 == start:
            del self.once[key]
        elif key in self.pairs:
            pair = self.pairs[key]
            pair.hits = [one for one in pair.hits if one >> 1 != start]

    def at_peace(self, key: int, at: int) -> bool:
        """Whether the two talked, or the number called back, in the week before ``at``."""
        spoke = self.peace.get(key)
        return spoke is not None and spoke * SECOND > at - WEEK

    def make_peace(self, key: int, at: int, capacity: int) -> None:
        """Note a talk of over a minute, or a call back; over ``capacity`` the oldest is forgotten."""
        self.peace.pop(key, None)
        self.peace[key] = at // SECOND
        if len(self.peace) > capacity:
            del self.peace[next(iter(self.peace))]

    def knows(self, key: int) -> bool:
        """Whether the number was bothered in the last week."""
        return key in self.pairs or key in self.once

    def forget(self, now: int) -> None:
        """Drop what is older than a week."""
        # Looked at each day of each licence, and nothing is due on most: a dictionary made anew would be 1 µs each.
        after = now - WEEK
        if self.once and min(self.once.values()) >> 1 <= after:
            self.once = {key: one for key, one in self.once.items() if one >> 1 > after}
        if self.peace and min(self.peace.values()) * SECOND <= after:
            self.peace = {key: spoke for key, spoke in self.peace.items() if spoke * SECOND > after}
        if self.told:
            self.told = {key: said for key, said in self.told.items() if said[1] > after}
        if self.pairs:
            self.pairs = {key: pair for key, pair in self.pairs.items() if pair.last > after}


def standing(told: dict[int, tuple[int, int, int]], pairs: Collection[int]) -> list[int]:
    """Numbers over a limit that the book still knows, the gravest first, then the latest."""
    return sorted((key for key in told if key in pairs), key=lambda key: (-told[key][2], -told[key][1], key))
