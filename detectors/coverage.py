"""What the sources of a licence could show at all. Silence of a source that cannot speak is never called clean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from detectors.outputs import Coverage

if TYPE_CHECKING:
    from detectors.state import LicenceState

#: Bits of ``LicenceState.seen``.
REGISTRATIONS, PHASES, CDRS, PLACES, DEVICES = 1, 2, 4, 8, 16
#: Its offer is unknown: what only unlimited offers limit is not covered, and it was counted.
NO_OFFER = 32
#: Nobody said which terminals are approved for it, or which networks its site has: each was counted.
NO_TERMINALS, NO_NETWORKS = 64, 128


def coverage_of(licence: LicenceState, needs: tuple[str, ...], notes: tuple[str, ...] = ()) -> Coverage:
    """Coverage of one licence from what its sources have delivered so far."""
    seen = licence.seen
    location: Literal["full", "partial", "none"] = "none" if not seen & PLACES else "full" if seen & REGISTRATIONS else "partial"
    devices: Literal["full", "partial", "none"] = "full" if seen & DEVICES else "partial" if seen & REGISTRATIONS else "none"
    calls: Literal["full", "partial", "none"] = "full" if seen & (PHASES | CDRS) else "none"
    said = list(notes)
    if "location" in needs and location == "none":
        said.append("no source of this licence tells addresses that a country database knows: location is not covered")
    if "devices" in needs and devices == "none":
        said.append("only CDRs are delivered: devices are not covered")
    return Coverage(location, devices, calls, tuple(said))
