"""Days below every limit, drawn by lot (detectors.md: audit sample)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.audit import AuditFacts, rate_of
from detectors.days import DAY, HOUR, MINUTE
from detectors.errors import PolicyError
from detectors.events import PolicyEvent
from detectors.outputs import Alert
from detectors.policy import Policy
from detectors.step import Partition
from support.core import Bench, call, licence_fact, ms, review, tenant_fact
from support.probe import PROBE

MONDAY = ms("2026-03-02 00:00")
NAMES = [str(n) for n in range(200, 300)]


def bench(per_thousand: int = 1_000, names: list[str] | None = None, **keys: Any) -> Bench:
    general = {"audit_per_thousand": per_thousand, **keys}
    facts = [tenant_fact(), *(licence_fact(licence=name) for name in names or ["101"])]
    return Bench({"general": general, "rules": {"probe": {"notice": 100, "breach": 101}}}, facts, detectors={"probe": PROBE})


def day(calls: int, start: int = MONDAY, licence: str = "101", **kw: Any) -> list[Any]:
    told = {"phases": True, **kw}
    return [one for n in range(calls) for one in call(start + 9 * HOUR + n * MINUTE, 20, licence=licence, **told)]


def samples(b: Bench) -> list[Alert]:
    return b.alerts(level="audit")


def test_a_closed_day_of_five_calls_below_every_limit_may_be_drawn() -> None:
    b = bench().feed(*day(5)).until(MONDAY + DAY + HOUR - 1)
    assert samples(b) == []
    (said,) = samples(b.until(MONDAY + DAY + HOUR))
    assert (said.mode, said.propensity, said.measured, said.limit) == ("review", 1.0, 5, 5)
    assert (said.crossed_at, said.issued_at) == (MONDAY + DAY, MONDAY + DAY + HOUR)
    assert (said.money_at_risk_cents, said.money_if_wrong_cents) == (0, 0)
    assert msgspec.convert(said.facts, AuditFacts).day == "2026-03-02"


def test_calls_received_count_as_those_placed() -> None:
    assert len(samples(bench().feed(*day(2), *day(3, direction="inbound")).until(MONDAY + 2 * DAY))) == 1


def test_a_day_of_four_calls_is_never_drawn() -> None:
    assert samples(bench().feed(*day(4)).until(MONDAY + 2 * DAY)) == []


def test_a_source_of_cdrs_is_counted_although_its_days_close_a_day_later() -> None:
    b = bench().feed(day(5, phases=False), day(5, MONDAY + DAY, phases=False)).until(MONDAY + 4 * DAY)
    assert [a.measured for a in samples(b)] == [5, 5]


def test_a_licence_with_an_open_alert_is_not_drawn() -> None:
    b = Bench({"general": {"audit_per_thousand": 1_000}, "rules": {"probe": {}}}, detectors={"probe": PROBE})
    assert samples(b.feed(*day(6)).until(MONDAY + 2 * DAY)) == []
    assert b.alerts("probe")


def test_a_sample_is_no_open_alert_and_decides_nothing() -> None:
    b = bench().feed(*day(5)).until(MONDAY + 2 * DAY)
    assert b.partition.licences["acme", "101"].alerts == {}
    assert b.partition.licences["acme", "101"].called == {}
    assert b.suspensions() == []


def test_a_verdict_on_a_sample_is_counted_as_one_and_decides_nothing() -> None:
    b = bench().feed(*day(5)).until(MONDAY + 2 * DAY)
    (sample,) = samples(b)
    b.feed(review(MONDAY + 14 * DAY, sample, "breach", "suspend", sequence=0))
    assert (b.partition.counts["audit_verdicts"], b.partition.counts.get("reviews_without_alert")) == (1, None)
    assert b.suspensions() == []


def test_a_verdict_on_nothing_that_was_ever_said_is_still_told_apart() -> None:
    b = bench().feed(*day(5)).until(MONDAY + 2 * DAY)
    (sample,) = samples(b)
    stranger = msgspec.structs.replace(sample, alert_id="al-nothing")
    elsewhere = msgspec.structs.replace(sample, licence="102")
    b.feed(review(MONDAY + 3 * DAY, stranger, "breach"), review(MONDAY + 3 * DAY, elsewhere, "breach"))
    assert (b.partition.counts["reviews_without_alert"], b.partition.counts.get("audit_verdicts")) == (2, None)


def test_the_lot_is_fixed_by_the_salt_and_near_the_rate() -> None:
    def drawn(**keys: Any) -> list[str | None]:
        b = bench(100, NAMES, audit_most=1_000, **keys)
        b.feed(*(day(5, MONDAY + n * DAY, name) for name in NAMES for n in range(5))).until(MONDAY + 7 * DAY)
        assert {a.propensity for a in samples(b)} == {0.1}
        return [a.licence for a in samples(b)]

    first = drawn()
    assert first == drawn()
    assert first != drawn(salt="other")
    assert 25 <= len(first) <= 80


def test_at_most_twenty_a_day_are_drawn_in_a_partition() -> None:
    b = bench(1_000, NAMES).feed(*(day(5, licence=name) for name in NAMES)).until(MONDAY + 2 * DAY)
    assert len(samples(b)) == 20


def test_after_a_busy_day_the_rate_is_lowered_so_that_every_name_has_its_chance_and_the_propensity_says_so() -> None:
    b = bench(1_000, NAMES).feed(*(day(5, MONDAY + n * DAY, name) for name in NAMES for n in range(4))).until(MONDAY + 6 * DAY)
    later = [a for a in samples(b) if a.crossed_at > MONDAY + DAY]
    assert {a.propensity for a in later} == {0.15}
    assert max(a.licence or "" for a in later) > NAMES[60]


def test_the_rate_is_lowered_only_when_the_cap_would_cut() -> None:
    assert rate_of(10, 20, 0) == rate_of(10, 20, 2_000) == 10_000
    assert rate_of(10, 20, 2_001) < 10_000


def test_history_is_not_drawn_and_neither_is_anything_at_rate_zero() -> None:
    assert samples(bench(0).feed(*day(5)).until(MONDAY + 2 * DAY)) == []
    core = Partition(0, {"probe": PROBE}, origin="bootstrap")
    limits = {"notice": 100, "breach": 101}
    said = core.step(PolicyEvent(body={"general": {"audit_per_thousand": 1_000}, "rules": {"probe": limits}}))
    for event in day(5):
        said += core.step(event)
    assert said + core.finish(MONDAY + 3 * DAY) == []


def test_cut_anywhere_and_resumed_the_same_days_are_drawn() -> None:
    events = [one for n in range(5) for one in day(6, MONDAY + n * DAY)]
    cut = bench(500)
    cut.restart_every = 3
    assert cut.feed(*events).until(MONDAY + 9 * DAY).said == bench(500).feed(*events).until(MONDAY + 9 * DAY).said


def test_a_rate_above_one_is_refused() -> None:
    with pytest.raises(PolicyError, match="audit_per_thousand"):
        Policy({"general": {"audit_per_thousand": 1_001}}, {})
