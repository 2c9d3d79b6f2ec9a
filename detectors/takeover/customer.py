"""What the licences of one customer tell each other: networks it uses, and those from which its accounts are tried one by one.

A tool that tries one password on every name never fails often on any AoR: only together do the failures show. One alert of the
customer counts them all, whatever their number, and takes the place of the alerts of sieges on single licences that it grew from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import DAY, HOUR
from detectors.digest import digest64
from detectors.outputs import Window
from detectors.plan import rule_state
from detectors.rule import Finding
from detectors.state import Mark
from detectors.takeover.facts import Network, TakeoverFacts, instant
from detectors.takeover.memory import NEVER, TakeoverParams

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Registration

RULE_ID = "account-takeover"
#: Networks of a customer in 30 days, 12 bytes each; a staff of 1,000 on telephones was seen on 3,000 (simulated).
MOST_NETWORKS = 8_192
#: Networks that try the customer's accounts, and accounts remembered of each: above twice any limit that a policy may set.
MOST_KNOCKS, MOST_ACCOUNTS = 32, 256
#: Licences with a break-in, whose own alerts an alert of the customer leaves alone.
MOST_ENTERED = 256
#: Accounts that the customer's alert names.
SHOWN = 50
#: Without a failure for this long the siege is over.
QUIET = DAY


class Knock(msgspec.Struct, array_like=True):
    """Failures from one network: how many, on which accounts (the last on each), and whether they are a siege."""

    first: int
    last: int = 0
    count: int = 0
    accounts: dict[str, int] = {}
    country: str = ""
    agent: str = ""
    siege: bool = False
    src: str = ""
    line: int = 0

    def mark(self, network: str) -> Mark:
        """The last failure as evidence."""
        return Mark(self.last, "registration", "", self.country, network, self.src, self.line)


class TakeoverTenant(msgspec.Struct, array_like=True):
    """State of a customer.

    ``networks``: digest of each that a registration succeeded from, to the last day; ``knocks``: networks that only fail;
    ``failures``: of all sieges since ``since``; ``entered``: licences with an alert of their own that says more than a siege;
    ``due``: when it is looked whether the siege is over.
    """

    networks: dict[int, int] = {}
    knocks: dict[str, Knock] = {}
    failures: int = 0
    since: int = 0
    last: int = 0
    entered: dict[str, int] = {}
    due: int = 0


def shared(ctx: Context) -> TakeoverTenant:
    """The customer's state, new when there is none."""
    state: TakeoverTenant = rule_state(ctx.tenant.rules, RULE_ID, TakeoverTenant)
    return state


