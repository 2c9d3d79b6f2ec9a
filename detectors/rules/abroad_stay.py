"""Stay abroad: one stay of more than 60 days (contract 5.d, "a sliding period of more than 60 days").

**What it catches.** A softphone used from abroad for two months on end. A stay runs from its first day abroad to its latest, both
included; a day at home ends it, and so do more than 7 silent days. At 46 days there is a notice, at 61 a breach.

**What it cannot see.** A roaming phone leaves through its home operator and looks at home; so does a VPN into France. A PBX that
sends only CDRs tells no addresses: then nothing is covered, and the summary says so.

**Honest look-alikes.** Cross-border workers (a day in Geneva each week makes a stay by its span: a person decides), crews, people on
secondment: give them a dated exemption, whose days do not count. Holidays end at 45 days. Overseas France is home, Monaco says nothing.

**When it acts by itself.** Only when at least half of the stay's days are abroad, five or more of them have calls, two networks or two
databases agree, and the limit is reached without phones that have no id of their own; else a person decides. The first closed day at
home lifts the restriction.

**How to tune.** ``reading = "window"`` counts days abroad within any ``window_days`` instead of a stay. ``silent_days`` is how long a phone
may be off before a stay is over.

**Vectors** (``tests/detectors/rules/test_abroad_stay.py``).

* caught: 60 days are noticed, on the event that makes the 46th an abroad day
  (``test_a_stay_of_60_days_raises_a_notice_on_the_event_of_day_46_and_no_breach``)
* caught: 61 days, when the 61st closes (``test_a_stay_of_61_days_breaches_when_day_61_closes_and_suspends``)
* caught: 7 silent days leave one stay, which breaches on 2 March
  (``test_seven_silent_days_leave_one_stay_that_breaches_on_2_march``)
* caught: 8 silent days begin a new stay, which breaches on 9 April with the total
  (``test_eight_silent_days_begin_a_new_stay_that_breaches_on_9_april_with_the_total``)
* caught: a day in Geneva every 8th day is a stay by its span, and a person decides
  (``test_one_day_in_geneva_every_eighth_day_is_a_stay_by_its_span_and_only_reviewed``)
* caught: lines shuffled and sent twice give the same alerts and ids
  (``test_shuffled_and_doubled_lines_give_the_same_alerts_and_ids``)
* caught: registrations at both sides of midnight fall on their own days, over clock changes and leap days
  (``test_registrations_at_both_sides_of_midnight_fall_on_their_own_days_over_clock_changes_and_leap_days``)
* caught: the day of 23 hours closes 24 hours after it began (``test_the_day_of_23_hours_closes_24_hours_after_it_began``)
* let go: home evidence of the same device later on the 61st day
  (``test_home_evidence_of_the_same_device_later_on_day_61_prevents_the_breach``)
* let go: 30 days, one day at home, 30 days (``test_a_day_at_home_ends_the_stay``)
* let go: 100 days in overseas France (``test_overseas_france_is_home``)
* let go: 100 days behind a VPN or hosting address (``test_a_hundred_days_behind_a_vpn_or_hosting_address_raise_nothing``)

>>> from detectors.events import Call, Loc
>>> from detectors.step import Partition, step
>>> partition, noon, day = Partition(), 1_767_265_200_000, 86_400_000
>>> def abroad(n):
...     here = Loc("CH", "access", "2026-01-01", network=f"10.0.{n % 3}.0/24")
...     return Call(id=f"c{n}", time=noon + n * day, tenant="acme", licence="101", phase="cdr", call_id=f"c{n}",
...                 direction="outbound", device="phone", loc=here)
>>> said = [out for n in range(63) for out in step(partition, abroad(n))]
>>> [(alert.level, alert.measured) for alert in said if alert.rule == "abroad-stay" and alert.measured == alert.limit]
[('notice', 46), ('breach', 61)]
>>> print(said[-1].summary)
Abroad (CH) for 61 days from 2026-01-01 to 2026-03-02, 61 of them with evidence; notice at 46, breach at 61.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from detectors.abroad.hooks import AbroadDetector, AbroadParams, AbroadState, first_abroad_day, last_abroad_day, most_abroad_days
from detectors.abroad.stays import Line, Measure, Stay, line_of, window_crossing, window_measure, window_over
from detectors.days import iso
from detectors.errors import PolicyError
from detectors.location.days_of_licence import HOME_DAY

if TYPE_CHECKING:
    from detectors.context import Context


class AbroadStayParams(AbroadParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Length of a stay in days that raises a notice and a breach, and how many silent days it outlasts.

    ``reading = "window"`` counts days abroad in the last ``window_days`` instead.
    """

    lift: Literal["auto", "proposal"] = "auto"
    notice_days: int = 46
    breach_days: int = 61
    silent_days: int = 7
    reading: Literal["stay", "window"] = "stay"
    window_days: int = 90

    def __post_init__(self) -> None:
        """Limits must fit each other and the 365 days that are remembered."""
        if not 0 < self.notice_days <= self.breach_days <= 365:
            raise PolicyError("abroad-stay: needs 0 < notice_days <= breach_days <= 365")
        if self.silent_days < 0:
            raise PolicyError("abroad-stay: silent_days must not be negative")
        if not self.breach_days <= self.window_days <= 365:
            raise PolicyError("abroad-stay: window_days must lie between breach_days and 365")


