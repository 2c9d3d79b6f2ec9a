"""Honest people who call many others: each is let go by all rules together, and what would change that is shown."""

from __future__ import annotations

import pytest

from support.honest import declared_centre, driver, newsletter, reminders, said, salesperson

each_seed = pytest.mark.parametrize("seed", [1, 2, 3])


def spoken(lines: list[str]) -> set[str]:
    """Rule and level of what was said."""
    return {line.partition(":")[0] for line in lines}


@each_seed
def test_a_busy_human_salesperson_is_let_go(seed: int) -> None:
    assert said(salesperson(seed)) == []


@pytest.mark.parametrize("ringing_out", [0.12, 0.3, 0.45])
def test_a_salesperson_whose_customers_have_no_voicemail_is_noticed_at_most(ringing_out: float) -> None:
    assert spoken(said(salesperson(1, ringing_out))) <= {"autodial notice"}


def test_a_call_every_100_seconds_without_a_pause_is_no_salesperson() -> None:
    assert "autodial notice" in spoken(said(salesperson(1, machine=True)))


@each_seed
def test_a_delivery_driver_is_let_go(seed: int) -> None:
    assert said(driver(seed)) == []


def test_a_driver_on_an_unlimited_offer_is_told_of_the_destinations_and_of_nothing_else() -> None:
    assert spoken(said(driver(1, offer="unlimited"))) == {"many-destinations notice", "many-destinations breach"}


@each_seed
def test_appointment_reminders_by_a_human_are_let_go(seed: int) -> None:
    assert said(reminders(seed)) == []


def test_reminders_to_300_patients_are_told_of_the_destinations_and_of_nothing_else() -> None:
    assert spoken(said(reminders(1, patients=300))) == {"many-destinations notice", "many-destinations breach"}


@each_seed
def test_a_newsletter_by_voice_to_30_members_is_let_go(seed: int) -> None:
    assert said(newsletter(seed)) == []


def test_a_newsletter_by_voice_to_130_members_is_a_broadcast() -> None:
    assert "mass-messaging breach" in spoken(said(newsletter(1, members=130)))


@each_seed
def test_a_support_centre_that_is_declared_is_let_go(seed: int) -> None:
    assert said(declared_centre(seed)) == []


def test_the_same_support_centre_without_its_declaration_is_in_breach_of_that_alone() -> None:
    assert spoken(said(declared_centre(1, declared=False))) == {"call-centre notice", "call-centre breach"}
