"""Short missed calls that one foreign range leaves on many licences of a customer: the bait of ``wangiri``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.digest import digest64
from detectors.plan import rule_state
from detectors.ranges import range_of
from detectors.tolls.history import at_home, known

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

RULE_ID = "wangiri"
#: Ranges and licences per range remembered of one customer: at most 64 x 32 entries of 25 bytes, and a wave has one range or two.
MOST_RANGES, MOST_VICTIMS = 64, 32


class Origin(msgspec.Struct, frozen=True):
    """A range that rang: on how many ``licences``, in how many ``calls``, and how many times it was called back."""

    range: str
    licences: int
    calls: int
    called_back: int


class WangiriTenant(msgspec.Struct, array_like=True):
    """State of a customer: by range and licence the latest short missed call as [time, digest of the call]; ``backs``: calls back."""

    missed: dict[str, dict[str, list[int]]] = {}
    backs: dict[str, int] = {}


def missed(ctx: Context, call: CallState, sign: int, window: int) -> None:
    """Note a short missed call from abroad on the licence; ``sign`` -1 takes it back.

    A caller that shows no number of a foreign country is ignored.
    """
    caller = call.caller
    number = "+" + caller[2:] if caller.startswith("00") else caller
    if not number[1:].isdecimal() or at_home(ctx, number):
        return
    state: WangiriTenant = rule_state(ctx.tenant.rules, RULE_ID, WangiriTenant)
    name, licence = range_of(number), ctx.licence.licence
    if sign < 0:
        state.missed.get(name, {}).pop(licence, None)
        return
    _forget(state, ctx.now - window)
    victims = state.missed.setdefault(name, {})
    victims[licence] = [call.started, digest64(call.key)]
    if len(victims) > MOST_VICTIMS:
        del victims[min(victims, key=lambda one: (victims[one][0], one))]
    if len(state.missed) > MOST_RANGES:
        least = min(state.missed, key=lambda one: (len(state.missed[one]), max(last for last, _ in state.missed[one].values()), one))
        _drop(state, least)


def called_back(ctx: Context, e164: str, victims: int, window: int) -> Origin | None:
    """Count a call to a number whose range rang enough licences; a range the customer calls anyway is a partner's."""
    state: WangiriTenant = rule_state(ctx.tenant.rules, RULE_ID, WangiriTenant)
    if not state.missed:
        return None
    name = range_of(e164)
    if name not in state.missed or known(ctx, e164):
        return None
    _forget(state, ctx.now - window)
    if not _rang(state, name, victims):
        return None
    state.backs[name] = state.backs.get(name, 0) + 1
    return _origin(state, name)


def origins(ctx: Context, victims: int, window: int) -> list[Origin]:
    """Ranges that rang enough licences, most of them first."""
    state: WangiriTenant = rule_state(ctx.tenant.rules, RULE_ID, WangiriTenant)
    _forget(state, ctx.now - window)
    found = [_origin(state, name) for name in sorted(state.missed) if _rang(state, name, victims)]
    return sorted(found, key=lambda one: (-one.licences, one.range))


def stands_until(ctx: Context, victims: int, window: int) -> int | None:
    """When the last of the ranges that were called back will have rung too few licences; None when there is none now."""
    state: WangiriTenant = rule_state(ctx.tenant.rules, RULE_ID, WangiriTenant)
    _forget(state, ctx.now - window)
    ends = []
    for name in state.backs:
        if _rang(state, name, victims):
            times = sorted(last for last, _ in state.missed[name].values())
            ends.append(times[-victims] + window)
    return max(ends, default=None)


def _rang(state: WangiriTenant, name: str, victims: int) -> bool:
    """Whether a range has enough victims; a call that rang a whole group is one, however many phones it left a trace on."""
    found = state.missed.get(name, {})
    return len(found) >= victims and len({call for _, call in found.values()}) >= victims


def _origin(state: WangiriTenant, name: str) -> Origin:
    found = state.missed[name]
    return Origin(name, len(found), len({call for _, call in found.values()}), state.backs.get(name, 0))


def _forget(state: WangiriTenant, after: int) -> None:
    for name in list(state.missed):
        victims = {licence: last for licence, last in state.missed[name].items() if last[0] > after}
        if victims:
            state.missed[name] = victims
        else:
            _drop(state, name)


def _drop(state: WangiriTenant, name: str) -> None:
    del state.missed[name]
    state.backs.pop(name, None)
