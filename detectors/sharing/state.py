"""What is remembered to tell licence sharing: devices, recent calls, overlaps, uses by country, and days of a customer.

The rule is ``detectors.rules.licence_sharing``; ``detectors.sharing.facts`` words what it found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.rule import Params
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState

#: Devices remembered per licence: more than twice the highest limit judged on them.
MOST_DEVICES = 24
#: Ended calls remembered, for a day: a CDR may come long after the call it overlapped with.
MOST_TALKS = 32
#: Countries a licence was used in during the last day; the longest way takes 22 hours at 900 km/h.
MOST_COUNTRIES = 6
#: A REGISTER without ``Expires`` holds for an hour (RFC 3261 §10.2.1.1).
EXPIRES_S = 3_600
DEVICE_DAYS = 30
#: Days of a customer that a correction of the order may still change (contracts: ``softphones_billed`` reaches back).
REACH_BACK = 35
#: Days that may be open at once: today and, for sources that send only CDRs, the two before.
OPEN_DAYS = 4
MOST_NAMES = 50


class SharingParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of licence sharing.

    ``overlap_s`` seconds that two calls must share; ``overlap_days`` of ``window_days`` for a breach by overlaps alone;
    ``devices_per_licence`` registered at once and ``devices_in_30_days``, above which there is a crowd; ``travel_kmh`` the
    speed nobody exceeds, judged from ``distant_km`` on; ``old_database_days`` from which an address database proves too
    little for a breach; ``tenant_days`` of ``tenant_window_days`` with more licences used than billed for a breach.
    """

    overlap_s: int = 10
    overlap_days: int = 3
    window_days: int = 14
    devices_per_licence: int = 3
    devices_in_30_days: int = 8
    distant_km: int = 300
    travel_kmh: int = 900
    old_database_days: int = 180
    tenant_days: int = 2
    tenant_window_days: int = 30

    def __post_init__(self) -> None:
        """Refuse what the bounded memory could not judge."""
        if 2 * max(self.devices_per_licence, self.devices_in_30_days) > MOST_DEVICES:
            raise ValueError(f"at most {MOST_DEVICES // 2} devices can be judged: lower devices_per_licence or devices_in_30_days")
        if self.tenant_window_days > REACH_BACK or self.window_days > REACH_BACK:
            raise ValueError(f"days are kept for {REACH_BACK} days: lower window_days or tenant_window_days")
        if self.travel_kmh < 1:
            raise ValueError("travel_kmh must be at least 1")


class Talk(msgspec.Struct, array_like=True):
    """An answered outgoing call: the digest of its key, answer and end (0 while up), who and where, and its evidence."""

    key: int
    start: int
    end: int
    device: str
    cls: str
    weak: bool
    mark: Mark


class Pair(msgspec.Struct, array_like=True):
    """The first overlap of a day: the calls in order of their answers, and from when to when both were up."""

    start: int
    stop: int
    one: Talk
    two: Talk


class Use(msgspec.Struct, array_like=True):
    """The last call placed or answered in a country by access class."""

    at: int
    device: str
    mark: Mark


class Far(msgspec.Struct, array_like=True):
    """Two uses too far apart for the time between them. ``old``: said by an address database that is too old for a breach."""

    one: Use
    two: Use
    km: int
    old: bool


class SharingState(msgspec.Struct, array_like=True):
    """What is remembered of one licence.

    Devices (registered until, last registration, weak), the day last marked as used [from, until), calls of the last 24 h,
    the last use per country, and by day the first overlap, the first distant use and the crowd (registered at once, in 30
    days). ``blind`` is when an answered outgoing call last showed no device or network.
    """

    devices: dict[str, list[int]] = {}
    used_from: int = 0
    used_until: int = 0
    talks: list[Talk] = []
    overlaps: dict[int, Pair] = {}
    uses: dict[str, Use] = {}
    far: dict[int, Far] = {}
    crowds: dict[int, list[int]] = {}
    blind: int = 0


class SharingTenant(msgspec.Struct, array_like=True):
    """Of one customer: licences used on open days, [used, billed or -1] of the last closed ones, and who used the last."""

    judged: int = -1
    open: dict[int, dict[str, int]] = {}
    used: dict[int, list[int]] = {}
    names: list[str] = []
    unknown: int = 0
    order: str = ""


def start_of(talk: Talk) -> tuple[int, int]:
    """Order of calls by their answer."""
    return talk.start, talk.key


def end_of(talk: Talk) -> int:
    """Order of calls by their end."""
    return talk.end


def talk_of(call: CallState, key: int) -> Talk:
    """What is remembered of an answered call; ``key`` is the digest of its key."""
    mark = Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line)
    return Talk(key, call.answered or 0, call.ended or 0, call.device, call.cls, call.weak, mark)


def apart(talk: Talk, other: Talk, least: int) -> bool:
    """Whether two calls, the first of which has ended, run together long enough and are of different devices and networks."""
    end = talk.end if not other.end else min(talk.end, other.end)
    return talk.device != other.device and talk.mark.network != other.mark.network and end - max(talk.start, other.start) >= least
