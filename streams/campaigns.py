"""Campaigns: one attack on many customers, found in their alerts (detection itself never looks over partitions).

Alerts of three tenants or more within 24 hours that share a called range or a network (/24, /48) are one campaign. A range or a
network that more than 1 % of the active licences use without an alert is everybody's (French mobile numbers, a carrier's address
pool) and joins nothing; the licences under attack do not count, or a large attack would hide itself. A user agent is spoofed
with one line of configuration: it confirms a campaign and never makes one.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from detectors.control import CAMPAIGNS
from detectors.days import DAY
from detectors.digest import identifier
from detectors.events import INTERNAL, Call, Event, Registration
from detectors.ranges import code_of, is_home, range_of
from streams.times import format_time, parse_time

#: Fewer customers have their own trouble.
TENANTS = 3
WITHIN = DAY
#: A range or network is everybody's when more than one in so many active licences uses it.
EVERYBODYS = 100
#: Ids that a reference carries; with so many it stays under the 64 KiB an object may have.
MOST_IDS = 2_000

Key = tuple[str, str]
Scope = tuple[str, str]


class Proof(msgspec.Struct, frozen=True):
    """What a campaign reads of a decisive event."""

    network: str = ""
    number: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign reads of an alert's statement."""

    alert_id: str
    update: int
    state: str
    rule: str
    level: str
    tenant: str
    licence: str | None
    crossed_at: str
    issued_at: str
    evidence: tuple[Proof, ...] = ()
    supersedes: tuple[str, ...] = ()


class Use(msgspec.Struct, frozen=True):
    """Who uses what: ``active`` licences of the log, those that use each key, and user agents by network and tenant."""

    active: int = 0
    users: Mapping[Key, Collection[Scope]] = {}
    agents: Mapping[str, Mapping[str, Collection[str]]] = {}


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What was published of a campaign before: the body of its ``reference`` event."""

    campaign_id: str
    alert_ids: tuple[str, ...]
    alerts: int
    from_: str = msgspec.field(name="from")
    to: str


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One attack. ``first`` and ``last`` are the crossings (ms) of its first and last alert, ``issued`` when the latest was said."""

    campaign_id: str
    alert_ids: tuple[str, ...]
    rules: tuple[str, ...]
    tenants: tuple[str, ...]
    ranges: tuple[str, ...]
    networks: tuple[str, ...]
    user_agents: tuple[str, ...]
    first: int
    last: int
    issued: int


def latest(statements: Iterable[Said]) -> list[Said]:
    """The last statement of each alert that stands: audit samples, withdrawn and superseded alerts are left out."""
    found: dict[str, Said] = {}
    for said in statements:
        known = found.get(said.alert_id)
        if said.level != "audit" and (known is None or said.update >= known.update):
            found[said.alert_id] = said
    superseded = {alert_id for said in found.values() for alert_id in said.supersedes}
    return [said for _, said in sorted(found.items()) if said.state != "withdrawn" and said.alert_id not in superseded]


def shared(statements: Iterable[Said]) -> set[Key]:
    """Keys that alerts of enough customers have: without one there is no campaign, and no log need be read for its use."""
    tenants: dict[Key, set[str]] = {}
    for said in latest(statements):
        for key in keys_of(said):
            tenants.setdefault(key, set()).add(said.tenant)
    return {key for key, found in tenants.items() if len(found) >= TENANTS}


def keys_of(said: Said) -> list[Key]:
    """Ranges and networks in an alert's evidence, each once. A number whose range is hidden by the mask has none.

    >>> alert = Said(alert_id="a", update=1, state="open", rule="r", level="breach", tenant="t", licence="1", crossed_at="", issued_at="",
    ...              evidence=(Proof("198.51.100.0/24", "+25261234••••"), Proof("", "+2471••••")))
    >>> keys_of(alert)
    [('network', '198.51.100.0/24'), ('range', '+252612')]
    """
    found: set[Key] = {("network", one.network) for one in said.evidence if one.network}
    found |= {("range", key) for one in said.evidence if (key := _range(one.number))}
    return sorted(found)


