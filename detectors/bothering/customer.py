"""Attempts of all licences of one customer on one number: a notice for the customer, when two or more of them add up to a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.bothering.attempts import WEEK, Pair, is_public, reached, regular
from detectors.bothering.book import Book, standing
from detectors.bothering.telling import NAMED, RULE_ID, finding
from detectors.plan import rule_state

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.rules.harassment import HarassmentParams

#: Numbers that a whole customer is known to have bothered more than once in a week (25 KB): as many again, twice, once each.
CAPACITY = 256


class HarassmentTenant(msgspec.Struct, array_like=True):
    """``book``: as of a licence; ``who``: the licences that bothered each number in it, with the start of their latest attempt."""

    book: Book = msgspec.field(default_factory=Book)
    who: dict[int, dict[str, int]] = {}


def shared(ctx: Context) -> HarassmentTenant:
    """The customer's state, new when there is none."""
    state: HarassmentTenant = rule_state(ctx.tenant.rules, RULE_ID, HarassmentTenant)
    return state


def known(ctx: Context) -> HarassmentTenant | None:
    """The customer's state, if it has any."""
    state = ctx.tenant.rules.get(RULE_ID)
    return state if state is None or type(state) is HarassmentTenant else shared(ctx)


def add_call(ctx: Context, key: int, call: CallState, sign: int) -> HarassmentTenant | None:
    """Count a call to a number that the customer has bothered more than once.

    Returns:
        The customer's state, if it has any.
    """
    state = known(ctx)
    if state is not None and key in state.book.pairs:
        pair = state.book.pairs[key]
        pair.add_call(ctx.clock.day_of(call.started), call, sign, bothers=False)
        pair.last = max(pair.last, call.started)
        if sign < 0:
            state.book.take_back(key, call.started)
    return state


def bothered(ctx: Context, p: HarassmentParams, key: int, call: CallState, one: int) -> Pair | None:
    """Add a licence's bothering attempt to the customer's; the number's pair from its second on."""
    state = shared(ctx)
    pair = state.book.bothered(ctx, key, call.dest.e164, one, 2 * (p.week_attempts + 1), CAPACITY)
    who = state.who.setdefault(key, {})
    who[ctx.licence.licence] = call.started
    if len(who) > NAMED:
        del who[min(who, key=lambda name: (who[name], name))]
    if len(state.who) > 3 * CAPACITY + CAPACITY // 8:
        state.who = {k: names for k, names in state.who.items() if state.book.knows(k)}
    if pair is not None:
        pair.add_call(ctx.clock.day_of(call.started), call, 1, bothers=True)
        pair.last = max(pair.last, call.started)
    return pair


def judge(ctx: Context, p: HarassmentParams, key: int, pair: Pair) -> bool:
    """Judge what the licences add up to: whether it is over a limit."""
    state = shared(ctx)
    book, at = state.book, pair.hits[-1] >> 1
    names = tuple(sorted(name for name, latest in state.who.get(key, {}).items() if latest > at - WEEK))
    if len(names) < 2 or book.at_peace(key, at):
        return False
    found = reached(ctx, pair, at, p, 1)
    if found is None or regular(pair, p) == 2 or is_public(ctx, pair.number):
        return False
    book.told[key] = (at, ctx.now, 1)
    if ctx.tenant_wants(RULE_ID, "notice", found.measured):
        others = len(standing(book.told, book.pairs)) - 1
        found = msgspec.structs.replace(found, level="notice")
        ctx.report(finding(ctx, p, pair, found, ctx.now, others, names))
    return True


def called_back(ctx: Context, state: HarassmentTenant, key: int, at: int, why: str) -> None:
    """A number that the customer bothered calls one of its licences: the notice is withdrawn unless it stands for other numbers."""
    book = state.book
    book.make_peace(key, at, CAPACITY)
    if book.told.pop(key, None) is not None and not standing(book.told, book.pairs):
        ctx.withdraw(RULE_ID, why, tenant_wide=True)


def forget(ctx: Context) -> None:
    """Drop what is older than a week, and close the notice that nothing holds up any more."""
    state = known(ctx)
    if state is None:
        return
    state.book.forget(ctx.now)
    state.who = {key: names for key, names in state.who.items() if state.book.knows(key)}
    if not state.book.told:
        ctx.close(RULE_ID, "no number was bothered over a limit in the last 7 days", tenant_wide=True)
