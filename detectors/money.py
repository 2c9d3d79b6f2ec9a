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
#: A score is rounded to a millionth, so that the loss is computed in integers.
PARTS = 1_000_000


def at_risk(finding: Finding, fact: Tenant | None, today: int) -> int:
    """Cents that may be lost: the rated calls so far and the same rate for the rest of the month, or one month's fee per licence.

    Args:
        finding: its ``cost`` (thousandths of a cent) covers its ``window``.
        fact: the tenant's account, for the fee.
        today: the day it is said on; the billing month ends on the tenant's billing day.
    """
    if finding.cost:
        # A month's window reaches to the month's end, but only what has passed of it has cost anything.
        days = max(1, (min(finding.window.to, finding.issued_at) - finding.window.from_) // DAY)
        left = days_to_billing(today, fact.billing_day if fact is not None else 1)
        projected = finding.cost + finding.cost * left // days
        return min(projected, MOST_EXTRAPOLATION * finding.cost) // MILLICENTS
    return monthly_fee(fact) * max(1, len(finding.involved))


def if_wrong(fact: Tenant | None, licences: int) -> int:
    """Cents a wrong suspension of so many licences may cost in penalties (art. 11); 0 when the account is unknown."""
    if fact is None:
        return 0
    return fact.monthly_fee_cents * 12 * PENALTY_PERCENT * licences // (100 * max(1, fact.softphones_billed or 1))


def monthly_fee(fact: Tenant | None) -> int:
    """Monthly fee of one licence in cents; 0 when the account is unknown."""
    if fact is None:
        return 0
    return fact.monthly_fee_cents // max(1, fact.softphones_billed or 1)


def expected_loss_cents(at_risk_cents: int, if_wrong_cents: int, breaches: int, verdicts: int, score: float | None = None) -> int:
    """What leaving an alert unjudged is expected to cost, in cents, rounded down: the order of the queue, highest first.

    p x at risk - (1 - p) x if wrong, where p is the rule's record with persons, (breaches + 1) / (verdicts + 2) (Laplace's rule
    of succession), or the champion's score when it has one.

    Args:
        at_risk_cents: the alert's ``money_at_risk_cents``.
        if_wrong_cents: its ``money_if_wrong_cents``.
        breaches: verdicts ``breach`` on alerts of its rule in the last 90 days.
        verdicts: all verdicts that decided, breach or no breach, in the same days.
        score: the champion's probability of a breach, 0 to 1.

    Raises:
        ValueError: more breaches than verdicts, a negative count, or a score that is no probability.

    >>> expected_loss_cents(6_000, 4_320, breaches=3, verdicts=4), expected_loss_cents(6_000, 4_320, breaches=0, verdicts=8)
    (2560, -3288)
    """
    if not 0 <= breaches <= verdicts:
        raise ValueError(f"{breaches} breaches of {verdicts} verdicts: count both over the same days")
    likely, of = breaches + 1, verdicts + 2
    if score is not None:
        if not 0 <= score <= 1:
            raise ValueError(f"a score lies between 0 and 1, not at {score}")
        likely, of = round(score * PARTS), PARTS
    return (likely * at_risk_cents - (of - likely) * if_wrong_cents) // of
