"""This billing month and the last, and no more."""

from __future__ import annotations

from detectors.offer.months import Counted, month_at, new_bounds
from support.core import Bench, ms, tenant_fact


def bench(day: int = 1) -> Bench:
    return Bench(facts=[tenant_fact(billing_day=day)])


def at(one: Bench, months: list[Counted], when: str, keeps: bool = True) -> Counted | None:
    core = one.partition
    core.ctx.now = ms(when)
    core.turn(core.ctx, core.licence_state("acme", "101"))
    return month_at(core.ctx, months, ms(when), Counted, lambda _: keeps)


def test_a_month_that_has_begun_is_new_and_the_last_is_kept_beside_it() -> None:
    months: list[Counted] = []
    for when in ("2026-03-10 10:00", "2026-03-31 23:59", "2026-04-01 00:00", "2026-05-02 10:00"):
        assert at(bench(), months, when) is months[-1]
    assert [month.label for month in months] == ["2026-04", "2026-05"]


def test_an_instant_of_the_last_month_is_found_and_one_before_it_is_not_counted() -> None:
    months: list[Counted] = []
    for when in ("2026-03-10 10:00", "2026-04-10 10:00"):
        at(bench(), months, when)
    assert at(bench(), months, "2026-03-20 10:00") is months[0]
    assert at(bench(), months, "2026-02-20 10:00") is None


def test_a_month_that_is_not_worth_keeping_is_forgotten() -> None:
    months: list[Counted] = []
    at(bench(), months, "2026-03-10 10:00")
    at(bench(), months, "2026-04-10 10:00", keeps=False)
    assert [month.label for month in months] == ["2026-04"]
    assert at(bench(), months, "2026-03-31 10:00") is None


def test_after_a_change_of_the_billing_day_months_do_not_overlap() -> None:
    months: list[Counted] = []
    at(bench(1), months, "2026-03-10 10:00")
    other = bench(20)
    core = other.partition
    core.ctx.now = ms("2026-03-12 10:00")
    core.turn(core.ctx, core.licence_state("acme", "101"))
    new_bounds(core.ctx, months)
    assert months[0].end == ms("2026-03-20 00:00")
    following = at(other, months, "2026-03-21 10:00")
    assert following is not None
    assert (following.start, following.end) == (ms("2026-03-20 00:00"), ms("2026-04-20 00:00"))
