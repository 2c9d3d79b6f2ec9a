"""Money on both sides of a decision, in integer cents: what the abuse may cost, and what a wrong suspension would."""

from __future__ import annotations

from detectors.days import DAY, days_to_billing
from detectors.events import Tenant
from detectors.rule import Finding

#: Contract art. 11: the yearly penalty for unavailability is at most 18 % of the fee.
PENALTY_PERCENT = 18
#: A month's traffic is extrapolated from what the alert shows so far, at most threefold (detectors.md, money).
MOST_EXTRAPOLATION = 3
MILLICENTS = 1_000


def at_risk(finding: Finding, fact: Tenant | None, today: int) -> int:
    """Cents that may be lost: the rated calls so far and the same rate for the rest of the month, or one month's fee per licence.

    Args:
        finding: its ``cost`` (thousandths of a cent) covers its ``window``.
        fact: the tenant's account, for the fee.
        today: the day it is said on; the billing month ends on the tenant's billing day.
    """
    if finding.cost:
        days = max(1, (finding.window.to - finding.window.from_) // DAY)
        left = days_to_billing(today, fact.billing_day if fact is not None else 1)
        projected = finding.cost + finding.cost * left // days
        return min(projected, MOST_EXTRAPOLATION * finding.cost) // MILLICENTS
    return monthly_fee(fact) * max(1, len(finding.involved))


def if_wrong(fact: Tenant | None, licences: int) -> int:
    """Cents a wrong suspension of so many licences may cost in penalties (art. 11)."""
    return monthly_fee(fact) * 12 * PENALTY_PERCENT // 100 * licences


def monthly_fee(fact: Tenant | None) -> int:
    """Monthly fee of one licence in cents; 0 when the account is unknown."""
    if fact is None:
        return 0
    return fact.monthly_fee_cents // max(1, fact.softphones_billed or 1)
