"""What became of a licence's calls: counts per hour for the last 24 hours, per day for 30 days, kept in a few hundred bytes.

A call counts in the hour it began, so that its attempt, its answer and its end stand in the same column of a ratio whenever
they are told. An hour that leaves the last 24 is added to its day.
"""

from __future__ import annotations

import msgspec

from detectors.days import HOUR

ATTEMPTS, ANSWERED, SHORT, CANCELLED, TALKED, COST = range(6)
#: Columns kept for 30 days: money is told for the last 24 hours only.
_LONG = 5
_HOURS, _DAYS = 24, 30


class Tally(msgspec.Struct, array_like=True):
    """Counts of one licence. ``latest`` is the newest hour seen (since 1970), ``last_day`` the sums of its last 24 hours.

    >>> tally = Tally()
    >>> tally.add(0, (ATTEMPTS,), 1); tally.add(30 * HOUR, (ATTEMPTS, ANSWERED), 1)
    >>> tally.last_day[ATTEMPTS], tally.last_month()[ATTEMPTS]
    (1, 2)
    """

    latest: int = -1
    hours: dict[int, list[int]] = {}
    days: dict[int, list[int]] = {}
    last_day: list[int] = msgspec.field(default_factory=lambda: [0] * 6)

    def add(self, at: int, columns: tuple[int, ...], amount: int, cost: int = 0) -> None:
        """Add to counters of the hour of ``at`` (milliseconds); what is older than 30 days is not counted.

        ``cost`` (thousandths of a cent) is kept for the last 24 hours only.
        """
        hour = at // HOUR
        row = self.hours.get(hour)
        if row is None:
            self.settle(hour)
            if hour <= self.latest - _HOURS:
                if hour // 24 > self.latest // 24 - _DAYS:
                    row = self.days.setdefault(hour // 24, [0] * _LONG)
                    for column in columns:
                        row[column] += amount
                return
            row = self.hours[hour] = [0] * 6
        total = self.last_day
        for column in columns:
            row[column] += amount
            total[column] += amount
        if cost:
            row[COST] += cost
            total[COST] += cost

    def settle(self, hour: int) -> None:
        """Move the window on to ``hour``."""
        if hour <= self.latest:
            return
        self.latest = hour
        if not self.hours or min(self.hours) > hour - _HOURS:
            return
        for old in [h for h in self.hours if h <= hour - _HOURS]:
            counts = self.hours.pop(old)
            self.last_day = [total - count for total, count in zip(self.last_day, counts, strict=True)]
            day = self.days.get(old // 24)
            if day is None:
                day = self.days[old // 24] = [0] * _LONG
                for past in [d for d in self.days if d <= hour // 24 - _DAYS]:
                    del self.days[past]
            for column in range(_LONG):
                day[column] += counts[column]

    def last_month(self) -> list[int]:
        """Sums of the last 30 days (five columns, without money)."""
        rows = [*self.days.values(), self.last_day]
        return [sum(row[column] for row in rows) for column in range(_LONG)]

    def per_hour(self) -> list[int]:
        """Attempts of each of the last 24 hours, oldest first."""
        return [self.hours[h][ATTEMPTS] if h in self.hours else 0 for h in range(self.latest - _HOURS + 1, self.latest + 1)]
