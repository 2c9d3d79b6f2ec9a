"""Which hooks of which rules a licence's events go to, with their state and parameters, worked out once.

Rebuilt when facts or policy change. Without it each event would look up five rules' states and parameters: about 3 µs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from detectors.calls import LOST_HOURS
from detectors.days import HOUR
from detectors.rule import Detector, Direction

if TYPE_CHECKING:
    from detectors.days import DayClock
    from detectors.policy import Merged
    from detectors.registry import Detectors
    from detectors.sight import Phone
    from detectors.state import LicenceState, TenantState

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
#: A hook of a rule: the method, where among a plan's states the rule's own is, and its parameters.
Hook = tuple[Any, int, Any]


class Outline:
    """Hooks by fact for all licences of one type under one policy; ``timers`` and ``holds`` by rule.

    Shared: a copy for each licence was 4 of its 17 KB, and every event would touch memory that no cache holds.
    """

    __slots__ = (
        "answered", "clock", "closed", "desk_agents", "ended", "facts", "holds", "located", "lost_after", "merged", "message",
        "registration", "rules", "scored", "sights", "started", "timers",
    )  # fmt: skip

    def __init__(self, detectors: Detectors, merged: Merged, clock: DayClock, kind: str) -> None:
        self.merged, self.clock = merged, clock
        self.desk_agents = merged.general.desk_phone_agents
        self.lost_after = getattr(merged.rules.get("long-call"), "max_call_hours", LOST_HOURS) * HOUR
        self.rules = [(rule, detector) for rule, detector in detectors.items() if kind in detector.applies]
        self.registration = self._hooks("registration")
        hearing = [(self.rules[i][1], i) for _, i, _ in self.registration if self.rules[i][1].hears_repeats]
        #: Rules with a record for a phone known by sight; None when one of them has none to give, so that no phone is.
        self.sights = hearing if all(_overrides(detector, "sight") for detector, _ in hearing) else None
        self.started = self._by_direction("call_started")
        self.answered = self._by_direction("call_answered")
        self.ended = self._by_direction("call_ended")
        self.message = self._hooks("message")
        self.located = self._hooks("location_changed")
        self.closed = self._hooks("day_closed")
        self.facts = self._hooks("facts_changed")
        self.scored = self._hooks("scored")
        self.timers = {self.rules[i][0]: (hook, i, params) for hook, i, params in self._hooks("timer")}
        self.holds = {rule: (detector.holds, i, merged.rules[rule]) for i, (rule, detector) in enumerate(self.rules)}

    def _hooks(self, name: str) -> list[Hook]:
        return [(getattr(d, name), i, self.merged.rules[rule]) for i, (rule, d) in enumerate(self.rules) if _overrides(d, name)]

    def _by_direction(self, name: str) -> dict[str, list[Hook]]:
        hooks = self._hooks(name)
        return {way: [hook for hook in hooks if way in self.rules[hook[1]][1].hears.get(name, DIRECTIONS)] for way in DIRECTIONS}


class Plan:
    """What the events of one licence go to: the hooks it shares, the states of its rules in their order, its phones known by sight."""

    __slots__ = ("home_zone", "offer", "outline", "phones", "states", "tenant")

    def __init__(self, outline: Outline, licence: LicenceState, tenant: TenantState) -> None:
        self.outline, self.tenant = outline, tenant
        self.home_zone = home_zone(licence, tenant, outline.merged)
        self.offer = next((f.offer for f in (licence.fact, tenant.fact) if f is not None and f.offer is not None), None)
        self.states = tuple(rule_state(licence.rules, rule, detector.State) for rule, detector in outline.rules)
        self.phones: list[Phone] = []

    def look_again(self) -> None:
        """Know no phone by sight: something was forgotten or moved that a registration in full would have put right."""
        for phone in self.phones:
            phone.end = 0
        self.phones.clear()


def drop(licence: LicenceState) -> None:
    """The licence's plan is out of date; it is made anew when it is next needed."""
    if licence.plan is not None:
        licence.plan.look_again()
        licence.plan = None


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
