"""Fax mailing: one line sends faxes to many numbers, or a great many pages.

**What it catches.** Faxes from any licence, and every call of a fax licence: 30 different destinations within 60 minutes, or
200 pages to 20 destinations or more within 24 hours. Half of either is a notice. A fax counts when it is attempted: a mailing
runs into many numbers that no machine answers.

**What it cannot see.** Pages are known only where the telephone system reports fax messages; one that reports a fax as a mere
call tells its destination, not its length. A message without a count is one page. Faxes sent as ordinary audio from a
licence that is not declared a fax look like calls (see ``autodial``). What was sent is not known.

**Honest look-alikes.** A wholesaler that faxes its week's offer to a dozen customers, an office that sends one long file to a
court: few destinations, or few pages. A laboratory that faxes results all day reaches many practices, spread over the hours; a
large one is exempted by name. Fax calls inside the house count for nothing.

**How to tune.** ``hour_destinations`` and ``day_pages`` with ``day_destinations`` are the limits of a breach, each with a
``_notice``; all are ours. A fax server on a trunk has the limits of one machine: the article names fax servers, whatever their channels.

**Vectors** (``tests/detectors/rules/test_mass_fax.py``).

* caught: thirty destinations within an hour (``test_30_destinations_within_60_minutes_are_a_breach``)
* caught: 200 pages to 20 destinations in a day (``test_200_pages_to_20_destinations_in_24_hours_are_a_breach``)
* caught: a fax licence whose calls are reported as audio (``test_every_call_of_a_fax_licence_is_a_fax``)
* let go: 400 pages to one court (``test_400_pages_to_one_destination_are_not_caught``)
* let go: an offer faxed to a dozen customers (``test_an_offer_faxed_to_twelve_customers_is_not_caught``)
* let go: a laboratory's results over a whole day (``test_results_faxed_to_ten_practices_an_hour_are_not_caught``)

Thirty destinations, one a minute:

>>> from detectors.events import Call, Dest
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> for n in range(30):
...     at, to = 1_772_434_800_000 + 60_000 * n, Dest(e164=f"+3314000{37 * n:04}", cls="fixed")
...     times = {"started_at": at, "answered_at": at + 9_000, "ended_at": at + 50_000}
...     who = {"pbx": "pbx-1", "tenant": "acme", "licence": "fax", "call_id": f"c{n}", "direction": "outbound"}
...     said += partition.step(Call(phase="cdr", time=at + 50_000, media="fax", dest=to, **who, **times))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "mass-fax"]
[('notice', 15, 15, 'destinations/60min'), ('breach', 30, 30, 'destinations/60min')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import DAY, HOUR, MINUTE
from detectors.errors import PolicyError
from detectors.mailing.facts import MassFacts, Sign, decisive, note_proof
from detectors.mailing.sent import MOST_KEPT, Sent
from detectors.outside import INSIDE, goes_out
from detectors.rule import Detector, Direction, Finding, Params
from detectors.significant import significant
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.events import Message


class MassFaxParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of an hour and of a day; each breach has a notice below it."""

    hour_destinations_notice: int = 15
    hour_destinations: int = 30
    day_pages_notice: int = 100
    day_pages: int = 200
    day_destinations_notice: int = 10
    day_destinations: int = 20

    def __post_init__(self) -> None:
        for name in ("hour_destinations", "day_pages", "day_destinations"):
            if not 0 < getattr(self, f"{name}_notice") <= getattr(self, name) <= MOST_KEPT:
                raise PolicyError(f"policy: [rules.mass-fax] {name}_notice, {name} and {MOST_KEPT} must not decrease in this order")


class MassFaxState(msgspec.Struct, array_like=True):
    """Faxes of the last 24 hours.

    ``proofs``: the latest of them; ``costs``: what the fax calls of each hour since 1970 cost, in thousandths of a cent; ``held``:
    when a sign last held.
    """

    sent: Sent = msgspec.field(default_factory=Sent)
    proofs: list[Mark] = []
    costs: dict[int, int] = {}
    held: int = 0