class AbroadStay(AbroadDetector[AbroadStayParams]):
    """Measures the length of the current stay abroad."""

    rule = "abroad-stay"
    title = "One stay abroad of more than 60 days"
    Params = AbroadStayParams

    def limits(self, p: AbroadStayParams) -> tuple[int, int]:
        """See ``AbroadDetector``."""
        return p.notice_days, p.breach_days

    def hopeless(self, ctx: Context, p: AbroadStayParams, day: int) -> bool:
        """Too few days abroad are remembered: with the longest silences between them each makes at most 8 days of a stay."""
        if day - first_abroad_day(ctx) + 1 < p.notice_days:
            return True
        step = 1 if p.reading == "window" else p.silent_days + 1
        if (most_abroad_days(ctx) - 1) * step + 1 < p.notice_days:
            return True
        last = last_abroad_day(ctx)
        void = ctx.tenant.exemptions or ctx.licence.standing.spans
        return p.reading == "stay" and not void and last >= 0 and day - last > p.silent_days

    def measure(self, p: AbroadStayParams, line: Line) -> Measure | None:
        """The stay that goes on at the end of the line."""
        if p.reading == "window":
            return window_measure(line, p.window_days)
        stay = _current(line, p)
        if stay is None:
            return None
        return Measure(days=stay.length, first=stay.days[0], last=stay.days[-1], counted=stay.days, basis=stay.length)

    def crossing(self, p: AbroadStayParams, line: Line, limit: int) -> int:
        """The day the stay's length reached a limit."""
        if p.reading == "window":
            return window_crossing(line, p.window_days, limit)
        stay = _current(line, p)
        return stay.crossing(limit) if stay is not None else -1

    def over(self, p: AbroadStayParams, line: Line, crossed: int, limit: int) -> tuple[str, str]:
        """Closed when the stay has ended; taken back when the stay around the crossing is shorter than was said."""
        if p.reading == "window":
            return window_over(line, p.window_days, crossed, limit)
        if crossed < line.first:
            return ("", "") if _current(line, p) is not None else ("closed", "the stay ended")
        around = next((stay for stay in line.stays(p.silent_days) if stay.days[0] <= crossed <= stay.days[-1]), None)
        if around is None and line.of(crossed) & HOME_DAY:
            return "withdrawn", f"{iso(crossed)} turned out to be a day at home"
        if around is None or around.length < limit:
            length = around.length if around is not None else 0
            return "withdrawn", f"judged again the stay around {iso(crossed)} is {length} days long, below {limit}"
        if around.home:
            return "closed", f"at home on {iso(around.ended)}: the stay ended after {around.length} days"
        if around.ended >= 0:
            return "closed", f"no sign of the phone for more than {p.silent_days} days: the stay ended after {around.length} days"
        return "", ""

    def say(self, p: AbroadStayParams, m: Measure, line: Line, places: str) -> str:
        """One sentence with the numbers."""
        limits = f"notice at {p.notice_days}, breach at {p.breach_days}."
        if p.reading == "window":
            return f"{m.days} days abroad ({places}) in the {p.window_days} days to {iso(line.through)}; {limits}"
        return f"Abroad ({places}) for {m.days} days from {iso(m.first)} to {iso(m.last)}, {len(m.counted)} of them with evidence; {limits}"

    def day_closed(self, ctx: Context, s: AbroadState, p: AbroadStayParams, day: int) -> None:
        """As for both rules; in the reading by window the first closed day at home lifts, though the measure still stands."""
        super().day_closed(ctx, s, p, day)
        if p.reading == "window" and s.crossed >= 0 and line_of(ctx, self.rule, day).of(day) & HOME_DAY:
            ctx.propose_lift(self.rule, f"at home on {iso(day)}")

    def holds(self, ctx: Context, s: AbroadState, p: AbroadStayParams, day: int) -> bool:
        """Whether the measure is still at the notice limit or above (a stay that ended was closed with its reason)."""
        if p.reading != "window" or s.crossed > day:
            return True
        return line_of(ctx, self.rule, day).total(day, p.window_days) >= p.notice_days


def _current(line: Line, p: AbroadStayParams) -> Stay | None:
    stays = line.stays(p.silent_days)
    return stays[-1] if stays and stays[-1].ended < 0 else None


RULE = AbroadStay()
