"""What a PBX must be able to do for the bridge: one ``Target`` per product, each in its own folder.

Every order may be repeated: the bridge repeats it after a failure, after a restart of the PBX and at each repair. An empty AoR is
never sent (FreeSWITCH's ``flush_inbound_reg`` without argument drops everybody's registration)::

    VigieError
    └── TargetError        the PBX did not do it: the bridge tries again, and the receipt says ``failed``
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from detectors.errors import VigieError

#: In the order of the contract's table.
RESTRICTIONS = ("international", "paid", "prefixes", "outgoing", "credentials")
#: Those that say which calls are refused; ``outgoing`` refuses what all of them refuse.
CALLS = ("international", "paid", "prefixes", "outgoing")


class TargetError(VigieError):
    """The PBX refused an order or did not answer; the message names the order and what to look at."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for one AoR: the union of all licences' records that name it.

    ``restrictions`` in the order of the contract's table; ``prefixes`` what ``prefixes`` refuses; ``home_prefixes`` what
    ``international`` leaves open; ``allowed_numbers`` what stays open under any restriction; ``decision_id`` of the record with the
    highest (``epoch``, ``sequence``). Emergency calls cannot be named here.
    """

    aor: str
    decision_id: str
    customer_code: str
    restrictions: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    home_prefixes: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.aor or not self.restrictions:
            raise TargetError(f"an entry needs an AoR and a restriction, not {self.aor!r} and {self.restrictions!r}; lift it instead")


class Target(Protocol):
    """A PBX, or a view that PBXes ask. Each method raises ``TargetError`` when it was not done."""

    def table(self) -> dict[str, Entry]:
        """What the PBX refuses now, by AoR: what the repair compares with."""

    def put(self, entries: Iterable[Entry]) -> None:
        """Make these stand; one that stands already is success. Thousands at once after a restart."""

    def drop(self, aors: Iterable[str]) -> None:
        """Lift these; one that is not there is success."""

    def end_calls(self, entry: Entry) -> int:
        """End the calls that the entry refuses, never an emergency call; how many were ended."""

    def remove_contacts(self, aor: str) -> int:
        """Drop the registrations of an AoR (``credentials`` only); how many there were."""

    def generation(self) -> str:
        """A text that changes when the PBX has restarted and lost its table."""

    def complete(self) -> None:
        """Tell the PBX that its table is whole (until then it may answer 503 if its operator chose to fail closed)."""

    def close(self) -> None:
        """Let go of connections."""
