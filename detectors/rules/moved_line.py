"""A desk phone, a fax or a trunk works from another place than the site it was delivered to.

**What it catches.** A line whose registrations of a whole day came only from outside the networks of its site, on three closed
days of fourteen. One registration from inside makes the day a day at the site. When half of the lines of a site (two at least) show it
together, no line was carried off: the customer gets one notice, *site networks out of date*, in place of an alert for each.

**What it cannot see.** Only what the account says: **without networks for the site nothing is covered**, and nothing is raised: the
summary counts such lines (``site_networks_unknown``). A line whose account names no site may stand at any of the customer's.
Softphones may go anywhere and are not judged. A phone behind a tunnel into the site looks as if it stood there. Addresses that
a border controller hides are those of the controller.

**Honest look-alikes.** An access line that fails over to a mobile router looks like a move until the networks of the back-up
are listed too. A new provider changes the address of everything: that is the notice for the customer. Two days of work on the line are no
breach.

**How to tune.** Correct the networks in the account: what was seen before is forgotten then, and alerts close. ``breach_days``
within ``window_days``, and ``site_percent``, are ours.

**Vectors** (``tests/detectors/rules/test_moved_line.py``).

* caught: a desk phone elsewhere on three days (``test_three_closed_days_only_from_outside_the_site_are_a_breach``)
* caught: half of a site at once is one notice (``test_half_of_a_site_together_is_one_notice_for_the_customer``)
* let go: two days outside (``test_two_days_outside_are_not_caught``)
* let go: days on which the phone also registered at its site (``test_one_registration_inside_makes_it_a_day_at_the_site``)
* let go: softphones anywhere (``test_softphones_may_go_anywhere``)
* let go: a customer without networks (``test_without_site_networks_nothing_is_judged``)

A desk phone that was taken home for three days:

>>> from detectors.events import Licence, Registration, Site, Tenant
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, at = Partition(1), 1_772_434_800_000
>>> said = partition.step(Tenant(time=at - 2, tenant="acme", sites=(Site("paris", ("192.0.2.0/24",)),)))
>>> said += partition.step(Licence(time=at - 1, tenant="acme", licence="201", type="desk_phone", site="paris"))
>>> for day in range(3):
...     who = {"pbx": "pbx-1", "tenant": "acme", "licence": "201", "source_ip": "198.51.100.7"}
...     said += partition.step(Registration(action="register", time=at + 86_400_000 * day, **who))
>>> said += partition.finish(at + 86_400_000 * 4)
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "moved-line"]
[('breach', 3, 3, 'days/14d')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import SECOND, iso
from detectors.digest import digest64
from detectors.errors import PolicyError
from detectors.outputs import Window
from detectors.rule import Detector, Finding, Params
from detectors.state import Mark
from detectors.terminals.customer import (
    MovedLineFacts,
    MovedLineTenant,
    OutsideDay,
    forget_line,
    judge,
    moved_sites,
    tell,
)
from detectors.terminals.sites import networks_of, on_site, site_of

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.events import Registration

#: Bits of an open day.
INSIDE, OUTSIDE = 1, 2
#: How long after its days' close a customer is judged.
AFTER_CLOSE = SECOND
#: Networks of the site that the facts show.
MOST_NETWORKS = 20


class MovedLineParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days outside that are a breach, and the share of a site that has moved together."""

    restrictions: tuple[str, ...] = ()
    breach_days: int = 3
    window_days: int = 14
    site_percent: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.breach_days <= self.window_days <= 90:
            raise PolicyError("policy: [rules.moved-line] breach_days, window_days and 90 must not decrease in this order")
        if not 1 <= self.site_percent <= 100:
            raise PolicyError("policy: [rules.moved-line] site_percent must lie between 1 and 100")


class MovedLineState(msgspec.Struct, array_like=True):
    """Where the line registered.

    ``open``: bits of days not yet closed; ``days``: closed days only from outside, oldest first; ``proofs``: the first outside
    registration of each; ``networks``: digest of the networks that they were judged by.
    """

    open: dict[int, int] = {}
    days: list[int] = []
    proofs: dict[int, Mark] = {}
    networks: int = 0


