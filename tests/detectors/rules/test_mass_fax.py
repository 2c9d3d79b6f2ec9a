"""Vectors of mass-fax and the honest fax machines that look similar."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.errors import PolicyError
from detectors.rules.mass_fax import MassFaxParams
from support.core import Bench, call, licence_fact, message, ms, tenant_fact

RULE = "mass-fax"
NINE = ms("2026-03-02 09:00")
MINUTE, HOUR = 60_000, 3_600_000
FAX = [tenant_fact(), licence_fact(type="fax")]


def number(n: int) -> str:
    return f"+331421{n:05}"


def fax(at: int, n: int, talk_s: float | None = 40, media: str = "fax", **more: Any) -> list[Any]:
    return call(at, talk_s, to=number(n), to_cls="fixed", device=None, media=media, **more)


def pages(at: int, n: int, count: int | None) -> Any:
    return message(at, number(n), to_cls="fixed", media="fax", pages=count)


def levels(bench: Bench) -> list[tuple[str, int, str]]:
    return [(a.level, a.measured, a.unit) for a in bench.alerts(RULE)]


def test_30_destinations_within_60_minutes_are_a_breach() -> None:
    said = Bench().feed(*[fax(NINE + 2 * MINUTE * n - n, n) for n in range(30)]).alerts(RULE)
    assert [(a.level, a.measured, a.limit) for a in said] == [("notice", 15, 15), ("breach", 30, 30)]
    assert said[-1].mode == "review"
    assert said[-1].money_at_risk_cents > 0


def test_29_destinations_are_no_breach_and_the_hour_slides() -> None:
    assert {level for level, _, _ in levels(Bench().feed(*[fax(NINE + MINUTE * n, n) for n in range(29)]))} == {"notice"}
    slow = [fax(NINE + 5 * MINUTE * n, n) for n in range(60)]
    assert levels(Bench().feed(*slow)) == []


def test_attempts_that_no_machine_answers_count() -> None:
    assert levels(Bench().feed(*[fax(NINE + MINUTE * n, n, None) for n in range(30)]))[-1][0] == "breach"


def test_every_call_of_a_fax_licence_is_a_fax() -> None:
    events = [fax(NINE + MINUTE * n, n, media="audio") for n in range(30)]
    assert levels(Bench(facts=FAX).feed(*events))[-1][0] == "breach"
    assert levels(Bench().feed(*events)) == []


def test_200_pages_to_20_destinations_in_24_hours_are_a_breach() -> None:
    said = Bench().feed(*[pages(NINE + 30 * MINUTE * n, n, 10) for n in range(20)]).alerts(RULE)
    assert [(a.level, a.measured, a.unit) for a in said] == [("notice", 100, "pages/24h"), ("breach", 200, "pages/24h")]


def test_199_pages_and_19_destinations_are_no_breach() -> None:
    few = [pages(NINE + 30 * MINUTE * n, n, 9 if n == 0 else 10) for n in range(20)]
    assert {level for level, _, _ in levels(Bench().feed(*few))} == {"notice"}
    near = [pages(NINE + 30 * MINUTE * n, n % 19, 10) for n in range(40)]
    assert {level for level, _, _ in levels(Bench().feed(*near))} == {"notice"}


def test_400_pages_to_one_destination_are_not_caught() -> None:
    assert levels(Bench().feed(*[pages(NINE + MINUTE * n, 1, 20) for n in range(20)])) == []


def test_a_message_without_a_count_is_one_page() -> None:
    said = Bench().feed(*[pages(NINE + 6 * MINUTE * n, n % 25, None) for n in range(110)]).alerts(RULE)
    assert (said[-1].measured, said[-1].unit) == (100, "pages/24h")


def test_an_offer_faxed_to_twelve_customers_is_not_caught() -> None:
    assert levels(Bench(facts=FAX).feed(*[fax(NINE + MINUTE * n, n) for n in range(12)])) == []


def test_results_faxed_to_ten_practices_an_hour_are_not_caught() -> None:
    events = [pages(NINE + 6 * MINUTE * n, n, 1) for n in range(90)]
    assert levels(Bench().feed(*events)) == []


def test_one_fax_told_as_call_and_as_message_is_one_destination() -> None:
    events = [[*fax(NINE + MINUTE * n, n), pages(NINE + MINUTE * n + 1, n, 2)] for n in range(14)]
    assert levels(Bench().feed(*events)) == []


def test_faxes_inside_the_house_and_those_that_came_in_are_not_counted() -> None:
    facts = [tenant_fact(), licence_fact(numbers=tuple(number(n) for n in range(40)))]
    events: list[Any] = [pages(NINE + MINUTE * n, n, 10) for n in range(40)]
    events += [call(NINE + MINUTE * n, 40, to=f"2{n}", to_cls="internal", media="fax") for n in range(40)]
    events += [fax(NINE + MINUTE * n, 100 + n, direction="inbound") for n in range(40)]
    assert levels(Bench(facts=facts).feed(*events)) == []


def test_the_episode_ends_at_the_close_of_a_day_without_a_sign() -> None:
    bench = Bench().feed(*[fax(NINE + MINUTE * n, n) for n in range(30)], fax(NINE + 24 * HOUR, 1)).until("2026-03-06 12:00")
    assert bench.alerts(RULE)[-1].state == "closed"


def test_cut_and_resumed_in_the_middle_it_says_the_same() -> None:
    events = [fax(NINE + MINUTE * n, n) for n in range(40)]
    assert Bench(restart_every=5).feed(*events).said == Bench().feed(*events).said


def test_a_limit_above_what_is_kept_is_refused() -> None:
    with pytest.raises(PolicyError, match="day_pages"):
        MassFaxParams(day_pages=1_001)
