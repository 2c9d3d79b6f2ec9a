"""Honest people in several places or with several devices: each is let go by all rules together, and what would change that is shown."""

from __future__ import annotations

import pytest

from support.honest import alerts_of, cross_border, holiday, many_devices, moving_office, said

each_seed = pytest.mark.parametrize("seed", [1, 2, 3])


def spoken(lines: list[str]) -> set[str]:
    """Rule and level of what was said."""
    return {line.partition(":")[0] for line in lines}


@each_seed
def test_a_family_on_holiday_is_let_go(seed: int) -> None:
    assert said(holiday(seed)) == []


def test_a_holiday_of_65_days_is_a_stay() -> None:
    assert spoken(said(holiday(1, days=65))) == {"abroad-stay notice", "abroad-stay breach"}


@each_seed
def test_a_cross_border_worker_under_an_exemption_is_let_go(seed: int) -> None:
    assert said(cross_border(seed)) == []


def test_a_cross_border_worker_without_an_exemption_reaches_the_total() -> None:
    assert spoken(said(cross_border(1, exempt=False))) == {"abroad-total notice", "abroad-total breach"}


@each_seed
def test_a_user_of_several_devices_is_let_go(seed: int) -> None:
    assert said(many_devices(seed)) == []


@each_seed
def test_a_company_that_moves_its_office_is_let_go(seed: int) -> None:
    assert said(moving_office(seed)) == []


def test_a_move_that_nobody_told_is_one_notice_for_the_whole_customer() -> None:
    alerts = alerts_of(moving_office(1, told=False))
    assert {(one.rule, one.level, one.licence) for one in alerts if one.state == "open"} == {("moved-line", "notice", None)}
    assert len({one.alert_id for one in alerts if one.licence is None}) == 1