class MovedLine(Detector[MovedLineParams, MovedLineState]):
    """See the module."""

    rule = "moved-line"
    clause = "10.b"
    title = "Line moved to another site"
    unit = "days/14d"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"desk_phone": "review", "fax": "review", "trunk": "review"}
    Params = MovedLineParams
    State = MovedLineState
    TenantState = MovedLineTenant
    Facts = MovedLineFacts
    needs = ("location",)
    hears_repeats = False

    def registration(self, ctx: Context, s: MovedLineState, p: MovedLineParams, event: Registration) -> None:
        """Note on its day whether a successful registration came from the line's site."""
        address = event.source_ip
        if address is None or event.action not in ("register", "refresh"):
            return
        inside = on_site(ctx, address)
        if inside is None:
            return
        bit, day = INSIDE if inside else OUTSIDE, ctx.clock.day_of(event.time)
        if not s.open.get(day, 0) & bit:
            self._note(ctx, s, p, event, day, bit)
        if event.until is not None and event.count > 1:
            last = ctx.clock.day_of(event.until)
            if not s.open.get(last, 0) & bit:
                self._note(ctx, s, p, event, last, bit)

    def _note(self, ctx: Context, s: MovedLineState, p: MovedLineParams, event: Registration, day: int, bit: int) -> None:
        if day <= ctx.licence.closed:
            # Late evidence: it may only speak for the line, whose day was judged without it.
            if bit == INSIDE and day in s.days:
                s.days.remove(day)
                tell(ctx, site_of(ctx) or "", day, self._since(s, p), None)
                if len(s.days) < p.breach_days:
                    ctx.withdraw(self.rule, f"a registration from the site on {iso(day)} came late")
            return
        s.open[day] = s.open.get(day, 0) | bit
        if bit == OUTSIDE:
            s.networks = s.networks or _networks(ctx)
            place = (event.loc.country, event.loc.network) if event.loc is not None else ("", "")
            s.proofs.setdefault(day, Mark(event.time, "registration", "", *place, event.src, event.line))

    def day_closed(self, ctx: Context, s: MovedLineState, p: MovedLineParams, day: int) -> None:
        """Close the days up to ``day`` and see that the line, and its site, are judged a second later."""
        if not s.open:
            return
        closing = sorted(one for one in s.open if one <= day)
        if not closing:
            return
        for one in closing:
            if s.open.pop(one) == OUTSIDE:
                s.days.append(one)
        _forget(s, closing[-1] - p.window_days)
        since = self._since(s, p)
        tell(ctx, site_of(ctx) or "", closing[-1], since, s.proofs.get(s.days[-1]) if s.days else None)
        if since >= 0 or self.rule in ctx.tenant.alerts:
            # The lines of a customer close their day at one instant: they are judged once all have said what they saw.
            ctx.wake(self.rule, ctx.now + AFTER_CLOSE)

    def timer(self, ctx: Context, s: MovedLineState, p: MovedLineParams, at: int) -> None:
        """Judge the site, then the line if its site has not moved with it."""
        together = judge(ctx, p, at)
        site = site_of(ctx) or ""
        if self._since(s, p) < 0 or site in together or not ctx.wants(self.rule, "breach", len(s.days)):
            return
        end = ctx.clock.bounds(s.days[-1])[1]
        marks = [(one, s.proofs[one]) for one in s.days if one in s.proofs]
        fact = ctx.tenant.fact
        networks = networks_of(fact, site_of(ctx)) if fact is not None else ()
        ctx.report(
            Finding(
                rule=self.rule,
                level="breach",
                measured=len(s.days),
                limit=p.breach_days,
                unit=self.unit,
                window=Window(ctx.clock.bounds(s.days[0])[0], end),
                crossed_at=end,
                issued_at=at,
                summary=f"The line registered only from outside the networks of {f'its site {site}' if site else 'every site'} on "
                f"{len(s.days)} of the last {p.window_days} days (limit {p.breach_days}).",
                facts=MovedLineFacts(
                    site=site,
                    networks=networks[:MOST_NETWORKS],
                    days=tuple(OutsideDay(iso(one), mark.country, mark.network) for one, mark in marks),
                ),
                against=(
                    "a fail-over to another access line looks like this until its networks are listed",
                    "the networks of the site may be out of date",
                ),
                evidence=ctx.evidence([mark for _, mark in marks]),
            )
        )

    def facts_changed(self, ctx: Context, s: MovedLineState, p: MovedLineParams) -> None:
        """Days judged by networks that were corrected since say nothing: the line begins anew."""
        if not s.networks or s.networks == _networks(ctx):
            return
        s.open, s.days, s.proofs, s.networks = {}, [], {}, 0
        forget_line(ctx)
        ctx.close(self.rule, "the networks of the site were changed")
        if self.rule in ctx.tenant.alerts and not moved_sites(ctx, p, ctx.licence.closed):
            ctx.close(self.rule, "the networks of the site were changed", tenant_wide=True)

    def holds(self, ctx: Context, s: MovedLineState, p: MovedLineParams, day: int) -> bool:
        """Whether the window still holds enough days outside."""
        _forget(s, day - p.window_days)
        return len(s.days) >= p.breach_days

    @staticmethod
    def _since(s: MovedLineState, p: MovedLineParams) -> int:
        """The oldest of the latest days outside that make a breach, -1 when there are not enough."""
        return s.days[-p.breach_days] if len(s.days) >= p.breach_days else -1


def _forget(s: MovedLineState, before: int) -> None:
    """Drop the days up to ``before``, and the proofs of days that did not stay outside."""
    s.days = sorted({day for day in s.days if day > before})
    s.proofs = {day: mark for day, mark in s.proofs.items() if day in s.days or day in s.open}
    if not s.proofs:
        s.networks = 0


def _networks(ctx: Context) -> int:
    fact = ctx.tenant.fact
    networks = networks_of(fact, site_of(ctx)) if fact is not None else ()
    return digest64("\n".join((site_of(ctx) or "", *networks)))


RULE = MovedLine()
