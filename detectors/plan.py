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

#: The lists of a plan and the hook of a detector that each holds.
HOOKS = {
    "registration": "registration", "started": "call_started", "answered": "call_answered", "ended": "call_ended",
    "message": "message", "located": "location_changed", "closed": "day_closed", "facts": "facts_changed",
}  # fmt: skip


class Outline:
    """Which rules judge a type of licence, and which of them listen to what: the same for all its licences."""

    __slots__ = ("hooks", "rules", "timers")

    def __init__(self, detectors: Detectors, kind: str) -> None:
        self.rules = [(rule, detector) for rule, detector in detectors.items() if kind in detector.applies]
        self.hooks = [
            (into, [(i, getattr(d, hook)) for i, (_, d) in enumerate(self.rules) if _overrides(d, hook)]) for into, hook in HOOKS.items()
        ]
        self.timers = [i for i, (_, d) in enumerate(self.rules) if _overrides(d, "timer")]


class Plan:
    """Hooks by fact, as (method, state, parameters); ``timers`` and ``holds`` by rule; what else is fixed until facts change."""

    __slots__ = (
        "answered", "clock", "closed", "desk_agents", "ended", "facts", "holds", "home_zone", "located", "merged", "message",
        "registration", "started", "tenant", "timers",
    )  # fmt: skip

    registration: list[Bound]
    started: list[Bound]
    answered: list[Bound]
    ended: list[Bound]
    message: list[Bound]
    located: list[Bound]
    closed: list[Bound]
    facts: list[Bound]

    def __init__(self, outline: Outline, licence: LicenceState, tenant: TenantState, merged: Merged, clock: DayClock) -> None:
        self.tenant, self.merged, self.clock = tenant, merged, clock
        self.desk_agents = merged.general.desk_phone_agents
        self.home_zone = home_zone(licence, tenant, merged)
        states = [rule_state(licence.rules, rule, detector.State) for rule, detector in outline.rules]
        params = [merged.rules[rule] for rule, _ in outline.rules]
        for into, hooks in outline.hooks:
            setattr(self, into, [(hook, states[i], params[i]) for i, hook in hooks])
        self.timers: dict[str, Bound] = {outline.rules[i][0]: (outline.rules[i][1].timer, states[i], params[i]) for i in outline.timers}
        self.holds: dict[str, Bound] = {rule: (d.holds, states[i], params[i]) for i, (rule, d) in enumerate(outline.rules)}


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