def _range(number: str) -> str:
    found = range_of(number) if code_of(number) else ""
    return found if found and "•" not in found and len(found) == 4 + len(code_of(number)) else ""


def use_of(events: Iterable[Event], keys: Collection[Key]) -> Use:
    """Who uses the ranges and networks of the alerts, from the events of a log.

    A registration that failed is a knock at the door and no use; neither is a call between two phones of a customer.
    """
    wanted = frozenset(keys)
    active: set[Scope] = set()
    users: dict[Key, set[Scope]] = {}
    agents: dict[str, dict[str, set[str]]] = {}
    for event in events:
        if isinstance(event, Registration):
            if event.action not in ("register", "refresh"):
                continue
            number = ""
        elif isinstance(event, Call):
            if event.refused_by is not None or event.emergency:
                continue
            outside = event.direction == "outbound" and event.dest is not None and event.dest.cls != INTERNAL
            number = event.dest.e164 if outside and event.dest is not None else ""
        else:
            continue
        scope = event.tenant, event.licence
        active.add(scope)
        network = event.loc.network if event.loc is not None else ""
        for key in (("network", network), ("range", _range(number) if number else "")):
            if key in wanted:
                users.setdefault(key, set()).add(scope)
        if ("network", network) in wanted and event.user_agent:
            agents.setdefault(network, {}).setdefault(event.user_agent, set()).add(event.tenant)
    return Use(len(active), users, agents)


def campaigns(statements: Iterable[Said], use: Use | None, home_prefixes: Iterable[str]) -> list[Campaign]:
    """Campaigns among alerts, in order of their first alert; the same alerts give the same ones in any order.

    Args:
        statements: of alerts, all or only the last of each.
        use: who uses what; ``None`` when no log was given: then networks are not judged by their use, and ranges of the home zone,
            which everybody calls, join nothing.
        home_prefixes: E.164 prefixes of the home zone.
    """
    home = tuple(home_prefixes)
    alerts = {said.alert_id: said for said in latest(statements)}
    crossed = {name: parse_time(said.crossed_at) for name, said in alerts.items()}
    sharing: dict[Key, list[str]] = {}
    for name in sorted(alerts, key=lambda name: (crossed[name], name)):
        for key in keys_of(alerts[name]):
            sharing.setdefault(key, []).append(name)
    joined: dict[str, str] = {}
    shared: dict[str, set[Key]] = {}
    for key in sorted(sharing):
        names = sharing[key]
        if len({alerts[name].tenant for name in names}) < TENANTS or _everybodys(key, [alerts[name] for name in names], use, home):
            continue
        for group in _together(names, crossed, alerts):
            shared.setdefault(group[0], set()).add(key)
            for name in group:
                _join(joined, group[0], name)
    members: dict[str, list[str]] = {}
    for name in sorted(joined):
        members.setdefault(_root(joined, name), []).append(name)
    found = []
    for root, names in members.items():
        keys = {key for name, some in shared.items() if _root(joined, name) == root for key in some}
        found.append(_campaign([alerts[name] for name in names], crossed, keys, use))
    return sorted(found, key=lambda one: (one.first, one.campaign_id))


def _everybodys(key: Key, alerts: list[Said], use: Use | None, home: tuple[str, ...]) -> bool:
    kind, value = key
    if use is None:
        return kind == "range" and is_home(value, home)
    accused = {(said.tenant, said.licence) for said in alerts}
    # An alert of a whole customer names no licence: none of its own speak for the range being everybody's.
    whole = {said.tenant for said in alerts if said.licence is None}
    others = sum(1 for scope in use.users.get(key, ()) if scope not in accused and scope[0] not in whole)
    return others * EVERYBODYS > use.active


def _together(names: list[str], crossed: Mapping[str, int], alerts: Mapping[str, Said]) -> list[list[str]]:
    """Runs of alerts (in order of time) that windows of 24 hours with enough tenants hold together."""
    times = [crossed[name] for name in names]
    found: list[list[str]] = []
    end = 0
    for i, at in enumerate(times):
        start = bisect_left(times, at - WITHIN)
        if len({alerts[name].tenant for name in names[start : i + 1]}) < TENANTS:
            continue
        if found and start < end:
            found[-1] += names[end : i + 1]
        else:
            found.append(names[start : i + 1])
        end = i + 1
    return found


