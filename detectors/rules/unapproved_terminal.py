"""A terminal that the provider has not approved is registered on a line.

**What it catches.** A registration whose User-Agent matches none of the globs approved for the customer: those of the provider's
policy (``approved_user_agents``) and those of the customer's account, together. The first sight is a notice; seen on three days
of fourteen it is a breach. All such terminals of one licence are one alert, which names them.

**What it cannot see.** A User-Agent is what the terminal says of itself: anybody can write another, so this never acts by
itself. A terminal that gives no name is not judged. **Without any glob, in the policy or in the account, nothing is covered**, and nothing
is raised: the summary counts such licences (``approved_terminals_unknown``). Calls without a registration show no terminal.

**Honest look-alikes.** A phone whose firmware renames itself after an update, the softphone of a new supplier: complete the list, and
the alert closes. A test of one afternoon stays a notice.

**How to tune.** List product families, not versions (``"Yealink *"``). ``breach_days`` within ``window_days`` are ours.

**Vectors** (``tests/detectors/rules/test_unapproved_terminal.py``).

* caught: the first sight of a strange terminal (``test_the_first_sight_of_a_strange_terminal_is_a_notice``)
* caught: the same on three days of fourteen (``test_a_strange_terminal_on_three_days_of_fourteen_is_a_breach``)
* let go: terminals on the customer's list or the provider's (``test_terminals_on_either_list_are_not_caught``)
* let go: a customer for whom nobody listed terminals (``test_without_any_list_nothing_is_judged``)
* let go: attempts that were refused (``test_a_registration_that_failed_is_not_caught``)

A gateway on a line whose customer has desk phones of one maker:

>>> from detectors.events import Registration, Tenant
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, at = Partition(1), 1_772_434_800_000
>>> said = partition.step(Tenant(time=at - 1, tenant="acme", approved_user_agents=("Yealink *",)))
>>> for day in range(3):
...     who = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "user_agent": "GoIP-8"}
...     said += partition.step(Registration(action="register", time=at + 86_400_000 * day, **who))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "unapproved-terminal"]
[('notice', 1, 1, 'days/14d'), ('notice', 2, 1, 'days/14d'), ('breach', 3, 3, 'days/14d')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import iso
from detectors.errors import PolicyError
from detectors.outputs import Level, Window
from detectors.rule import Detector, Finding, Params
from detectors.state import Mark
from detectors.terminals.approved import is_approved

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Registration

#: Strange terminals remembered by name: one that makes up a name each time would fill the state, so further ones share a name.
MOST_AGENTS, OTHERS = 8, "others"


class UnapprovedTerminalParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which terminals are approved for all customers, and for how long a strange one is tolerated."""

    restrictions: tuple[str, ...] = ()
    approved_user_agents: tuple[str, ...] = ()
    breach_days: int = 3
    window_days: int = 14

    def __post_init__(self) -> None:
        if not 1 <= self.breach_days <= self.window_days <= 90:
            raise PolicyError("policy: [rules.unapproved-terminal] breach_days, window_days and 90 must not decrease in this order")


class UnapprovedTerminalState(msgspec.Struct, array_like=True):
    """``agents``: days on which each strange terminal was seen; ``proofs``: the first sight of each such day."""

    agents: dict[str, list[int]] = {}
    proofs: dict[int, Mark] = {}


class StrangeTerminal(msgspec.Struct, frozen=True):
    """A terminal that is not approved, and the days within the window on which it was registered."""

    user_agent: str
    days: tuple[str, ...]


class UnapprovedTerminalFacts(msgspec.Struct, frozen=True):
    """What the screen plots."""

    terminals: tuple[StrangeTerminal, ...]
    """Strange terminals by name, at most eight and ``others``."""
    breach_days: int
    """Days that make a breach."""


