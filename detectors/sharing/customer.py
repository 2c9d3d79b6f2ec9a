"""More softphone licences in use than a customer pays for: the part of ``licence-sharing`` that looks at whole customers.

Each licence says once a day that it was used (a registration or a call), so this costs nothing per event. A day is judged
at its first close, since all events of that day come before it in the log; a CDR that comes later still is not waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.days import DAY, iso
from detectors.outputs import Level, Window
from detectors.plan import rule_state
from detectors.rule import Finding
from detectors.sharing.facts import SharingFacts, Used
from detectors.sharing.state import MOST_NAMES, OPEN_DAYS, REACH_BACK, SharingParams, SharingTenant

if TYPE_CHECKING:
    from detectors.context import Context


def mark_used(ctx: Context, rule: str, day: int) -> None:
    """Note that the licence whose turn it is was used on a day that is still open."""
    tenant: SharingTenant = rule_state(ctx.tenant.rules, rule, SharingTenant)
    if day <= tenant.judged:
        return
    names = tenant.open.get(day)
    if names is None:
        names = tenant.open[day] = {}
        if len(tenant.open) > OPEN_DAYS:
            del tenant.open[min(tenant.open)]
    names[ctx.licence.licence] = 1


def day_closed(ctx: Context, rule: str, p: SharingParams, day: int) -> None:
    """Judge a day of the customer, once: at the first close of it among its licences."""
    tenant: SharingTenant = rule_state(ctx.tenant.rules, rule, SharingTenant)
    if day <= tenant.judged:
        return
    tenant.judged = day
    licences = ctx.tenant.licences
    closing = [open_day for open_day in sorted(tenant.open) if open_day <= day]
    for one in closing:
        names = [name for name in sorted(tenant.open.pop(one)) if licences.get(name, "-") in ("softphone", "")]
        billed = _billed(ctx, one)
        tenant.used[one] = [len(names), -1 if billed is None else billed]
        tenant.names = names[:MOST_NAMES]
        tenant.unknown = sum(not licences[name] for name in names)
    for old in [old for old in tenant.used if old <= day - REACH_BACK]:
        del tenant.used[old]
    over = _days_over(tenant, p)
    if over and over[-1] in closing:
        _report(ctx, rule, p, tenant, over)
    elif not over and rule in ctx.tenant.alerts:
        ctx.close(rule, f"no day of the last {p.tenant_window_days} is above the billed licences", tenant_wide=True)


def order_changed(ctx: Context, rule: str, p: SharingParams) -> None:
    """Judge the closed days again when the order changed: ``softphones_billed`` reaches back 35 days (contracts: tenant)."""
    tenant: SharingTenant = rule_state(ctx.tenant.rules, rule, SharingTenant)
    fact = ctx.tenant.fact
    order = "" if fact is None else f"{fact.time}/{fact.effective_from}/{fact.softphones_billed}"
    if order == tenant.order:
        return
    tenant.order = order
    for day, counts in tenant.used.items():
        billed = _billed(ctx, day)
        # A day judged by an order that is no longer remembered keeps what was known of it.
        if billed is not None:
            counts[1] = billed
    over = _days_over(tenant, p)
    alert = ctx.tenant.alerts.get(rule)
    if alert is not None and len(over) < (p.tenant_days if alert.statement.level == "breach" else 1):
        ctx.withdraw(rule, "the order was corrected: the licences used were billed", tenant_wide=True)
    elif over:
        _report(ctx, rule, p, tenant, over)


def _days_over(tenant: SharingTenant, p: SharingParams) -> list[int]:
    """Closed days within the window on which more licences were used than billed."""
    after = tenant.judged - p.tenant_window_days
    return [day for day, (used, billed) in sorted(tenant.used.items()) if day > after and 0 <= billed < used]


def _billed(ctx: Context, day: int) -> int | None:
    """Softphones billed on a day: the more favourable number when the order changed during the day."""
    start, end = ctx.clock.bounds(day)
    known = [billed for billed in (_billed_at(ctx, start), _billed_at(ctx, end - 1)) if billed is not None]
    return max(known, default=None)


def _billed_at(ctx: Context, at: int) -> int | None:
    """What the latest word of the customer's order says of an instant."""
    for fact in reversed(ctx.tenant.history):
        since = fact.time if fact.effective_from is None else max(fact.effective_from, fact.time - REACH_BACK * DAY)
        if since <= at:
            return fact.softphones_billed
    return None


def _report(ctx: Context, rule: str, p: SharingParams, tenant: SharingTenant, over: list[int]) -> None:
    day = over[-1]
    used, billed = tenant.used[day]
    level: Level = "breach" if len(over) >= p.tenant_days else "notice"
    if not ctx.tenant_wants(rule, level, used):
        return
    latest = day == max(tenant.used)
    against = ["a licence that changed its name during the day counts under both"]
    if latest and tenant.unknown:
        against.append(f"{tenant.unknown} of the licences used have no account fact and were taken for softphones")
    end = ctx.clock.bounds(day)[1]
    days = f"{len(over)} such day{'s' if len(over) > 1 else ''} within {p.tenant_window_days}"
    ctx.report(
        Finding(
            rule=rule,
            level=level,
            measured=used,
            limit=billed,
            unit="licences",
            window=Window(ctx.clock.bounds(over[0])[0], end),
            crossed_at=end,
            issued_at=ctx.now,
            summary=f"{used} softphone licences were used on {iso(day)} and {billed} are billed; {days}, a breach at {p.tenant_days}.",
            facts=SharingFacts(
                days=tuple(Used(iso(d), counts[0], None if counts[1] < 0 else counts[1]) for d, counts in sorted(tenant.used.items())),
                licences=used,
            ),
            against=tuple(against),
            automatic=False,
            not_automatic=("a whole customer is concerned: always reviewed",),
            tenant_wide=True,
            involved=tuple(name for name in tenant.names if name in ctx.tenant.licences) if latest else (),
        )
    )
