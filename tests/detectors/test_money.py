"""Money on both sides of a decision, in integer cents."""

from __future__ import annotations

import msgspec
import pytest

from detectors import money
from detectors.days import DAY, days_to_billing, number
from detectors.outputs import Window
from detectors.rule import Finding
from support.core import tenant_fact

TODAY = number("2026-11-24")


class Nothing(msgspec.Struct):
    """No facts."""


def finding(cost: int = 0, days: int = 1, involved: tuple[str, ...] = ()) -> Finding:
    return Finding(
        rule="r",
        level="breach",
        measured=1,
        limit=1,
        unit="u",
        window=Window(0, days * DAY),
        crossed_at=0,
        issued_at=days * DAY,
        summary="s",
        facts=Nothing(),
        cost=cost,
        involved=involved,
    )


def test_a_rule_without_traffic_cost_risks_one_months_fee_per_licence() -> None:
    fact = tenant_fact(monthly_fee_cents=20_000, softphones_billed=10)
    assert money.at_risk(finding(), fact, TODAY) == 2_000
    assert money.at_risk(finding(involved=("1", "2", "3")), fact, TODAY) == 6_000
    assert money.at_risk(finding(), None, TODAY) == 0


def test_traffic_is_extrapolated_to_the_billing_day_at_most_threefold() -> None:
    fact = tenant_fact(billing_day=1)
    assert money.at_risk(finding(cost=1_000_000, days=14), fact, TODAY) == 1_500
    assert money.at_risk(finding(cost=1_000_000, days=1), fact, TODAY) == 3_000


def test_a_wrong_suspension_costs_18_percent_of_a_years_fee_of_what_was_stopped() -> None:
    fact = tenant_fact(monthly_fee_cents=20_000, softphones_billed=10)
    assert money.if_wrong(fact, 1) == 2_000 * 12 * 18 // 100
    assert money.if_wrong(fact, 0) == 0


@pytest.mark.parametrize(
    ("day", "billing", "left"), [("2026-02-27", 31, 1), ("2028-02-28", 30, 1), ("2026-12-15", 10, 26), ("2026-11-24", 24, 30)]
)
def test_a_billing_day_that_a_month_does_not_have_is_its_last_day(day: str, billing: int, left: int) -> None:
    assert days_to_billing(number(day), billing) == left


def test_a_window_that_reaches_to_the_months_end_is_rated_by_what_has_passed_of_it() -> None:
    month = finding(cost=1_000_000, days=30)
    month.issued_at = 14 * DAY
    assert money.at_risk(month, tenant_fact(billing_day=1), TODAY) == 1_500


def test_a_fee_that_does_not_divide_is_rounded_once() -> None:
    assert money.if_wrong(tenant_fact(monthly_fee_cents=1_000, softphones_billed=3), 3) == 1_000 * 12 * 18 // 100


def test_the_queue_is_ordered_by_what_waiting_is_expected_to_cost() -> None:
    assert money.expected_loss_cents(6_000, 4_320, breaches=0, verdicts=0) == (6_000 - 4_320) // 2
    record = [money.expected_loss_cents(6_000, 4_320, breaches=n, verdicts=8) for n in range(9)]
    assert record == sorted(record)
    assert record[0] < 0 < record[-1]


def test_the_champions_score_takes_the_place_of_the_rules_record() -> None:
    assert money.expected_loss_cents(10_000, 1_000, breaches=0, verdicts=50, score=1.0) == 10_000
    assert money.expected_loss_cents(10_000, 1_000, breaches=50, verdicts=50, score=0.0) == -1_000


@pytest.mark.parametrize("wrong", [{"breaches": 2, "verdicts": 1}, {"breaches": -1, "verdicts": 1}])
def test_counts_of_different_days_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="same days"):
        money.expected_loss_cents(1, 1, **wrong)
    with pytest.raises(ValueError, match="between 0 and 1"):
        money.expected_loss_cents(1, 1, 0, 0, score=1.5)