def welcome(ctx: Context, network: str, day: int) -> None:
    """Note a network from which a registration of the customer succeeded."""
    networks, key = shared(ctx).networks, digest64(network)
    if day > networks.get(key, NEVER):
        networks[key] = day
        if len(networks) > MOST_NETWORKS:
            # A quarter at once: looking for the oldest one at each new network would cost half a millisecond.
            for old in sorted(networks, key=lambda one: (networks[one], one))[: MOST_NETWORKS // 4]:
                del networks[old]


def entered(ctx: Context) -> None:
    """Note that the licence's own alert says more than a siege does."""
    names = shared(ctx).entered
    names[ctx.licence.licence] = ctx.now
    if len(names) > MOST_ENTERED:
        del names[min(names, key=lambda name: (names[name], name))]


def knocked(ctx: Context, p: TakeoverParams, event: Registration, network: str, scanner: bool) -> bool:
    """Count a failure of a stranger on one of the customer's accounts; returns whether the customer's alert speaks for it."""
    state, at = shared(ctx), event.time
    if not scanner and (not network or ctx.today - state.networks.get(digest64(network), NEVER) <= p.known_days):
        # A siege does not end because one of its attempts succeeded.
        going_on = state.knocks.get(network)
        if going_on is None or not going_on.siege or at - going_on.last > QUIET:
            return False
    knock = _count(state, p, event, network, ctx.licence.licence)
    if scanner:
        knock.agent = str(event.user_agent)[:64]
    before = 0 if knock.siege else knock.count - event.count
    if not knock.siege and not scanner and _tried(knock, at - p.spray_hours * HOUR) < p.spray_accounts:
        return False
    if RULE_ID not in ctx.tenant.alerts and at - state.last > QUIET:
        state.failures, state.since = 0, knock.first
    knock.siege = True
    state.failures += before + event.count
    state.last = max(state.last, at)
    if ctx.tenant_wants(RULE_ID, "notice", state.failures):
        ctx.report(_finding(ctx, state, p))
    if state.due <= ctx.now:
        state.due = ctx.now + QUIET
        ctx.wake(RULE_ID, state.due)
    return True


def look(ctx: Context, at: int) -> None:
    """Close the customer's alert when its siege is over, else look again later."""
    state = shared(ctx)
    if state.last + QUIET > at:
        state.due = state.last + QUIET
        ctx.wake(RULE_ID, state.due)
        return
    state.due, state.failures = 0, 0
    state.knocks = {name: knock for name, knock in state.knocks.items() if knock.last + QUIET > at}
    state.entered = {name: since for name, since in state.entered.items() if since > at - 30 * DAY}
    ctx.close(RULE_ID, "no failure for 24 hours", tenant_wide=True)


def _count(state: TakeoverTenant, p: TakeoverParams, event: Registration, network: str, account: str) -> Knock:
    at = event.time
    knock = state.knocks.get(network)
    if knock is None or at - knock.last > max(p.spray_hours * HOUR, QUIET):
        knock = state.knocks[network] = Knock(at)
        if len(state.knocks) > MOST_KNOCKS:
            others = (name for name in state.knocks if name != network)
            del state.knocks[min(others, key=lambda name: (state.knocks[name].siege, state.knocks[name].last, name))]
    knock.count += event.count
    knock.last = max(knock.last, at)
    knock.accounts[account] = at
    if len(knock.accounts) > MOST_ACCOUNTS:
        del knock.accounts[min(knock.accounts, key=lambda name: (knock.accounts[name], name))]
    if event.loc is not None:
        knock.country = event.loc.country
    knock.src, knock.line = event.src, event.line
    return knock


def _tried(knock: Knock, after: int) -> int:
    return sum(1 for at in knock.accounts.values() if at > after)


def _finding(ctx: Context, state: TakeoverTenant, p: TakeoverParams) -> Finding:
    knocks = {name: knock for name, knock in sorted(state.knocks.items()) if knock.siege and knock.last > ctx.now - QUIET}
    last: dict[str, int] = {}
    for knock in knocks.values():
        for name, at in knock.accounts.items():
            last[name] = max(at, last.get(name, 0))
    accounts = sorted(last, key=lambda name: (-last[name], name))
    agents = tuple(sorted({knock.agent for knock in knocks.values() if knock.agent}))
    several = len(accounts) >= p.spray_accounts
    latest = sorted(knocks, key=lambda name: (-knocks[name].last, name))[:SHOWN]
    return Finding(
        rule=RULE_ID,
        level="notice",
        measured=state.failures,
        limit=p.spray_accounts if several else 1,
        unit="failures",
        window=Window(state.since, ctx.now),
        crossed_at=ctx.now,
        issued_at=ctx.now,
        summary=_summary(state.failures, accounts, knocks, agents, p),
        facts=TakeoverFacts(
            stage="siege",
            failures=state.failures,
            sources=len(knocks),
            networks=tuple(Network(name, knocks[name].country, knocks[name].count, instant(knocks[name].last)) for name in latest),
            accounts=tuple(accounts[:SHOWN]),
            scanners=agents,
        ),
        against=_against(agents, several),
        evidence=ctx.evidence([knocks[name].mark(name) for name in reversed(latest)]),
        evidence_more=max(0, state.failures - len(latest)),
        tenant_wide=True,
        involved=tuple(sorted(name for name in accounts[:SHOWN] if name not in state.entered)),
        replaces=True,
    )


def _summary(failures: int, accounts: list[str], knocks: dict[str, Knock], agents: tuple[str, ...], p: TakeoverParams) -> str:
    more = "or more " if any(len(knock.accounts) >= MOST_ACCOUNTS for knock in knocks.values()) else ""
    tools = f" by a tool that calls itself {agents[0]}" if agents else " that the customer does not use"
    where = f"{len(knocks)} network{'s' * (len(knocks) > 1)}{tools}"
    said = f"Registrations of {len(accounts)} {more}account{'s' * (len(accounts) > 1)} failed {failures} times, from {where}"
    return f"{said} (a siege from {p.spray_accounts} accounts on)."


def _against(agents: tuple[str, ...], several: bool) -> tuple[str, ...]:
    said = ["the customer is the target of failed registrations, not their cause"]
    if several and not agents:
        said.append("an office that moved, with telephones whose passwords were not changed yet, fails like this from its new network")
    if agents:
        said.append("the name of a tool is easily put on, and a provider's own security test uses it too")
    return tuple(said)
