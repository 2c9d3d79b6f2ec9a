"""What an alert of licence sharing shows and says: swim-lanes of overlaps, ways too fast to travel, crowds, days over the order."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from detectors.days import HOUR, MINUTE, SECOND, iso
from detectors.sharing.state import DEVICE_DAYS, Far, Pair, SharingParams, SharingState, Talk

#: Classes of addresses that may hide where a device is.
HIDING = frozenset({"vpn", "hosting", "relay"})
#: The latest days of each kind that the facts hold: 14 take 9 KiB of the 16 KiB an alert's facts may have.
SHOWN_DAYS = 14


class Lane(msgspec.Struct, frozen=True):
    """One call of an overlap: ``end`` is empty while it is up."""

    device: str
    network: str
    country: str
    start: str
    end: str


class Overlap(msgspec.Struct, frozen=True):
    """The first overlap of a day: how long both calls were up, and the swim-lanes of both."""

    day: str
    seconds: int
    lanes: tuple[Lane, Lane]


class Distance(msgspec.Struct, frozen=True):
    """Distant use: from where to where, at least how far, in how many minutes, and the speed that would take."""

    day: str
    start: str
    start_country: str
    end: str
    end_country: str
    km: int
    minutes: int
    kmh: int
    same_device: bool


class Crowd(msgspec.Struct, frozen=True):
    """A day with a crowd: the most devices registered at once, and devices of the 30 days before."""

    day: str
    registered: int
    in_30_days: int


class Used(msgspec.Struct, frozen=True):
    """A closed day of the customer: licences used, and billed (null when no order is known)."""

    day: str
    used: int
    billed: int | None


class SharingFacts(msgspec.Struct, frozen=True):
    """What the screen plots: swim-lanes, ways, crowd over days; for a customer the days with licences used and billed.

    ``devices_limit`` is the line of the crowd's plot; ``licences`` counts those used on the customer's last day.
    """

    overlaps: tuple[Overlap, ...] = ()
    distances: tuple[Distance, ...] = ()
    crowd: tuple[Crowd, ...] = ()
    devices_limit: int = 0
    days: tuple[Used, ...] = ()
    licences: int = 0


def summary(s: SharingState, p: SharingParams) -> str:
    """One sentence with the numbers of the licence's finding."""
    said = []
    if s.overlaps:
        ran = f"on {len(s.overlaps)} of the last {p.window_days} days; a breach at {p.overlap_days}"
        said.append(f"Calls from two devices and two networks ran at the same time {ran}")
    if s.far:
        far = s.far[max(s.far)]
        minutes = (far.two.at - far.one.at) // MINUTE
        said.append(f"used in {far.one.mark.country} and, {minutes} minutes later, in {far.two.mark.country}, at least {far.km} km away")
    if s.crowds and s.overlaps:
        registered, in_30_days = s.crowds[max(s.crowds)]
        said.append(f"{registered} devices registered at once (limit {p.devices_per_licence}), {in_30_days} in {DEVICE_DAYS} days")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def against(s: SharingState, p: SharingParams, weak: bool) -> tuple[str, ...]:
    """What speaks for the customer; ``weak``: some registered device has no id."""
    said = []
    pairs = [pair for _, pair in sorted(s.overlaps.items())]
    far = [one for _, one in sorted(s.far.items())]
    if pairs:
        said.append("one person may hold a conference on one device and dial from another")
    networks = [(pair.one.mark.network, pair.two.mark.network) for pair in pairs]
    if any((":" in one) != (":" in two) for one, two in networks):
        said.append("one of two networks is IPv4 and the other IPv6: one site that has both looks like two")
    if any("mobile" in (pair.one.cls, pair.two.cls) for pair in pairs):
        said.append("one of two networks is mobile: a telephone and a PC of one person look like this")
    if any({pair.one.cls, pair.two.cls} & HIDING for pair in pairs):
        said.append("one of two networks is a VPN, a relay or a hosting provider")
    if far:
        said.append("an address database may place a network in the wrong country, and countries are not round")
    if any(one.one.device and one.one.device == one.two.device for one in far):
        said.append("distant use by one and the same device: a change of network or a VPN looks like this")
    if any(one.old for one in far):
        said.append(f"the address database was more than {p.old_database_days} days old")
    if s.crowds:
        said.append("an app that was installed anew counts as two devices until its old registration runs out")
    if weak:
        said.append("devices without an id: an update that renames the app counts as a new device")
    return tuple(said)


def lanes(day: int, pair: Pair) -> Overlap:
    """The swim-lanes of a day's first overlap."""
    return Overlap(iso(day), (pair.stop - pair.start) // SECOND, (_lane(pair.one), _lane(pair.two)))


def _lane(talk: Talk) -> Lane:
    mark = talk.mark
    return Lane(talk.device[:40], mark.network, mark.country, _utc(talk.start), _utc(talk.end) if talk.end else "")


def distance(day: int, far: Far) -> Distance:
    """A way that nobody travels so fast."""
    one, two = far.one, far.two
    gap = two.at - one.at
    return Distance(
        day=iso(day),
        start=_utc(one.at),
        start_country=one.mark.country,
        end=_utc(two.at),
        end_country=two.mark.country,
        km=far.km,
        minutes=gap // MINUTE,
        kmh=far.km * HOUR // max(gap, MINUTE),
        same_device=bool(one.device) and one.device == two.device,
    )


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % SECOND:03d}Z"
