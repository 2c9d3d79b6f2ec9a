"""The calendar of a licence: each day at home, abroad, or silent, from sets of bits that no order and no repeat can change.

For the open day and the seven before it the evidence of each device is kept, since it may still come late, and since a
network may turn out to be the tenant's egress. Older days are final: one bit each in a handful of bitmaps, a country for each
day abroad, and a reference to the decisive event of the latest fifty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import HOUR
from detectors.digest import digest64
from detectors.location.egress import covers, is_egress

if TYPE_CHECKING:
    from detectors.context import Context

#: Days whose evidence is kept per device: the open day and the seven before it.
OPEN_DAYS = 8
#: Final days remembered: 365 are judged, and an exemption may reach back 365 more to a total that was crossed then.
SPAN = 744
#: Countries are kept for the days a screen shows.
SHOWN = 373
#: Devices and networks whose evidence is kept apart; more than these are one more device, one more network, without a name.
MOST_DEVICES, MOST_NETWORKS = 32, 16
#: References kept: what an alert may list.
MOST_REFERENCES = 50
#: Networks remembered with their last day abroad.
MOST_NETWORKS_OF_STAY = 8
#: Two registrations abroad this far apart make a day without calls a day abroad.
APART = HOUR

#: Evidence of a device on a day: at home, at home by a mobile network, a call from a place that says nothing, a call by a
#: mobile network of home, an address that says nothing (VPN, hosting, relay, private or unknown).
AT_HOME, HOME_MOBILE, NEUTRAL_CALL, MOBILE_CALL, NOWHERE = 1, 2, 4, 8, 16
#: How good evidence abroad is: two databases agree, one is 180 days old or younger, one is older than 45 days.
AGREE, FRESH, STALE = 1, 2, 4
#: The network was the tenant's egress at the last close for which the tenant's memory still covered that day.
SHARED = 8

#: Bits of a day of the licence, each with its bitmap: at home; abroad; abroad with calls; abroad by devices without an id only;
#: abroad by a database over 180 days old only; by one over 45 days old; two databases agree; some addresses said nothing; a
#: shared network of the tenant was left out.
HOME_DAY, ABROAD_DAY, CALLS, WEAK, OLD, AGED, AGREED, HIDDEN, EGRESS = 1, 2, 4, 8, 16, 32, 64, 128, 256
BITS = 9
_MASK = (1 << SPAN) - 1


class Ref(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A decisive event: its time, source coordinates, country, network, and whether it was a call."""

    time: int
    src: str
    line: int
    country: str
    network: str
    call: bool


