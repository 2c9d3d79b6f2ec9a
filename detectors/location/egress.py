"""A tenant's own way out through a foreign network: a head office's proxy or SD-WAN makes a whole staff look abroad.

Colleagues who all "travel" over one network are at their desks. So each tenant remembers which licences used which foreign
network on which of the last days, and a network that enough of them share says nothing about where anybody is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from detectors.context import Context

#: A network is looked at on the day in question and the six before it (detectors.md, location).
SPAN = 7
#: … and is an egress when this many licences used it then, and this share of the tenant's active softphones.
LICENCES, PERCENT = 3, 20
#: Days remembered: a day stays open to late evidence for 7 days, and looks back 6 more.
KEEP = 16
#: Uses are bits of a ring of 32 days: twice what is remembered, so a stale bit is cleared before its place is used again.
RING = 32
#: Most networks remembered of one tenant; a large travelling staff was seen on 60 in a fortnight (simulated).
MOST = 256


class Egress(msgspec.Struct, array_like=True):
    """Foreign networks of a tenant: network to licence to days (bit ``day % 32``), none older than 16 days before ``newest``."""

    newest: int = -1
    networks: dict[str, dict[str, int]] = {}

    def note(self, network: str, licence: str, day: int) -> None:
        """Remember that a licence was seen on a foreign network on a day.

        >>> egress = Egress(); egress.note("198.51.100.0/24", "101", 20000); egress.days("198.51.100.0/24", 20001)
        {'101': 1}
        """
        if day > self.newest:
            self._advance(day)
        elif day <= self.newest - KEEP:
            return
        users = self.networks.get(network)
        if users is None:
            users = self.networks[network] = {}
        users[licence] = users.get(licence, 0) | 1 << day % RING
        if len(self.networks) > MOST:
            del self.networks[min(self.networks, key=self._worth)]

    def days(self, network: str, day: int) -> dict[str, int]:
        """Licences that used a network on ``day`` or the six days before it, with the number of those days."""
        mask = _mask(day - SPAN + 1, day)
        return {name: (bits & mask).bit_count() for name, bits in self.networks.get(network, {}).items() if bits & mask}

    def _advance(self, day: int) -> None:
        self.newest = day
        mask = _mask(day - KEEP + 1, day)
        for network in list(self.networks):
            users = {name: bits & mask for name, bits in self.networks[network].items() if bits & mask}
            if users:
                self.networks[network] = users
            else:
                del self.networks[network]

    def _worth(self, network: str) -> tuple[int, int, str]:
        """What is forgotten first: few users, then few days."""
        users = self.networks[network]
        return len(users), sum(bits.bit_count() for bits in users.values()), network


def is_egress(ctx: Context, network: str, day: int) -> bool:
    """Whether a foreign network is the tenant's egress on a day.

    It is when at least 3 licences used it on that day or the six before, and at least a fifth of the tenant's active softphones did (a
    licence without a fact counts as one).
    """
    users = ctx.tenant.egress.networks.get(network)
    if users is None or len(users) < LICENCES:
        return False
    mask = _mask(day - SPAN + 1, day)
    licences = ctx.tenant.licences
    kinds = list(licences.values())
    needed = (kinds.count("softphone") + kinds.count("")) * PERCENT
    count = softphones = 0
    for name, bits in users.items():
        if bits & mask:
            kind = licences.get(name, "")
            if not kind.startswith("-"):
                count += 1
                if kind in ("", "softphone"):
                    softphones += 100
                if count >= LICENCES and softphones >= needed:
                    return True
    return False


def covers(ctx: Context, day: int) -> bool:
    """Whether the tenant's memory still holds ``day`` and the six days before it."""
    return day - SPAN + 1 > ctx.tenant.egress.newest - KEEP


def _mask(first: int, last: int) -> int:
    mask = 0
    for day in range(first, last + 1):
        mask |= 1 << day % RING
    return mask
