"""Limits of ``toll-fraud``; kept apart, since other rules ask what is new to a customer as well."""

from __future__ import annotations

from typing import Literal

from detectors.errors import PolicyError
from detectors.outputs import Mode
from detectors.rule import Params

#: Weeks that the ring of hours can hold besides the current one.
MOST_WEEKS = 7
#: Calls to new destinations remembered one by one, per licence: twice the highest limit that may be judged on them.
MOST_HITS = 128


class TollFraudParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days of memory, the burst (attempts or calls at once) and what makes a burst a breach; money in cents.

    ``memory_days``: a range not called for so long is new again; ``learn_days``: how long ago the first call to a range must be
    before it is known; ``history_days``: before so many days of calls only high-risk classes can be new; ``baseline_days``: how far
    the usual hours, the best hour and the best day look back (whole weeks).
    """

    mode: Mode = "auto"
    restrictions: tuple[str, ...] = ("international", "paid")
    on_overdue: Literal["keep", "relax", "lift"] = "relax"
    memory_days: int = 90
    learn_days: int = 3
    history_days: int = 28
    baseline_days: int = 28
    attempts: int = 3
    attempts_minutes: int = 60
    at_once: int = 2
    ranges: int = 3
    hour_cents: int = 1_500
    day_cents: int = 5_000
    baseline_times: int = 3

    def __post_init__(self) -> None:
        if self.baseline_days % 7 or not 7 <= self.baseline_days <= 7 * MOST_WEEKS:
            raise PolicyError(f"policy: [rules.toll-fraud] baseline_days must be whole weeks, 7 to {7 * MOST_WEEKS}")
        if not 0 < self.learn_days < self.memory_days:
            raise PolicyError("policy: [rules.toll-fraud] learn_days must be at least 1 and less than memory_days")
        if not 0 < self.attempts_minutes <= 24 * 60:
            raise PolicyError("policy: [rules.toll-fraud] attempts_minutes must be 1 to 1440: calls are remembered for a day")
        for name, least in (("attempts", 1), ("at_once", 2), ("ranges", 2)):
            if not least <= getattr(self, name) <= MOST_HITS // 2:
                raise PolicyError(f"policy: [rules.toll-fraud] {name} must be {least} to {MOST_HITS // 2}: {MOST_HITS} calls are kept")
        for name in ("history_days", "hour_cents", "day_cents", "baseline_times"):
            if getattr(self, name) < 0:
                raise PolicyError(f"policy: [rules.toll-fraud] {name} must not be negative")


DEFAULTS = TollFraudParams()
