"""The ledger: claims of several rules on one call become records that never overlap, and are voided when claims change."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import metering, snapshot
from detectors.outputs import Metering
from detectors.seconds import merge, uncovered, whole_seconds
from detectors.state import LicenceState, encode
from support.core import Bench, exemption, licence_fact, ms, tenant_fact
from support.core import call as placed

T0 = ms("2026-03-02 10:00")
LONG, MANY, PAID = "long-call", "many-destinations", "paid-destination"
RULES = (LONG, MANY, PAID)
S = 1_000


class Talk(NamedTuple):
    call_id: str = "c1"
    started: int = T0
    answered: int = T0 + 5_500
    pbx: str = "pbx-1"


class Desk:
    """A licence whose claims are made by hand; ``records`` are those active, as a reader of the topic holds them."""

    def __init__(self, policy: dict[str, object] | None = None) -> None:
        self.bench = Bench(policy)
        self.said: list[Metering] = []
        self.records: dict[str, Metering] = {}
        self.used: set[str] = set()
        self.at(T0)

    @property
    def licence(self) -> LicenceState:
        return self.bench.partition.licences["acme", "101"]

    def at(self, now: int) -> Desk:
        self.now = now
        return self

    def claim(self, *claims: tuple[str, Talk, int, int]) -> list[Metering]:
        """Claims of one event; an empty range releases."""
        core = self.bench.partition
        ctx = core.ctx
        ctx.now, ctx.event = self.now, None
        core.turn(ctx, self.licence)
        for rule, call, from_, to in claims:
            if from_ == to:
                ctx.release(rule, call)
            else:
                ctx.claim(rule, call, from_, to)
        core.settle()
        return self.read(core.finish(0))

    def read(self, outputs: list[object]) -> list[Metering]:
        said = [o for o in outputs if isinstance(o, Metering)]
        for one in said:
            if one.state == "void":
                assert msgspec.structs.replace(one, state="active") == self.records.pop(one.metering_id)
            else:
                assert one.metering_id not in self.used
                self.assert_no_second_twice(one)
                self.used.add(one.metering_id)
                self.records[one.metering_id] = one
        self.said += said
        return said

    def assert_no_second_twice(self, new: Metering) -> None:
        for old in self.records.values():
            assert (old.pbx, old.call_id) != (new.pbx, new.call_id) or old.to <= new.from_ or new.to <= old.from_

    def spans(self, call_id: str = "c1") -> list[tuple[int, int, tuple[str, ...]]]:
        found = [(r.from_, r.to, r.rules) for r in self.records.values() if r.call_id == call_id]
        return sorted(found)


def test_a_claim_is_one_record() -> None:
    call = Talk()
    (one,) = Desk().claim((PAID, call, call.answered, call.answered + 60 * S))
    assert (one.state, one.rules, one.seconds, one.billing_month, one.alert_id) == ("active", (PAID,), 60, "2026-03", "")
    assert (one.tenant, one.licence, one.pbx, one.call_id) == ("acme", "101", "pbx-1", "c1")


def test_only_seconds_that_lie_wholly_inside_are_metered() -> None:
    assert whole_seconds(500, 500, 1_499) == (500, 500)
    assert whole_seconds(500, 501, 3_600) == (1_500, 3_500)
    call = Talk()
    assert Desk().claim((PAID, call, call.answered, call.answered + 999)) == []


def test_three_rules_that_claim_one_call_share_its_seconds_in_disjoint_records() -> None:
    desk, call = Desk(), Talk()
    a = call.answered
    desk.claim((LONG, call, a + 7_200 * S, a + 9_000 * S), (MANY, call, a, a + 9_000 * S), (PAID, call, a, a + 9_000 * S))
    assert desk.spans() == [(a, a + 7_200 * S, (MANY, PAID)), (a + 7_200 * S, a + 9_000 * S, RULES)]


def test_a_claim_that_comes_later_voids_what_no_longer_matches_and_keeps_the_rest() -> None:
    desk, call = Desk(), Talk()
    a = call.answered
    desk.claim((PAID, call, a, a + 100 * S))
    said = desk.claim((MANY, call, a + 50 * S, a + 100 * S))
    assert [(m.state, m.rules, m.seconds) for m in said] == [
        ("void", (PAID,), 100), ("active", (PAID,), 50), ("active", (MANY, PAID), 50),
    ]  # fmt: skip
    assert desk.claim((MANY, call, a + 50 * S, a + 100 * S)) == []


def test_a_record_that_is_issued_again_has_another_id() -> None:
    desk, call = Desk(), Talk()
    (first,) = desk.claim((PAID, call, call.answered, call.answered + 60 * S))
    (void,) = desk.claim((PAID, call, 0, 0))
    (again,) = desk.claim((PAID, call, call.answered, call.answered + 60 * S))
    assert (void.state, void.metering_id) == ("void", first.metering_id)
    assert again.metering_id != first.metering_id
    assert (again.from_, again.to) == (first.from_, first.to)


def test_a_leg_that_answered_earlier_moves_every_second() -> None:
    desk, call = Desk(), Talk()
    earlier = call._replace(answered=call.answered - 1_700)
    desk.claim((PAID, call, call.answered, call.answered + 10 * S))
    said = desk.claim((PAID, earlier, earlier.answered, call.answered + 10 * S))
    assert [(m.state, m.seconds) for m in said] == [("void", 10), ("active", 11)]


def test_the_billing_month_is_that_of_the_answer() -> None:
    call = Talk(started=ms("2026-03-31 23:59:58"), answered=ms("2026-04-01 00:00:03"))
    over = Talk("c2", started=ms("2026-03-31 23:50"), answered=ms("2026-03-31 23:50"))
    desk = Desk().at(ms("2026-04-01 03:00"))
    desk.claim((PAID, call, call.answered, call.answered + 60 * S), (PAID, over, over.answered, over.answered + 3_600 * S))
    assert [m.billing_month for m in desk.said] == ["2026-04", "2026-03"]


def test_a_rule_in_shadow_and_one_whose_metering_is_reviewed_meter_nothing() -> None:
    call = Talk()
    desk = Desk({PAID: {"mode": "shadow"}, MANY: {"metering": "review"}})
    a = call.answered
    assert desk.claim((PAID, call, a, a + 60 * S), (MANY, call, a, a + 60 * S)) == []
    assert [m.rules for m in desk.claim((LONG, call, a, a + 60 * S))] == [(LONG,)]


def test_an_exemption_hides_the_rules_it_names_while_it_is_in_force() -> None:
    desk, call = Desk(), Talk()
    desk.bench.feed(exemption(T0 - 1, (PAID,), "2026-03-01", "2026-03-03"))
    a = call.answered
    desk.claim((PAID, call, a, a + 60 * S), (MANY, call, a + 30 * S, a + 60 * S))
    assert desk.spans() == [(a + 30 * S, a + 60 * S, (MANY,))]


def test_an_exemption_that_is_stated_later_voids_and_its_revocation_issues_again() -> None:
    desk, call = Desk(), Talk()
    a = call.answered
    desk.claim((PAID, call, a, a + 60 * S))
    late = exemption(T0 + 3_600_000, (PAID,), "2026-03-01", "2026-03-03")
    said = desk.read(desk.bench.partition.step(late))
    assert [m.state for m in said] == ["void"]
    revoked = exemption(T0 + 7_200_000, (PAID,), "2026-03-01", "2026-03-03", revoked=True)
    said = desk.read(desk.bench.partition.step(revoked))
    assert [(m.state, m.seconds) for m in said] == [("active", 60)]


def test_the_ledger_keeps_this_billing_month_and_the_last() -> None:
    desk = Desk()
    for n, month in enumerate(("2026-03", "2026-04", "2026-05"), 1):
        at = ms(f"{month}-10 10:00")
        desk.at(at).claim((PAID, Talk(f"c{n}", at, at), at, at + 60 * S))
    assert desk.licence.ledger is not None
    assert [entry.call_id for entry in desk.licence.ledger.calls.values()] == ["c2", "c3"]
    march = ms("2026-03-10 10:00")
    assert desk.claim((PAID, Talk("c1", march, march), march, march + 90 * S)) == []
    assert desk.bench.partition.counts["metering_too_old"] == 1


def test_a_full_ledger_forgets_the_oldest_calls_whose_records_stand() -> None:
    desk = Desk()
    for n in range(metering.MOST_CALLS + 1):
        at = T0 + n * 60 * S
        desk.at(at).claim((PAID, Talk(f"{n:0128}", at, at), at, at + 30 * S))
    assert desk.licence.ledger is not None
    assert len(desk.licence.ledger.calls) == metering.KEPT_CALLS
    assert len(encode(desk.licence)) < 256 * 1024
    assert len(desk.records) == metering.MOST_CALLS + 1
    first = Talk(f"{0:0128}", T0, T0)
    assert desk.claim((PAID, first, T0, T0 + 50 * S)) == []


def test_names_that_no_call_has_any_more_are_forgotten() -> None:
    desk = Desk()
    for month in range(1, 12):
        at = ms(f"2026-{month:02}-10 10:00")
        desk.at(at).claim((PAID, Talk(f"c{month}", at, at, f"pbx-{month}"), at, at + 60 * S))
    assert desk.licence.ledger is not None
    assert len(desk.licence.ledger.names) <= 10
    assert [m.pbx for m in desk.said] == [f"pbx-{month}" for month in range(1, 12)]


def test_a_ledger_written_and_read_goes_on_as_it_was() -> None:
    desk, call = Desk(), Talk()
    a = call.answered
    desk.claim((PAID, call, a, a + 100 * S))
    desk.bench.partition = snapshot.restore(snapshot.take(desk.bench.partition))
    assert [m.state for m in desk.claim((MANY, call, a, a + 100 * S))] == ["void", "active"]


def test_a_licence_that_nothing_was_metered_of_has_no_ledger() -> None:
    desk = Desk()
    desk.claim((PAID, Talk(), 0, 0))
    assert desk.licence.ledger is None


def test_history_meters_nothing() -> None:
    desk, call = Desk(), Talk()
    desk.bench.partition.origin = "bootstrap"
    assert desk.claim((PAID, call, call.answered, call.answered + 60 * S)) == []


def test_what_no_active_record_covers_is_what_is_left() -> None:
    assert uncovered([(0, 10), (20, 30)], []) == [(0, 10), (20, 30)]
    assert uncovered([(0, 10), (5, 15)], [(3, 4), (12, 40)]) == [(0, 3), (4, 10), (10, 12)]
    assert uncovered([(0, 10)], [(0, 10)]) == []


ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda r: (min(r), max(r))), max_size=6)


@given(ranges, ranges)
def test_the_uncovered_and_the_covered_share_no_instant_and_miss_none(wanted: list[tuple[int, int]], active: list[tuple[int, int]]) -> None:
    left = uncovered(wanted, active)

    def holds(spans: list[tuple[int, int]], at: int) -> int:
        return sum(1 for from_, to in spans if from_ <= at < to)

    for at in range(41):
        assert holds(left, at) == (1 if holds(wanted, at) and not holds(active, at) else 0)
    assert left == sorted(left)


spans = st.tuples(st.integers(-2_500, 30_000), st.integers(-2_500, 30_000)).map(lambda r: (min(r), max(r)))


@given(st.dictionaries(st.sampled_from(RULES), spans), st.integers(0, 999))
def test_merged_claims_are_disjoint_whole_seconds_each_with_the_rules_that_claim_it(
    claims: dict[str, tuple[int, int]], answered: int
) -> None:
    merged = merge(answered, claims)
    for (_, end, rules), (start, _, more) in pairwise(merged):
        assert end < start or (end == start and rules != more)
    for second in range(-1, 32):
        start, end = answered + second * S, answered + (second + 1) * S
        expected = tuple(rule for rule in RULES if second >= 0 and rule in claims and claims[rule][0] <= start and end <= claims[rule][1])
        found = [rules for from_, to, rules in merged if from_ <= start and end <= to]
        assert found == ([expected] if expected else [])
        assert all((from_ - answered) % S == 0 and (to - answered) % S == 0 and from_ < to for from_, to, _ in merged)


step = st.tuples(st.sampled_from(RULES), st.sampled_from(("c1", "c2")), spans, st.sampled_from((0, 0, 0, 400, -1_000)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(step, min_size=1, max_size=3), min_size=1, max_size=8))
def test_whatever_is_claimed_and_changed_no_second_has_two_active_records(
    events: list[list[tuple[str, str, tuple[int, int], int]]],
) -> None:
    desk = Desk()
    held: dict[str, dict[str, tuple[int, int]]] = {"c1": {}, "c2": {}}
    answers: dict[str, int] = {}
    for claims in events:
        asked = []
        for rule, name, (from_, to), shift in claims:
            call = Talk(name)
            call = call._replace(answered=call.answered + shift)
            span = (T0 + from_, T0 + to)
            asked.append((rule, call, *span))
            if from_ == to:
                held[name].pop(rule, None)
            else:
                held[name][rule] = span
                answers[name] = call.answered
        desk.claim(*asked)  # every record is checked against the others as it is read
        for name, claimed in held.items():
            assert desk.spans(name) == (merge(answers[name], claimed) if claimed else [])


def test_the_alert_of_a_record_is_the_open_one_of_its_first_rule_that_has_one() -> None:
    bench = Bench(facts=[tenant_fact(), licence_fact()])
    bench.feed(placed("2026-03-02 10:00", 60, to="+33899123456", to_cls="premium", rate=80_000))
    (alert,) = bench.alerts(PAID)
    (record,) = [o for o in bench.said if isinstance(o, Metering)]
    assert record.alert_id == alert.alert_id