def _root(joined: dict[str, str], name: str) -> str:
    while joined[name] != name:
        joined[name] = joined[joined[name]]
        name = joined[name]
    return name


def _join(joined: dict[str, str], one: str, other: str) -> None:
    roots = sorted(_root(joined, name) for name in (one, other) if joined.setdefault(name, name))
    joined[roots[1]] = roots[0]


def _campaign(alerts: list[Said], crossed: Mapping[str, int], keys: set[Key], use: Use | None) -> Campaign:
    ordered = sorted(alerts, key=lambda said: (crossed[said.alert_id], said.alert_id))
    tenants = {said.tenant for said in alerts}
    networks = tuple(sorted(value for kind, value in keys if kind == "network"))
    agents = set()
    for network in networks if use is not None else ():
        for agent, users in use.agents.get(network, {}).items() if use is not None else ():
            if len(tenants & set(users)) >= TENANTS:
                agents.add(agent)
    return Campaign(
        # Of its first alert: it keeps its name while it grows.
        campaign_id=identifier("ca", ordered[0].alert_id),
        alert_ids=tuple(said.alert_id for said in ordered),
        rules=tuple(sorted({said.rule for said in alerts})),
        tenants=tuple(sorted(tenants)),
        ranges=tuple(sorted(value for kind, value in keys if kind == "range")),
        networks=networks,
        user_agents=tuple(sorted(agents)),
        first=crossed[ordered[0].alert_id],
        last=crossed[ordered[-1].alert_id],
        issued=max(parse_time(said.issued_at) for said in alerts),
    )


def unsaid(found: Iterable[Campaign], known: Iterable[Known]) -> list[Campaign]:
    """Campaigns that are to be published: those that nobody was told of, and those that have grown since.

    One that shares an alert with a published one is that one, even when its first alert was withdrawn since, and keeps its id.
    """
    last = {one.campaign_id: one for one in known}
    ordered = sorted(last.values(), key=lambda one: (parse_time(one.from_), one.campaign_id), reverse=True)
    # The earliest campaign of an alert is written last, and stands.
    of_alert = {alert_id: one for one in ordered for alert_id in one.alert_ids}
    told = []
    for one in found:
        before = next((of_alert[alert_id] for alert_id in one.alert_ids if alert_id in of_alert), None)
        if before is None:
            told.append(one)
        elif len(one.alert_ids) > before.alerts or not set(one.alert_ids[:MOST_IDS]) <= set(before.alert_ids):
            told.append(msgspec.structs.replace(one, campaign_id=before.campaign_id))
    return told


def name_of(campaign_id: str) -> str:
    """Name of the reference of a campaign.

    >>> name_of("ca-1")
    'campaign/ca-1'
    """
    return f"{CAMPAIGNS}{campaign_id}"


def reference_of(campaign: Campaign) -> bytes:
    """The ``reference`` event of a campaign, one line of JSON without its end. No rule reads it; a console groups by it.

    It has a name of its own, by which a later one of a campaign that grew replaces it; detection forgets it at once.
    """
    ids = campaign.alert_ids[:MOST_IDS]
    body: dict[str, Any] = {
        "campaign_id": campaign.campaign_id,
        "alert_ids": ids,
        "alerts": len(campaign.alert_ids),
        "rules": campaign.rules,
        "tenants": len(campaign.tenants),
        "ranges": campaign.ranges,
        "networks": campaign.networks,
        "user_agents": campaign.user_agents,
        "from": format_time(campaign.first),
        "to": format_time(campaign.last),
    }
    canonical = msgspec.json.encode(body)
    event = {
        "v": 1,
        "kind": "reference",
        "id": identifier("ref", canonical.decode()),
        "time": format_time(campaign.issued),
        "name": name_of(campaign.campaign_id),
        "sha256": hashlib.sha256(canonical).hexdigest(),
        "body": body,
    }
    return msgspec.json.encode(event)
