"""Whether a terminal is of an approved kind, by its User-Agent; each answer is worked out once per customer."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from detectors.coverage import NO_TERMINALS

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Tenant

#: Customers, and User-Agents of each, whose answers are remembered; an entry is about 200 bytes.
CACHE = 10_000
#: Count of the summary: licences that registered while nobody had said which terminals are approved.
NOT_COVERED = "approved_terminals_unknown"

_known: dict[str, tuple[Tenant | None, tuple[str, ...], tuple[str, ...], dict[str, bool]]] = {}


def globs_of(ctx: Context, policy: tuple[str, ...]) -> tuple[str, ...]:
    """The globs in force: those of the provider's policy and those of the customer's account. Empty: nothing is covered."""
    fact = ctx.tenant.fact
    return policy if fact is None else (*policy, *fact.approved_user_agents)


def is_approved(ctx: Context, policy: tuple[str, ...], agent: str) -> bool | None:
    """Whether a User-Agent is approved for the customer; None when nobody said what is, and the licence is counted as not covered.

    Comparing names is 5 µs for a dozen globs, and a phone registers every few minutes under the same name: so the answer is kept
    with the account facts and the policy it was worked out from.
    """
    fact = ctx.tenant.fact
    known = _known.get(ctx.tenant.tenant)
    if known is None or known[0] is not fact or known[1] is not policy:
        if len(_known) >= CACHE:
            _known.clear()
        known = _known[ctx.tenant.tenant] = (fact, policy, globs_of(ctx, policy), {})
    if not known[2]:
        if not ctx.licence.seen & NO_TERMINALS:
            ctx.licence.seen |= NO_TERMINALS
            counts = ctx.partition.counts
            counts[NOT_COVERED] = counts.get(NOT_COVERED, 0) + 1
        return None
    answers = known[3]
    found = answers.get(agent)
    if found is None:
        if len(answers) >= CACHE:
            answers.clear()
        found = answers[agent] = any(fnmatchcase(agent, glob) for glob in known[2])
    return found
