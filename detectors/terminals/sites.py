"""Whether an address lies inside the networks of a line's site; each answer is worked out once per customer and address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from detectors.coverage import NO_NETWORKS

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Tenant

#: Customers, and addresses of each of their sites, whose answers are remembered; an entry is about 300 bytes.
CACHE = 10_000
#: Count of the summary: lines that registered while nobody had said which networks their site has.
NOT_COVERED = "site_networks_unknown"

#: By customer: the account facts that the answers come from, and by site and address the answers.
_known: dict[str, tuple[Tenant, dict[str | None, dict[str, bool | None]]]] = {}


def networks_of(fact: Tenant, site: str | None) -> tuple[str, ...]:
    """Networks of a site, as provisioning wrote them; without a site those of all the customer's sites together.

    A line whose account names no site may stand at any of them: only outside all of them has it been moved.
    """
    return tuple(network for one in fact.sites if site is None or one.id == site for network in one.networks)


def site_of(ctx: Context) -> str | None:
    """The site in the licence's account."""
    return ctx.licence.fact.site if ctx.licence.fact is not None else None


def on_site(ctx: Context, address: str) -> bool | None:
    """Whether an address lies inside the networks of the licence's site; None when that cannot be said.

    It cannot for a text that is no address, nor without networks that can be read: the licence is then counted as not covered.
    """
    fact, site = ctx.tenant.fact, site_of(ctx)
    found: bool | None = None
    if fact is not None and fact.sites:
        known = _known.get(fact.tenant)
        if known is None or known[0] is not fact:
            if len(_known) >= CACHE:
                _known.clear()
            known = _known[fact.tenant] = (fact, {})
        answers = known[1].get(site)
        if answers is None:
            answers = known[1][site] = {}
        if address not in answers:
            if len(answers) >= CACHE:
                answers.clear()
            answers[address] = inside(address, networks_of(fact, site))
        found = answers[address]
    if found is None and not ctx.licence.seen & NO_NETWORKS and (fact is None or not _read(networks_of(fact, site))):
        ctx.licence.seen |= NO_NETWORKS
        counts = ctx.partition.counts
        counts[NOT_COVERED] = counts.get(NOT_COVERED, 0) + 1
    return found


def inside(address: str, networks: tuple[str, ...]) -> bool | None:
    """Whether an address lies in one of the networks; None when it is no address, or no network can be read.

    >>> inside("192.0.2.7", ("192.0.2.0/24",)), inside("::ffff:192.0.2.7", ("192.0.2.0/24",)), inside("198.51.100.1", ("192.0.2.0/24",))
    (True, True, False)
    >>> inside("192.0.2.7", ("head office",)) is None
    True
    """
    read = _read(networks)
    try:
        ip: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped if mapped is not None else ip
    return any(ip in network for network in read) if read else None


def _read(networks: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    """Networks as provisioning wrote them; what is no network is nobody's site, and must not stop the log."""
    read: list[IPv4Network | IPv6Network] = []
    for network in networks:
        try:
            read.append(ip_network(network, strict=False))
        except ValueError:
            continue
    return read
