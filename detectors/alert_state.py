"""What is remembered of alerts and of restrictions: the memory behind ``alerts`` and ``decisions``."""

from __future__ import annotations

import msgspec

from detectors.days import DAY
from detectors.outputs import Alert, Cause

#: The rule whose open alert takes others as its signs, and those it takes (detectors.md, merging).
HOST = "account-takeover"
SIGNS = ("paid-destination", "toll-fraud", "wangiri")
#: How far a sign may lie from the takeover.
MERGE_WITHIN = DAY


class OpenAlert(msgspec.Struct, array_like=True):
    """An open alert.

    ``statement`` is the last one said; ``said_day`` the day it was said on; ``bound`` a person's ``no_breach`` or lift
    (nothing automatic comes back in this episode); ``verdict`` the last verdict; ``applied`` whether its automatic cause was
    published; ``doubling`` the measure at which a judged alert returns to review; ``watched`` a person's wish to see it grow.
    Of a takeover also ``signs``, the alerts of other rules that are part of it, by rule, and then ``alone``, what its own rule
    said last (``merging``).
    """

    statement: Alert
    said_day: int = -1
    bound: bool = False
    verdict: str = ""
    applied: bool = False
    doubling: int = 0
    watched: bool = False
    signs: dict[str, OpenAlert] = {}
    alone: Alert | None = None

    @property
    def own(self) -> Alert:
        """The last statement without what other rules added to it."""
        return self.alone or self.statement


class Standing(msgspec.Struct, array_like=True):
    """The restriction of a licence as last published.

    ``spans`` are the [from, to] of ``outgoing`` in force (``to`` 0 while it is), kept for 400 days, since restricted days
    count for no stay.
    """

    epoch: int = 1
    sequence: int = 0
    causes: list[Cause] = []
    aors: tuple[str, ...] = ()
    spans: list[tuple[int, int]] = []


def takeover_of(alerts: dict[str, OpenAlert], rule: str, now: int) -> OpenAlert | None:
    """The open takeover alert of a licence that a finding of ``rule`` said at ``now`` (ms) is a sign of, if there is one.

    A rule in shadow is on trial: a takeover that is takes nothing.
    """
    host = alerts.get(HOST) if rule in SIGNS else None
    if host is None or host.own.mode == "shadow" or abs(now - host.own.crossed_at) > MERGE_WITHIN:
        return None
    return host


def standing_alert(alerts: dict[str, OpenAlert], rule: str, now: int) -> OpenAlert | None:
    """What a finding of ``rule`` would restate: its open alert, or the sign it has become of a takeover."""
    alert = alerts.get(rule)
    if alert is None and HOST in alerts:
        host = takeover_of(alerts, rule, now)
        return None if host is None else host.signs.get(rule)
    return alert