class MassFax(Detector[MassFaxParams, MassFaxState]):
    """See the module."""

    rule = "mass-fax"
    clause = "9.e"
    title = "Fax mailing"
    unit = "destinations/60min"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "fax": "review", "trunk": "review",
    }  # fmt: skip
    Params = MassFaxParams
    State = MassFaxState
    Facts = MassFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound",), "call_ended": ("outbound",)}

    def call_started(self, ctx: Context, s: MassFaxState, p: MassFaxParams, call: CallState) -> None:
        """Count the destination of a fax call."""
        fact = ctx.licence.fact
        if (call.media == "fax" or (fact is not None and fact.type == "fax")) and goes_out(call):
            mark = Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line)
            self._count(ctx, s, p, mark, 0)

    def call_ended(self, ctx: Context, s: MassFaxState, p: MassFaxParams, call: CallState, sign: int) -> None:
        """Add what a fax call cost to its hour."""
        fact = ctx.licence.fact
        if (call.media == "fax" or (fact is not None and fact.type == "fax")) and call.talk and goes_out(call):
            hour = call.started // HOUR
            s.costs[hour] = s.costs.get(hour, 0) + sign * (call.dest.setup + call.dest.rate * call.talk // MINUTE)
            if len(s.costs) > 25:
                del s.costs[min(s.costs)]

    def message(self, ctx: Context, s: MassFaxState, p: MassFaxParams, event: Message) -> None:
        """Count the destination and the pages of a fax message."""
        dest = event.dest
        if event.media != "fax" or dest is None or dest.cls in INSIDE:
            return
        self._count(ctx, s, p, Mark(event.time, "message", dest.e164, "", "", event.src, event.line), max(1, event.pages or 1))

    def _count(self, ctx: Context, s: MassFaxState, p: MassFaxParams, mark: Mark, pages: int) -> None:
        sent, line = s.sent, significant(mark.number)
        # A number of the customer's own: a fax to a colleague, or one that came in and is told by the licence that received it.
        now = None if line in ctx.tenant.numbers else sent.add(mark.time, line, pages)
        if now is None:
            return
        note_proof(s.proofs, mark)
        while s.proofs[0].time <= now - DAY:
            del s.proofs[0]
        hour, day = sent.since(now - HOUR), sum(sent.pages)
        if hour < p.hour_destinations_notice and day < p.day_pages_notice:
            return
        reach = "breach" if hour >= p.hour_destinations or day >= p.day_pages else "notice"
        if not ctx.wants(self.rule, reach, max(hour, day)) and s.held >= ctx.clock.bounds(ctx.clock.day_of(now))[0]:
            return
        self._judge(ctx, s, p, now, day)

    def _judge(self, ctx: Context, s: MassFaxState, p: MassFaxParams, now: int, pages: int) -> None:
        sent = s.sent
        recent, lines = len(sent.reached(now - HOUR)), len(sent.reached(now - DAY))
        by_hour = (recent >= p.hour_destinations_notice) + (recent >= p.hour_destinations)
        strong = pages >= p.day_pages and lines >= p.day_destinations
        by_day = 2 if strong else int(pages >= p.day_pages_notice and lines >= p.day_destinations_notice)
        signs = (
            Sign("by the hour", self.unit, recent, p.hour_destinations_notice, p.hour_destinations, by_hour, HOUR),
            Sign("by the day", "pages/24h", pages, p.day_pages_notice, p.day_pages, by_day, DAY),
        )
        sign = decisive(signs)
        if not sign.level:
            return
        s.held = ctx.now
        if not ctx.wants(self.rule, sign.said, sign.measured):
            return
        if sign.name == "by the hour":
            said = f"Faxes went to {recent} different destinations within 60 minutes (limit {sign.limit})."
            total = sent.since(now - HOUR)
        else:
            least = p.day_destinations if strong else p.day_destinations_notice
            said = f"{pages} fax pages went to {lines} different destinations in 24 hours (limit {sign.limit} to {least} or more)."
            total = len(sent.times)
        faxes = len(sent.times)
        against = [f"{faxes} faxes to {lines} destinations in 24 hours: some get several"] if faxes >= 2 * lines else []
        if not pages:
            against.append("the telephone system tells no pages: how much was sent is not known")
        proofs = [mark for mark in s.proofs if mark.time > now - sign.window_ms]
        ctx.report(
            Finding(
                rule=self.rule,
                level=sign.said,
                measured=sign.measured,
                limit=sign.limit,
                unit=sign.unit,
                window=sign.window(now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=said,
                facts=MassFacts(signs, sent.by_hour(now), recent if sign.name == "by the hour" else lines, pages=pages),
                against=tuple(against),
                evidence=ctx.evidence(proofs),
                evidence_more=max(0, total - len(proofs)),
                cost=sum(cost for hour, cost in s.costs.items() if hour > (now - sign.window_ms) // HOUR - 1),
            )
        )

    def holds(self, ctx: Context, s: MassFaxState, p: MassFaxParams, day: int) -> bool:
        """Whether a sign held at any time of the day: an hour's count has always gone by its close."""
        return s.held >= ctx.clock.bounds(day)[0]


RULE = MassFax()