class UnapprovedTerminal(Detector[UnapprovedTerminalParams, UnapprovedTerminalState]):
    """See the module."""

    rule = "unapproved-terminal"
    clause = "4.a, 4.d"
    title = "Terminal that is not approved"
    unit = "days/14d"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "fax": "review", "trunk": "review",
    }  # fmt: skip
    Params = UnapprovedTerminalParams
    State = UnapprovedTerminalState
    Facts = UnapprovedTerminalFacts
    hears_repeats = False

    def registration(self, ctx: Context, s: UnapprovedTerminalState, p: UnapprovedTerminalParams, event: Registration) -> None:
        """Note a successful registration of a terminal that is not approved, on its day."""
        agent = event.user_agent
        if not agent or is_approved(ctx, p.approved_user_agents, agent) is not False or event.action not in ("register", "refresh"):
            return
        if len(s.agents) >= MOST_AGENTS and agent not in s.agents:
            agent = OTHERS
        days = s.agents.setdefault(agent, [])
        # A record of folded refreshes stands for two: at its time and at ``until``.
        last = event.until if event.until is not None and event.count > 1 else event.time
        new = [day for day in sorted({ctx.clock.day_of(event.time), ctx.clock.day_of(last)}) if day not in days]
        if not new:
            return
        days.extend(new)
        days.sort()
        for day in new:
            s.proofs.setdefault(day, Mark(event.time, "registration", "", *_place(event), event.src, event.line))
        _forget(s, max(max(known) for known in s.agents.values()) - p.window_days)
        self._judge(ctx, s, p)

    def _judge(self, ctx: Context, s: UnapprovedTerminalState, p: UnapprovedTerminalParams) -> None:
        seen = _days(s)
        level: Level = "breach" if len(seen) >= p.breach_days else "notice"
        if not seen or not ctx.wants(self.rule, level, len(seen)):
            return
        names = sorted(s.agents, key=lambda agent: (-s.agents[agent][-1], agent))
        many = f" and {len(names) - 1} more" if len(names) > 1 else ""
        days = f"{len(seen)} day{'s' if len(seen) > 1 else ''}"
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=len(seen),
                limit=p.breach_days if level == "breach" else 1,
                unit=self.unit,
                window=Window(ctx.clock.bounds(seen[0])[0], ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"A terminal that is not approved ({names[0][:80]}{many}) was registered on {days} of the last {p.window_days}; "
                f"a breach at {p.breach_days}.",
                facts=UnapprovedTerminalFacts(
                    tuple(StrangeTerminal(agent, tuple(map(iso, s.agents[agent]))) for agent in sorted(s.agents)), p.breach_days
                ),
                against=(
                    "a terminal names itself: an update may rename one that is approved",
                    "the list of approved terminals may be out of date",
                ),
                evidence=ctx.evidence([s.proofs[day] for day in seen if day in s.proofs]),
                automatic=False,
                not_automatic=("a User-Agent is easily forged",),
            )
        )

    def facts_changed(self, ctx: Context, s: UnapprovedTerminalState, p: UnapprovedTerminalParams) -> None:
        """Terminals that were put on the list meanwhile are strange no more; without a list nobody is."""
        if not s.agents:
            return
        # The names behind ``others`` are not known any more: their days count until they have passed.
        for agent in [known for known in s.agents if known != OTHERS and is_approved(ctx, p.approved_user_agents, known) is not False]:
            del s.agents[agent]
        if not s.agents:
            s.proofs = {}
            ctx.close(self.rule, "every terminal seen is approved now")

    def holds(self, ctx: Context, s: UnapprovedTerminalState, p: UnapprovedTerminalParams, day: int) -> bool:
        """Whether a strange terminal was seen within the window."""
        _forget(s, day - p.window_days)
        return bool(s.agents)


def _days(s: UnapprovedTerminalState) -> list[int]:
    """Days on which any strange terminal was seen, oldest first."""
    return sorted({day for days in s.agents.values() for day in days})


def _forget(s: UnapprovedTerminalState, before: int) -> None:
    """Drop the days up to ``before``, and terminals without any."""
    s.agents = {agent: kept for agent, days in s.agents.items() if (kept := [day for day in days if day > before])}
    s.proofs = {day: mark for day, mark in s.proofs.items() if day > before}


def _place(event: Registration) -> tuple[str, str]:
    return (event.loc.country, event.loc.network) if event.loc is not None else ("", "")


RULE = UnapprovedTerminal()
