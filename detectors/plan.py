"""Which hooks of which rules a licence's events go to, with their state and parameters, worked out once.

Rebuilt when facts or policy change. Without it each event would look up five rules' states and parameters: about 3 µs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors.rule import Detector

if TYPE_CHECKING:
    from detectors.days import DayClock
    from detectors.policy import Merged
    from detectors.registry import Detectors
    from detectors.state import LicenceState, TenantState

Bound = tuple[Any, Any, Any]


class Plan:
    """Hooks by fact, as (method, state, parameters); ``timers`` and ``holds`` by rule."""

    __slots__ = (
        "answered", "clock", "closed", "desk_agents", "ended", "facts", "holds", "located", "merged", "message", "registration",
        "started", "tenant", "timers",
    )  # fmt: skip

    def __init__(
        self, detectors: Detectors, licence: LicenceState, tenant: TenantState, merged: Merged, clock: DayClock, kind: str
    ) -> None:
        self.tenant, self.merged, self.clock = tenant, merged, clock
        self.desk_agents = merged.general.desk_phone_agents
        bound = [
            (detector, rule_state(licence.rules, rule, detector.State), merged.rules[rule])
            for rule, detector in detectors.items()
            if kind in detector.applies
        ]
        self.registration = _hooks(bound, "registration")
        self.started = _hooks(bound, "call_started")
        self.answered = _hooks(bound, "call_answered")
        self.ended = _hooks(bound, "call_ended")
        self.message = _hooks(bound, "message")
        self.located = _hooks(bound, "location_changed")
        self.closed = _hooks(bound, "day_closed")
        self.facts = _hooks(bound, "facts_changed")
        self.timers: dict[str, Bound] = {d.rule: (d.timer, s, p) for d, s, p in bound if type(d).timer is not Detector.timer}
        self.holds: dict[str, Bound] = {d.rule: (d.holds, s, p) for d, s, p in bound}


def rule_state(states: dict[str, Any], rule: str, kind: type[msgspec.Struct]) -> Any:
    """A rule's own state, new when there is none, typed when it has just been read from bytes."""
    state = states.get(rule)
    if state is None:
        state = states[rule] = kind()
    elif not isinstance(state, kind):
        state = states[rule] = msgspec.convert(state, kind)
    return state


def _hooks(bound: list[Bound], name: str) -> list[Bound]:
    return [(getattr(d, name), s, p) for d, s, p in bound if getattr(type(d), name) is not getattr(Detector, name)]
