"""What an event says about where a licence is: at home, abroad, or nothing; and which device said it.

Ingest has stamped the address with country, class and network. Here that becomes evidence of a device on a calendar day:

* home: a home country by an access line, or an address inside one of the customer's site networks;
* abroad: another country by an access line or a mobile network, outside the home zone and the neutral zone;
* nothing: VPN, hosting, relay, private and unknown addresses, and the neutral zone (Monaco is served by French lines).

A home country's *mobile* address is home unless the device shows itself abroad on that day or the day before: a roaming phone
leaves through its home operator and looks at home (home-routed roaming). That, and a VPN into France, nobody can see from addresses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from detectors.days import number
from detectors.location.days_of_licence import (
    AGREE,
    APART,
    AT_HOME,
    FRESH,
    HOME_MOBILE,
    MOBILE_CALL,
    MOST_DEVICES,
    MOST_NETWORKS,
    NEUTRAL_CALL,
    NOWHERE,
    OPEN_DAYS,
    STALE,
    Days,
    Device,
    Proof,
    Seen,
    close_day,
    status,
)
from detectors.location.egress import Egress, is_egress

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Call, Event, Loc, Registration, Tenant

#: A database built more days than this before the event is flagged, and more than that allows notices only (detectors.md).
AGED_DAYS, OLD_DAYS = 45, 180
#: Entries of the caches below; an entry is about 200 bytes.
CACHE = 50_000

_FAMILY = re.compile(r"[^/0-9]*")
_identities: dict[tuple[str | None, str | None], tuple[str, bool]] = {}
_sites: dict[str, tuple[Tenant, list[IPv4Network | IPv6Network], dict[str, bool]]] = {}


def device_of(device: str | None, user_agent: str | None, contact: str | None) -> tuple[str, bool]:
    """The identity of a phone, and whether it is weak.

    With a SIP instance id that is the identity. Without one it is the family of the user agent (up to its first ``/`` or digit,
    lower-cased, trimmed) and the user of the contact, and weak: two phones of one model share it. Empty when nothing is known.

    >>> device_of("urn:uuid:4d1", "Linphone/5.2", "sip:101@192.0.2.1")
    ('urn:uuid:4d1', False)
    >>> device_of(None, "Linphone Desktop/5.2", "<sip:101@192.0.2.1:5060;transport=tls>")
    ('linphone desktop|101', True)
    >>> device_of(None, None, None)
    ('', True)
    """
    if device:
        return device, False
    key = (user_agent, contact)
    found = _identities.get(key)
    if found is None:
        if len(_identities) >= CACHE:
            _identities.clear()
        match = _FAMILY.match(user_agent or "")
        family = match.group().strip().lower() if match is not None else ""
        user = _contact_user(contact or "")
        found = _identities[key] = (f"{family}|{user}" if family or user else "", True)
    return found


def observe_registration(ctx: Context, event: Registration) -> int | None:
    """Note a registration on its day. A record of folded refreshes stands for two: at its ``time`` and at ``until``.

    Returns:
        The day whose status may have changed, or None.
    """
    action = event.action
    if action != "refresh" and action != "register":
        return None
    loc = event.loc
    if loc is None:
        return None
    day, name = ctx.today, ctx.device
    until = event.until if event.count > 1 else None
    last = day if until is None else ctx.clock.day_of(until)
    found = ctx.licence.days.devices.get(name)
    # Seven of ten events end here: a device that is known to be home today says so again.
    if found is not None and last == day and found.flags.get(day, 0) & AT_HOME and loc.cls == "access" and loc.country in ctx.home_zone:
        return None
    changed = _note(ctx, event, name, ctx.weak, day, event.time, loc, event.source_ip, False)
    if until is None:
        return changed
    later = _note(ctx, event, name, ctx.weak, last, until, loc, event.source_ip, False)
    return changed if later is None else later


def at_home(ctx: Context, event: Registration) -> bool:
    """Whether an accepted registration, noted already, shows its device at home by an access line: nothing takes that back today."""
    loc = event.loc
    if loc is None or loc.cls != "access" or loc.country not in ctx.home_zone or event.action not in ("register", "refresh"):
        return False
    found = ctx.licence.days.devices.get(ctx.device)
    return found is not None and bool(found.flags.get(ctx.today, 0) & AT_HOME)


def observe_call(ctx: Context, event: Call, outgoing: bool) -> int | None:
    """Note one step of a call on the day of its start, for the licence whose turn it is.

    Args:
        ctx: the licence's turn.
        event: the step; ``loc`` locates the calling phone, ``answered_loc`` the answering one, once it has answered.
        outgoing: False for the called side.

    Returns:
        The day whose status may have changed, or None.
    """
    started = event.started_at
    if outgoing:
        loc, address = event.loc, event.source_ip
    else:
        if event.phase != "answer" and event.answered_at is None:
            return None
        loc, address = event.answered_loc, event.answered_ip
    if loc is None:
        return None
    if started is None:
        if event.phase == "end":
            # The attempt has told the place already, and the end may fall on another day.
            return None
        started = event.time
    day = ctx.clock.day_of(started)
    found = ctx.licence.days.devices.get(ctx.device)
    if found is not None and found.flags.get(day, 0) & AT_HOME and loc.cls == "access" and loc.country in ctx.home_zone:
        return None
    return _note(ctx, event, ctx.device, ctx.weak, day, started, loc, address, True)


def _note(ctx: Context, event: Event, name: str, weak: bool, day: int, time: int, loc: Loc, address: str | None, call: bool) -> int | None:
    """Put one piece of evidence on its day; every step is a maximum, a minimum or a set bit, so order and repeats are nothing."""
    days = ctx.licence.days
    if day != days.newest:
        if day < max(days.newest, ctx.clock.day_of(ctx.partition.now)) - OPEN_DAYS + 1:
            days.too_old += 1
            return None
        days.newest = max(days.newest, day)
    cls = loc.cls
    if loc.country in ctx.home_zone and cls in ("access", "mobile"):
        flag = AT_HOME if cls == "access" or _on_site(ctx, address) else HOME_MOBILE | MOBILE_CALL * call
    elif _on_site(ctx, address):
        flag = AT_HOME
    elif cls not in ("access", "mobile") or not loc.country:
        if loc.country == "" and cls == "unknown" and address is None:
            # No address at all: a call detail record without one says nothing, not even that the phone was elsewhere.
            return None
        # A call through a VPN was placed from elsewhere; one from an address nobody can place was not placed anywhere.
        flag = NOWHERE | NEUTRAL_CALL * (call and cls in ("vpn", "hosting", "relay"))
    elif loc.country in ctx.general.neutral_zone:
        flag = NEUTRAL_CALL * call
    else:
        return _abroad(ctx, event, _device(days, name, weak), day, time, loc, call)
    device = _device(days, name, weak)
    before = device.flags.get(day, 0)
    after = before | flag
    if after & AT_HOME:
        # Nothing else counts on such a day, so the rest is not kept: it would depend on the order.
        after &= AT_HOME | NOWHERE
    if after == before and day in device.flags:
        return None
    device.flags[day] = after
    return day


def _abroad(ctx: Context, event: Event, device: Device, day: int, time: int, loc: Loc, call: bool) -> int | None:
    device.flags.setdefault(day, 0)
    days = ctx.licence.days
    days.latest_abroad = max(days.latest_abroad, day)
    seen = device.seen.get(day)
    if seen is None:
        seen = device.seen[day] = {}
    network = loc.network
    one = seen.get(network)
    changed = one is None
    if one is None:
        if len(seen) >= MOST_NETWORKS:
            network = ""
        one = seen.get(network)
        if one is None:
            one = seen[network] = Seen()
        if network:
            ctx.tenant.egress.note(network, ctx.licence.licence, day)
    one.quality |= AGREE * loc.agree | _age(loc.built, day)
    if call:
        if one.call is None or time <= one.call.time:
            changed = changed or one.call is None
            proof = Proof(time, event.src, event.line, loc.country)
            one.call = proof if one.call is None else min(one.call, proof)
    else:
        apart = _apart(seen)
        if one.registration is None or time <= one.registration.time:
            proof = Proof(time, event.src, event.line, loc.country)
            one.registration = proof if one.registration is None else min(one.registration, proof)
        if time > one.latest:
            one.latest = time
        changed = changed or (not apart and _apart(seen))
    return day if changed else None


def _apart(seen: dict[str, Seen]) -> bool:
    """Whether registrations abroad lie an hour or more apart."""
    first, last = 1 << 62, 0
    for one in seen.values():
        if one.registration is not None:
            first, last = min(first, one.registration.time), max(last, one.latest)
    return last - first >= APART


def _device(days: Days, name: str, weak: bool) -> Device:
    device = days.devices.get(name)
    if device is None:
        if len(days.devices) >= MOST_DEVICES:
            # A phone that makes up a new id each time is one device without a name, as far as places go.
            name, weak = "", True
            device = days.devices.get(name)
        if device is None:
            device = days.devices[name] = Device(weak)
    return device


def _on_site(ctx: Context, address: str | None) -> bool:
    """Whether an address lies inside one of the customer's site networks."""
    fact = ctx.tenant.fact
    if fact is None or not fact.sites or not address:
        return False
    known = _sites.get(fact.tenant)
    if known is None or known[0] is not fact:
        if len(_sites) >= CACHE:
            _sites.clear()
        nets = [net for site in fact.sites for network in site.networks for net in _network(network)]
        known = _sites[fact.tenant] = (fact, nets, {})
    _, nets, answers = known
    found = answers.get(address)
    if found is None:
        if len(answers) >= CACHE:
            answers.clear()
        found = answers[address] = _inside(address, nets)
    return found


def _network(text: str) -> list[IPv4Network | IPv6Network]:
    """A site network as provisioning wrote it; one that is no network is nobody's site, and must not stop the log."""
    try:
        return [ip_network(text, strict=False)]
    except ValueError:
        return []


def _inside(address: str, nets: list[IPv4Network | IPv6Network]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped if mapped is not None else ip
    return any(ip in net for net in nets)


@lru_cache(maxsize=1024)
def _age(built: str, day: int) -> int:
    """How fresh the database was: an operator's own list of networks has no build day, and is taken as it is."""
    try:
        age = day - number(built) if built else 0
    except ValueError:
        return 0
    return FRESH * (age <= OLD_DAYS) | STALE * (age > AGED_DAYS)


def _contact_user(contact: str) -> str:
    start = contact.find("sip:")
    start = contact.find("sips:") + 5 if start < 0 else start + 4
    end = contact.find("@", start)
    return contact[start:end] if start >= 4 and end > start else ""


__all__ = ["Days", "Egress", "close_day", "device_of", "is_egress", "observe_call", "observe_registration", "status"]