class Proof(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A ``Ref`` while its network and kind are known from where it stands: eight open days would hold them sixteen times."""

    time: int
    src: str
    line: int
    country: str


class Seen(msgspec.Struct, array_like=True):
    """Evidence abroad of one device on one day over one network.

    The earliest registration and the time of the latest, the earliest call, and how good it is (``AGREE``, ``FRESH``, ``STALE``,
    and ``SHARED`` once it was the tenant's egress).
    """

    registration: Proof | None = None
    latest: int = 0
    call: Proof | None = None
    quality: int = 0


class Device(msgspec.Struct, array_like=True):
    """Evidence of one device on the latest days.

    Each day has its ``flags``, days abroad also what was ``seen`` there by network. ``weak``: known by user agent and contact only.
    """

    weak: bool = False
    flags: dict[int, int] = {}
    seen: dict[int, dict[str, Seen]] = {}


class Days(msgspec.Struct, array_like=True):
    """The calendar of one licence.

    ``newest`` is the latest day with evidence or after a close; ``final`` the last day with evidence that nothing changes any
    more. Bit k of a bitmap in ``bits`` stands for the day ``final - k`` (little-endian, as short as it can be). ``roamed``: devices
    with evidence abroad on the day ``final``, for the look back of the day after it. ``networks``: digest to last day abroad.
    ``latest_abroad``: the latest day with any evidence abroad; most licences never have some (-1), and rules leave at once.
    """

    newest: int = -1
    final: int = -1
    devices: dict[str, Device] = {}
    bits: list[bytes] = []
    countries: dict[int, str] = {}
    refs: dict[int, Ref] = {}
    networks: dict[int, int] = {}
    roamed: list[str] = []
    too_old: int = 0
    latest_abroad: int = -1


class DayFacts:
    """What one day of a licence comes to: bits, the decisive event of a day abroad, and the networks it rests on."""

    __slots__ = ("bits", "networks", "ref")

    def __init__(self, bits: int = 0, ref: Ref | None = None, networks: tuple[str, ...] = ()) -> None:
        self.bits = bits
        self.ref = ref
        self.networks = networks

    @property
    def status(self) -> str:
        """``home``, ``abroad`` or ``silent``."""
        return "abroad" if self.bits & ABROAD_DAY else "home" if self.bits & HOME_DAY else "silent"


def recent(ctx: Context, day: int) -> DayFacts:
    """A day that is not final yet, from the evidence of the devices and the tenant's egress as known now.

    A device's day is home when it has home evidence; else abroad when it has a call abroad, or two registrations abroad an
    hour or more apart and no call that was located elsewhere; else silent. The licence's day is abroad when one device's is,
    home when one is home and none abroad (detectors.md, location).
    """
    days = ctx.licence.days
    home = False
    bits = HIDDEN if any(device.flags.get(day, 0) & NOWHERE for device in days.devices.values()) else 0
    fresh = aged = False
    weak = agreed = True
    calls: list[Ref] = []
    registrations: list[Ref] = []
    networks: list[str] = []
    for name, device in days.devices.items():
        flags = device.flags.get(day, 0)
        seen = device.seen.get(day)
        if seen is None:
            if flags & AT_HOME or (flags & HOME_MOBILE and not _roamed(ctx, name, device, day - 1)):
                home = True
            continue
        live = {network: one for network, one in seen.items() if not _shared(ctx, network, one, day)}
        if len(live) < len(seen):
            bits |= EGRESS
        if flags & AT_HOME or (flags & HOME_MOBILE and not live and not _roamed(ctx, name, device, day - 1)):
            home = True
            continue
        own = [_ref(one.call, network, True) for network, one in live.items() if one.call is not None]
        seen_at = [one for one in live.values() if one.registration is not None]
        if not own:
            elsewhere = flags & (NEUTRAL_CALL | MOBILE_CALL) or any(one.call for network, one in seen.items() if network not in live)
            if elsewhere or not seen_at:
                continue
            if max(one.latest for one in seen_at) - min(one.registration.time for one in seen_at if one.registration) < APART:
                continue
        calls += own
        registrations += [_ref(one.registration, network, False) for network, one in live.items() if one.registration is not None]
        weak = weak and device.weak
        for network, one in live.items():
            fresh = fresh or bool(one.quality & FRESH)
            aged = aged or bool(one.quality & STALE)
            agreed = agreed and bool(one.quality & AGREE)
            networks.append(network)
    if not calls and not registrations:
        return DayFacts(bits | HOME_DAY if home else bits)
    bits |= ABROAD_DAY | CALLS * bool(calls) | WEAK * weak | OLD * (not fresh) | AGED * aged | AGREED * agreed
    return DayFacts(bits, min(calls or registrations), tuple(sorted({network for network in networks if network})))


def _ref(proof: Proof, network: str, call: bool) -> Ref:
    return Ref(proof.time, proof.src, proof.line, proof.country, network, call)


def close_day(ctx: Context, day: int) -> None:
    """The licence's day ``day`` closes: days older than the seven before the open one become final.

    Called by the evaluator before the rules hear of it; days without a close of their own are caught up with. A licence
    without evidence that old is left as it is: this runs once per licence and day.
    """
    days = ctx.licence.days
    if day >= days.newest:
        days.newest = day + 1
    final = days.newest - OPEN_DAYS
    due: set[int] = set()
    for device in days.devices.values():
        if device.seen:
            _judge_networks(ctx, device)
        flags = device.flags
        # Seven days of ten nothing is due: the smallest day tells without a look at each.
        if flags and min(flags) <= final:
            due.update(old for old in flags if old <= final)
    if not due:
        return
    if days.final < 0:
        days.final = min(due) - 1
    for old in sorted(due):
        facts = recent(ctx, old)
        roamed = sorted(name for name, device in days.devices.items() if _abroad_evidence(ctx, device, old))
        _settle(days, old, facts)
        days.roamed = roamed
    for name in list(days.devices):
        device = days.devices[name]
        for old in sorted(due):
            device.flags.pop(old, None)
            device.seen.pop(old, None)
        if not device.flags:
            del days.devices[name]
    if days.countries:
        _prune(days)


def status(ctx: Context, day: int) -> str:
    """``home``, ``abroad`` or ``silent`` for a day of the last year."""
    days = ctx.licence.days
    if day > days.final:
        return recent(ctx, day).status
    return DayFacts(_final(days, day)).status


def days_with_evidence(days: Days) -> list[int]:
    """Days for which evidence of devices is still kept, in order."""
    found: set[int] = set()
    for device in days.devices.values():
        found.update(device.flags)
    return sorted(found)


def _abroad_evidence(ctx: Context, device: Device, day: int) -> bool:
    seen = device.seen.get(day)
    return seen is not None and any(not _shared(ctx, network, one, day) for network, one in seen.items())


def _shared(ctx: Context, network: str, one: Seen, day: int) -> bool:
    """Whether a network was the tenant's egress on a day.

    Days that the tenant's memory no longer covers in full (a licence that was silent since) keep what was last known, or they would
    turn abroad while nobody looked.
    """
    return is_egress(ctx, network, day) if covers(ctx, day) else bool(one.quality & SHARED)


def _judge_networks(ctx: Context, device: Device) -> None:
    for day, seen in device.seen.items():
        if covers(ctx, day):
            for network, one in seen.items():
                one.quality = one.quality | SHARED if is_egress(ctx, network, day) else one.quality & ~SHARED


def _roamed(ctx: Context, name: str, device: Device, day: int) -> bool:
    days = ctx.licence.days
    return name in days.roamed if day == days.final else _abroad_evidence(ctx, device, day)


def _final(days: Days, day: int) -> int:
    age = days.final - day
    bits = 0
    for k, raw in enumerate(days.bits):
        if age >> 3 < len(raw) and raw[age >> 3] >> (age & 7) & 1:
            bits |= 1 << k
    return bits


def _settle(days: Days, day: int, facts: DayFacts) -> None:
    """Make ``day`` the final day of bit 0, with what it comes to."""
    by, days.final = day - days.final, day
    bits = days.bits or [b""] * BITS
    days.bits = [
        _bytes((int.from_bytes(raw, "little") << by | facts.bits >> k & 1) & _MASK) if raw or facts.bits >> k & 1 else raw
        for k, raw in enumerate(bits)
    ]
    if facts.ref is not None:
        days.countries[day] = facts.ref.country
        days.refs[day] = facts.ref
        for network in facts.networks:
            days.networks[digest64(network)] = day


def _prune(days: Days) -> None:
    edge = days.final - SHOWN
    for old in [day for day in days.countries if day <= edge]:
        del days.countries[old]
    for old in sorted(days.refs)[:-MOST_REFERENCES]:
        del days.refs[old]
    for key in sorted(days.networks, key=lambda k: (days.networks[k], k))[:-MOST_NETWORKS_OF_STAY]:
        del days.networks[key]
    for key in [k for k, last in days.networks.items() if last <= edge]:
        del days.networks[key]


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "little")
