"""Which hooks of which rules a licence's events go to, with their state and parameters, worked out once.

Rebuilt when facts or policy change. Without it each event would look up five rules' states and parameters: about 3 µs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors.calls import LOST_HOURS
from detectors.days import HOUR
from detectors.rule import Detector

if TYPE_CHECKING:
    from detectors.days import DayClock
    from detectors.policy import Merged
    from detectors.registry import Detectors
    from detectors.state import LicenceState, TenantState

#: A hook of a rule: the method, where among a plan's states the rule's own is, and its parameters.
Hook = tuple[Any, int, Any]


class Outline:
    """Hooks by fact for all licences of one type under one policy; ``timers`` and ``holds`` by rule.

    Shared: a copy for each licence was 4 of its 17 KB, and every event would touch memory that no cache holds.
    """

    __slots__ = (
        "answered", "clock", "closed", "desk_agents", "ended", "facts", "holds", "located", "lost_after", "merged", "message",
        "registration", "rules", "started", "timers",
    )  # fmt: skip

    def __init__(self, detectors: Detectors, merged: Merged, clock: DayClock, kind: str) -> None:
        self.merged, self.clock = merged, clock
        self.desk_agents = merged.general.desk_phone_agents
        self.lost_after = getattr(merged.rules.get("long-call"), "max_call_hours", LOST_HOURS) * HOUR
        self.rules = [(rule, detector) for rule, detector in detectors.items() if kind in detector.applies]
        self.registration = self._hooks("registration")
        self.started = self._hooks("call_started")
        self.answered = self._hooks("call_answered")
        self.ended = self._hooks("call_ended")
        self.message = self._hooks("message")
        self.located = self._hooks("location_changed")
        self.closed = self._hooks("day_closed")
        self.facts = self._hooks("facts_changed")
        self.timers = {self.rules[i][0]: (hook, i, params) for hook, i, params in self._hooks("timer")}
        self.holds = {rule: (detector.holds, i, merged.rules[rule]) for i, (rule, detector) in enumerate(self.rules)}

    def _hooks(self, name: str) -> list[Hook]:
        return [(getattr(d, name), i, self.merged.rules[rule]) for i, (rule, d) in enumerate(self.rules) if _overrides(d, name)]


class Plan:
    """What the events of one licence go to: the hooks it shares, and the states of its rules in their order."""

    __slots__ = ("home_zone", "offer", "outline", "states", "tenant")

    def __init__(self, outline: Outline, licence: LicenceState, tenant: TenantState) -> None:
        self.outline, self.tenant = outline, tenant
        self.home_zone = home_zone(licence, tenant, outline.merged)
        self.offer = next((f.offer for f in (licence.fact, tenant.fact) if f is not None and f.offer is not None), None)
        self.states = tuple(rule_state(licence.rules, rule, detector.State) for rule, detector in outline.rules)


def home_zone(licence: LicenceState, tenant: TenantState, merged: Merged) -> tuple[str, ...]:
    """Home countries in force: those of the licence, else of the tenant, else of the policy."""
    for fact in (licence.fact, tenant.fact):
        if fact is not None and fact.home_countries is not None:
            return fact.home_countries
    return merged.general.home_zone


def rule_state(states: dict[str, Any], rule: str, kind: type[msgspec.Struct]) -> Any:
    """A rule's own state, new when there is none, typed when it has just been read from bytes."""
    state = states.get(rule)
    if state is None:
        state = states[rule] = kind()
    elif not isinstance(state, kind):
        state = states[rule] = msgspec.convert(state, kind)
    return state


def _overrides(detector: Detector[Any, Any], hook: str) -> bool:
    return getattr(type(detector), hook) is not getattr(Detector, hook)
