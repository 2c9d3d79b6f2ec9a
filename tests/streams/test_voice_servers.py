"""An ordinary number with long calls of many customers is reported, and nobody is suspended for it (detectors: paid-destination)."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.events import Event, Reference
from streams.voice_servers import LONG_CALLS, TENANTS, VoiceServer, voice_servers
from support.core import call, ms

T0 = ms("2026-03-02 09:00")
SERVER = "+33184800000"
HOUR = 3_600_000


def callers(tenants: int, calls: int, talk_s: float, to: str = SERVER, **more: Any) -> list[Event]:
    """``calls`` of each of some customers, one per hour."""
    return [
        event
        for t in range(tenants)
        for n in range(calls)
        for event in call(T0 + n * HOUR, talk_s, to=to, to_cls=more.get("to_cls", "fixed"), tenant=f"customer-{t}", call_id=f"{to}-{t}-{n}")
    ]


def test_long_calls_of_many_customers_to_one_ordinary_number_are_reported_with_who_and_how_long() -> None:
    (one,) = voice_servers(callers(4, 5, 40 * 60))
    assert one == VoiceServer(
        number=SERVER, cls="fixed", tenants=tuple(f"customer-{t}" for t in range(4)), licences=4, calls=20, long_calls=20,
        talk_s=20 * 2_400, median_s=2_400, first="2026-03-02T08:00:05.000Z", last="2026-03-02T12:00:05.000Z",
    )  # fmt: skip


@pytest.mark.parametrize("tenants", [TENANTS - 1, 1])
def test_the_long_calls_of_few_customers_are_their_own_affair(tenants: int) -> None:
    assert voice_servers(callers(tenants, 20, 3_600)) == []


def test_a_number_that_many_customers_call_briefly_is_a_shop() -> None:
    assert voice_servers(callers(40, 20, 120)) == []


def test_a_helpdesk_with_some_long_calls_among_many_short_ones_is_not_reported() -> None:
    assert voice_servers([*callers(5, 4, 900), *callers(30, 10, 120)]) == []


def test_fewer_long_calls_than_the_limit_are_good_talks() -> None:
    assert voice_servers(callers(3, (LONG_CALLS - 1) // 3, 3_600)) == []


def test_a_paid_number_has_a_rule_of_its_own_and_a_public_line_is_left_out() -> None:
    assert voice_servers(callers(5, 5, 3_600, to_cls="premium")) == []
    public = Reference(time=T0, name="public_lines", body={"numbers": [SERVER]})
    assert voice_servers([public, *callers(5, 5, 3_600)]) == []


def test_a_call_without_an_end_and_a_repeated_record_count_for_nothing() -> None:
    events = callers(3, 5, 3_600)
    for n, event in enumerate(events):
        event.key = n + 1
    open_calls = [one for t in range(9) for one in call(T0, 3_600, to=SERVER, to_cls="fixed", tenant=f"x{t}", phases=True)[:-1]]
    (one,) = voice_servers([*events, *events, *open_calls])
    assert (one.calls, len(one.tenants)) == (15, 3)


def test_the_number_with_most_talk_comes_first() -> None:
    found = voice_servers([*callers(3, 5, 900, to="+33184800001"), *callers(3, 5, 3_600)])
    assert [one.number for one in found] == [SERVER, "+33184800001"]
