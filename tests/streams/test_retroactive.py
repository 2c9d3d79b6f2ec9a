"""Metering after a verdict: what a confirmed alert covers, once (contract 9.e, 9.f, 12.e)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Event, Review
from streams.errors import UsageError
from streams.retroactive import Active, Covered, Metered, NotConfirmed, Span, Statement, covered_by, meter
from streams.times import format_time
from support.core import call, exemption, licence_fact, ms, tenant_fact

T0 = ms("2026-03-02 09:00")
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
COVERED = Covered(alert_id="al-1", rule="autodial", tenant="acme", licences=("101",), from_=T0, to=T0 + DAY)


def verdict(word: Any = "breach", at: int = T0 + 2 * DAY, alert_id: str = "al-1") -> Review:
    return Review(time=at, tenant="acme", licence="101", review_id=f"r{at}", alert_id=alert_id, verdict=word)


def judged(*events: Event | list[Any], covered: Covered = COVERED, earlier: list[Active] | None = None, **fact: Any) -> Metered:
    flat: list[Any] = [tenant_fact(**fact), licence_fact(), verdict()]
    for one in events:
        flat += one if isinstance(one, list) else [one]
    return meter(covered, sorted(flat, key=lambda e: e.time), earlier or [])


def active(from_: int, to: int, call_id: str = "c", state: str = "active", name: str = "me-1") -> Active:
    span = {"from_": format_time(from_), "to": format_time(to)}
    return Active(metering_id=name, state=state, tenant="acme", licence="101", pbx="pbx-1", call_id=call_id, **span)


def spans(done: Metered) -> list[tuple[int, int]]:
    return [(one.from_ - T0, one.to - T0) for one in done.records]


@pytest.mark.parametrize("phases", [True, False])
def test_each_answered_call_of_the_window_is_a_record_from_its_answer_to_its_end(phases: bool) -> None:
    done = judged(call(T0, 60, phases=phases), call(T0 + HOUR, None, phases=phases), call(T0 + 2 * DAY, 60, phases=phases))
    (one,) = done.records
    assert (spans(done), one.seconds) == ([(5 * SECOND, 65 * SECOND)], 60)
    assert (one.alert_id, one.rules, one.billing_month, one.state) == ("al-1", ("autodial",), "2026-03", "active")


def test_what_is_metered_already_is_left_out_to_the_second() -> None:
    done = judged(call(T0, 60, call_id="c"), earlier=[active(T0 + 15 * SECOND, T0 + 25 * SECOND)])
    assert spans(done) == [(5 * SECOND, 15 * SECOND), (25 * SECOND, 65 * SECOND)]
    assert done.already == 10


def test_a_record_that_was_voided_covers_nothing() -> None:
    records = [active(T0, T0 + DAY), active(T0, T0 + DAY, state="void")]
    assert spans(judged(call(T0, 60, call_id="c"), earlier=records)) == [(5 * SECOND, 65 * SECOND)]


def test_asked_again_with_its_own_records_it_finds_nothing_more() -> None:
    first = judged(call(T0, 60, call_id="c"))
    earlier = [active(one.from_, one.to, one.call_id, name=one.metering_id) for one in first.records]
    assert judged(call(T0, 60, call_id="c"), earlier=earlier).records == ()


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(1, 30)), max_size=6), st.integers(1, 60))
def test_no_second_of_a_call_is_ever_metered_twice(taken: list[tuple[int, int]], talk: int) -> None:
    earlier = [active(T0 + a * SECOND, T0 + (a + n) * SECOND, name=f"me-{i}") for i, (a, n) in enumerate(taken)]
    done = judged(call(T0, talk, call_id="c"), earlier=earlier)
    before = {s for a, n in taken for s in range(a, a + n)}
    new = [s for from_, to in spans(done) for s in range(from_ // SECOND, to // SECOND)]
    assert len(new) == len(set(new))
    assert not before & set(new)
    assert before | set(new) >= set(range(5, 5 + talk))


def test_calls_inside_the_house_calls_received_and_premium_calls_are_not_metered() -> None:
    done = judged(
        call(T0, 60, to="102", to_cls="internal", direction="internal"),
        call(T0 + HOUR, 60, direction="inbound"),
        call(T0 + 2 * HOUR, 60, to="+33899123456", to_cls="premium"),
        call(T0 + 3 * HOUR, 60, to="112", to_cls="emergency", emergency=True),
        call(T0 + 4 * HOUR, 60, refused_by="de-1"),
    )
    assert (done.records, done.outside_plan) == ((), 1)


@pytest.mark.parametrize("offer", ["metered", None])
def test_without_an_unlimited_offer_there_is_nothing_to_meter(offer: str | None) -> None:
    done = judged(call(T0, 60), offer=offer)
    assert (done.records, done.outside_plan) == ((), 1)


def test_a_call_whose_end_was_lost_is_counted_and_not_guessed() -> None:
    done = judged(call(T0, 60, phases=True)[:2])
    assert (done.records, done.without_end) == ((), 1)


def test_a_call_whose_key_was_used_again_has_an_end_that_nobody_told() -> None:
    first, second = (call(at, 60, call_id="c", to=to, phases=True) for at, to in ((T0, "+33612345678"), (T0 + HOUR, "+33612345679")))
    done = judged(first[:2], second)
    assert (spans(done), done.without_end) == ([(HOUR + 5 * SECOND, HOUR + 65 * SECOND)], 1)


def test_a_resent_record_is_the_same_call() -> None:
    one = call(T0, 60, phases=True)
    for n, event in enumerate(one):
        event.key = n + 1
    assert len(judged(one, one).records) == 1


def test_an_exempt_call_is_not_metered() -> None:
    done = judged(exemption("2026-01-01", ("autodial",), "2026-03-02 09:30", "2026-03-02 10:30"), call(T0, 60), call(T0 + HOUR, 60))
    assert len(done.records) == 1


def test_faxes_alone_are_covered_by_mass_fax_and_ordinary_follow_me_is_not_by_gateway() -> None:
    fax = Covered(alert_id="al-1", rule="mass-fax", tenant="acme", licences=("101",), from_=T0, to=T0 + DAY)
    assert len(judged(call(T0, 60), call(T0 + HOUR, 60, media="fax"), covered=fax).records) == 1
    gateway = Covered(alert_id="al-1", rule="gateway", tenant="acme", licences=("101",), from_=T0, to=T0 + DAY)
    own = licence_fact("2024-01-02", forward_targets=("+33612345678",))
    assert len(judged(own, call(T0, 60), call(T0 + HOUR, 60, to="+33711223344"), covered=gateway).records) == 1


def test_the_billing_month_is_the_customers_own() -> None:
    done = judged(call("2026-03-02 23:30", 60), billing_day=3, time_zone="America/New_York")
    assert done.records[0].billing_month == "2026-02"


def test_it_says_which_part_of_the_window_is_older_than_the_log() -> None:
    assert judged(call(T0 - HOUR, 60), call(T0 + HOUR, 60)).unknown_before is None
    assert judged(call(T0 + HOUR, 60, phases=True)).unknown_before == T0 + HOUR
    assert judged().unknown_before == COVERED.to


@pytest.mark.parametrize("words", [[], ["no_breach"], ["breach", "no_breach"], ["inconclusive"]])
def test_without_a_verdict_of_breach_nothing_is_metered(words: list[str]) -> None:
    reviews = [verdict(word, T0 + 2 * DAY + n) for n, word in enumerate(words)]
    with pytest.raises(NotConfirmed, match="'breach'"):
        meter(COVERED, [tenant_fact(), licence_fact(), *call(T0, 60), *reviews], [])


def statement(alert_id: str, rule: str = "autodial", licence: str | None = "101", from_: int = T0, **more: Any) -> Statement:
    window = Span(format_time(from_), format_time(from_ + DAY))
    return Statement(alert_id=alert_id, rule=rule, tenant="acme", licence=licence, window=window, **more)


def test_the_window_is_that_of_all_statements_of_the_alert() -> None:
    covered = covered_by("al-1", [statement("al-1"), statement("al-1", from_=T0 + DAY), statement("al-2", from_=T0 - DAY)])
    assert (covered.from_, covered.to) == (T0, T0 + 2 * DAY)


def test_an_alert_of_a_whole_customer_covers_the_licences_it_superseded() -> None:
    parts = [statement("al-2", "call-centre", "101"), statement("al-3", "call-centre", "102"), statement("al-4", "call-centre", "103")]
    covered = covered_by("al-1", [*parts, statement("al-1", "call-centre", None, supersedes=("al-2", "al-3"))])
    assert covered.licences == ("101", "102")


@pytest.mark.parametrize(
    ("statements", "error", "word"),
    [
        ([], NotConfirmed, "no alert"),
        ([statement("al-11"), statement("al-12")], NotConfirmed, "write more of it"),
        ([statement("al-1", "long-call")], UsageError, "in the stream"),
        ([statement("al-1", "abroad-stay")], UsageError, "no right"),
        ([statement("al-1", "call-centre", None)], UsageError, "whole customer"),
    ],
)
def test_what_cannot_be_metered_is_told(statements: list[Statement], error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        covered_by("al-1", statements)


def test_an_alert_about_messages_covers_no_calls_and_one_about_a_recorded_voice_those_of_its_own_windows() -> None:
    texts = statement("al-1", rule="mass-messaging", unit="recipients/60min")
    voice = statement("al-1", rule="mass-messaging", unit="callees/24h", from_=T0 + DAY)
    with pytest.raises(UsageError, match="about messages"):
        covered_by("al-1", [texts])
    assert covered_by("al-1", [texts, voice]).from_ == T0 + DAY
