"""What a label takes from an alert: the statement that was on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from detectors.audit import RULE_ID
from detectors.days import DayClock
from streams.times import parse_time


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of an alert; times in milliseconds."""

    alert_id: str
    update: int
    rule: str
    clause: str
    level: str
    tenant: str
    licence: str | None
    origin: str
    crossed_at: int
    issued_at: int
    propensity: float | None
    policy_version: str

    @property
    def sampling(self) -> str:
        """``audit`` when it was drawn by lot, else ``alert``."""
        return "audit" if self.rule == RULE_ID else "alert"

    def crossing_day(self, clock: DayClock) -> int:
        """The day that the alert is about; what crossed at a midnight crossed by the day that ended then."""
        return clock.day_of(self.crossed_at - 1)


def said(record: Mapping[str, Any]) -> Said:
    """A statement as on the wire.

    Raises:
        KeyError, TypeError, ValueError: it is no statement of an alert.
    """
    names = ("alert_id", "update", "rule", "clause", "level", "tenant", "licence", "origin", "propensity", "policy_version")
    return msgspec.convert(
        {
            **{name: record[name] for name in names},
            "crossed_at": parse_time(record["crossed_at"]),
            "issued_at": parse_time(record["issued_at"]),
        },
        Said,
    )


def on_screen(statements: Iterable[Said], update: int, at: int) -> Said | None:
    """The statement that a decision of the instant ``at`` saw: its ``update``, or if that is unknown the latest one said by then."""
    by_update = {one.update: one for one in statements}
    if update in by_update:
        return by_update[update]
    return max((one for one in by_update.values() if one.issued_at <= at), key=lambda one: one.update, default=None)
