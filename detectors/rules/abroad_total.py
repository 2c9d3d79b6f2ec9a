"""Total abroad: more than 90 days abroad within 365 (contract 5.d).

**What it catches.** Someone who lives abroad in pieces: three months in Geneva, each broken by a week-end at home, so that no single
stay is long enough. Days abroad are counted in the 365 days that end with the day judged; the 91st is a breach, the 76th a notice.
Days under an exemption, and days on which outgoing calls were restricted, are not counted.

**What it cannot see.** A roaming phone leaves through its home operator and looks at home; so does a VPN into France. A PBX that
sends only CDRs tells no addresses: then nothing is covered, and the summary says so.

**Honest look-alikes.** Cross-border workers, crews, people on secondment: give them a dated exemption. A head office's proxy abroad is
recognised when three licences and a fifth of the staff share it. Overseas France is home.

**When it acts by itself.** Only when at least half of the days that show a place at all are abroad, five or more of them have calls, two
networks or two databases agree, and the limit is reached without phones that have no id of their own; else a person decides.

**How to tune.** ``breach_days`` and ``notice_days`` are the contract's reading; ``lift_days`` (85) lies below the limit so that a
restriction does not flap when an old day leaves the window.

**Vectors** (``tests/detectors/rules/test_abroad_total.py``).

* caught: three trips of 30 days and one more abroad day within 365, on that very day
  (``test_the_91st_abroad_day_within_365_breaches_on_that_very_day``)
* caught: mostly at home, and 91 days abroad: a person decides (``test_mostly_at_home_the_breach_is_reviewed``)
* caught: days whose exemption was revoked count again (``test_a_revoked_exemption_lets_its_days_count_again``)
* let go: the 91st abroad day comes 365 days after the first (``test_the_91st_abroad_day_365_days_after_the_first_is_no_breach``)
* let go: exempt days, also by an exemption that comes later
  (``test_exempt_days_do_not_count_and_an_exemption_that_comes_later_withdraws``)
* let go: days on which outgoing calls were restricted (``test_days_on_which_outgoing_was_restricted_do_not_count``)

>>> from detectors.events import Call, Loc
>>> from detectors.step import Partition, step
>>> partition, noon, day = Partition(), 1_767_265_200_000, 86_400_000
>>> def abroad(n):
...     here = Loc("CH" if n % 8 else "FR", "access", "2026-01-01", network=f"10.0.{n % 3}.0/24")
...     return Call(id=f"c{n}", time=noon + n * day, tenant="acme", licence="101", phase="cdr", call_id=f"c{n}",
...                 direction="outbound", device="phone", loc=here)
>>> said = [out for n in range(106) for out in step(partition, abroad(n))]
>>> [(alert.level, alert.measured) for alert in said if alert.rule == "abroad-total" and alert.measured == alert.limit]
[('notice', 76), ('breach', 91)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.abroad.hooks import AbroadDetector, AbroadParams, AbroadState, first_abroad_day, most_abroad_days
from detectors.abroad.stays import Line, Measure, line_of, window_crossing, window_measure, window_over
from detectors.days import iso
from detectors.errors import PolicyError

if TYPE_CHECKING:
    from detectors.context import Context


class AbroadTotalParams(AbroadParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days abroad within ``window_days`` that raise a notice and a breach; at ``lift_days`` or fewer the lift is proposed."""

    notice_days: int = 76
    breach_days: int = 91
    window_days: int = 365
    lift_days: int = 85

    def __post_init__(self) -> None:
        """Limits must fit each other and the 365 days that are remembered."""
        if not 0 < self.notice_days <= self.breach_days <= self.window_days <= 365:
            raise PolicyError("abroad-total: needs 0 < notice_days <= breach_days <= window_days <= 365")
        if not self.lift_days < self.breach_days:
            raise PolicyError("abroad-total: lift_days must be below breach_days, or a restriction flaps")


class AbroadTotal(AbroadDetector[AbroadTotalParams]):
    """Counts days abroad in the 365 days that end with the day judged."""

    rule = "abroad-total"
    title = "More than 90 days abroad within 365"
    Params = AbroadTotalParams

    def limits(self, p: AbroadTotalParams) -> tuple[int, int]:
        """See ``AbroadDetector``."""
        return p.notice_days, p.breach_days

    def hopeless(self, ctx: Context, p: AbroadTotalParams, day: int) -> bool:
        """Fewer days abroad are remembered than would raise a notice."""
        return day - first_abroad_day(ctx) + 1 < p.notice_days or most_abroad_days(ctx) < p.notice_days

    def measure(self, p: AbroadTotalParams, line: Line) -> Measure | None:
        """The total of the window that ends with the line, against the days in it that show a place at all."""
        return window_measure(line, p.window_days)

    def crossing(self, p: AbroadTotalParams, line: Line, limit: int) -> int:
        """The day the window's total reached a limit."""
        return window_crossing(line, p.window_days, limit)

    def over(self, p: AbroadTotalParams, line: Line, crossed: int, limit: int) -> tuple[str, str]:
        """Taken back when no window since the crossing holds the limit any more; its end is ``holds``."""
        return window_over(line, p.window_days, crossed, limit)

    def say(self, p: AbroadTotalParams, m: Measure, line: Line, places: str) -> str:
        """One sentence with the numbers."""
        return (
            f"{m.days} days abroad ({places}) in the {p.window_days} days to {iso(line.through)}; "
            f"notice at {p.notice_days}, breach at {p.breach_days}."
        )

    def day_closed(self, ctx: Context, s: AbroadState, p: AbroadTotalParams, day: int) -> None:
        """As for both rules; the lift is proposed once when the total has fallen to ``lift_days``."""
        super().day_closed(ctx, s, p, day)
        alert = ctx.licence.alerts.get(self.rule)
        if alert is None or alert.statement.level != "breach" or s.crossed < 0:
            return
        total = line_of(ctx, self.rule, day).total(day, p.window_days)
        if total > p.lift_days:
            s.proposed = False
        elif not s.proposed:
            s.proposed = True
            ctx.propose_lift(self.rule, f"{total} days abroad in the last {p.window_days}, {p.lift_days} or fewer")

    def holds(self, ctx: Context, s: AbroadState, p: AbroadTotalParams, day: int) -> bool:
        """Whether the total is at the notice limit or above (a notice of a day still open waits for that day's close)."""
        return s.crossed > day or line_of(ctx, self.rule, day).total(day, p.window_days) >= p.notice_days


RULE = AbroadTotal()
