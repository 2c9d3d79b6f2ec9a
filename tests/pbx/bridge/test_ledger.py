"""What is in force for every licence, what waits, and the table that follows."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.bridge.decision import LATE_MS, Cause, Decision, adds, common, unite
from pbx.bridge.ledger import HOUR_MS, Ledger, Memory, merged
from pbx.bridge.table import difference, table_hash
from pbx.bridge.target import CALLS, RESTRICTIONS, Entry, TargetError
from pbx.gate import refused_by

NOW = 1_800_000_000_000
AORS = ("a@x", "b@x", "c@x")
PREFIXES = st.lists(st.sampled_from(("+33", "+336", "+44", "+4479", "+1")), max_size=3, unique=True).map(tuple)


def decision(licence: str = "1", sequence: int = 1, by: str = "policy", rule: str = "autodial", late: int = 0, **more: Any) -> Decision:
    base: dict[str, Any] = {
        "epoch": 1, "sequence": sequence, "decision_id": f"d{licence}.{sequence}", "state": "active", "tenant": "t", "licence": licence,
        "aors": (f"u{licence}@x",), "restrictions": ("outgoing",), "causes": (Cause(rule, by),), "issued_at": NOW - late, "published": NOW,
        "home_prefixes": ("+33",),
    }  # fmt: skip
    return Decision(**base | more)


def lift(licence: str = "1", sequence: int = 2, **more: Any) -> Decision:
    return decision(licence, sequence, state="lifted", restrictions=(), causes=(), **more)


@st.composite
def decisions(draw: st.DrawFn, licences: int = 4) -> Decision:
    asked = draw(st.sets(st.sampled_from(RESTRICTIONS)))
    restrictions = tuple(one for one in RESTRICTIONS if one in asked)
    on = draw(st.booleans())
    state = "active" if restrictions and on else "lifted"
    licence, epoch, sequence = draw(st.integers(1, licences)), draw(st.integers(1, 2)), draw(st.integers(1, 4))
    return decision(
        str(licence), sequence, draw(st.sampled_from(("policy", "marc"))),
        draw(st.sampled_from(("autodial", "toll-fraud"))), draw(st.sampled_from((0, LATE_MS + 1))), epoch=epoch, state=state,
        aors=tuple(one for one in AORS if draw(st.booleans())), restrictions=restrictions if state == "active" else (),
        prefixes=draw(PREFIXES) if "prefixes" in restrictions else (), home_prefixes=draw(PREFIXES),
        decision_id=f"d{licence}.{epoch}.{sequence}",
    )  # fmt: skip


@given(st.lists(decisions(), max_size=12))
def test_the_table_of_records_taken_one_by_one_is_that_of_what_stands(records: list[Decision]) -> None:
    ledger = Ledger(cap=2)
    for record in records:
        ledger.accept(record, NOW)
        assert ledger.table == unite(ledger.standing.values())


@given(st.lists(decisions(), max_size=12))
def test_the_highest_pair_of_a_licence_is_what_counts_in_any_order_of_arrival(records: list[Decision]) -> None:
    ledger = Ledger(cap=1000)
    best: dict[str, Decision] = {}
    for record in records:
        verdict, _ = ledger.accept(record, NOW)
        if record.key in best and record.pair <= best[record.key].pair:
            assert verdict == ("same" if record.pair == best[record.key].pair else "stale")
        else:
            best[record.key] = record
    assert ledger.latest == best


@given(st.lists(decisions(), max_size=12), st.integers(0, 3))
def test_a_restart_holds_and_counts_what_was_held_and_counted(records: list[Decision], cap: int) -> None:
    """Stop after any log, keep the snapshot, read the topic again: the same stands, the same waits."""
    before = Ledger(cap)
    kept = []
    for record in records:
        if before.accept(record, NOW)[0] in ("taken", "held"):
            kept.append(record)
    after = Ledger(cap)
    after.load(kept, msgspec.json.decode(msgspec.json.encode(before.memory()), type=Memory), NOW)
    assert (after.table, after.held, after.first) == (before.table, before.held, before.first)


@given(st.lists(decisions(), max_size=10))
def test_no_lift_no_persons_decision_and_nothing_weaker_is_ever_held(records: list[Decision]) -> None:
    ledger = Ledger(cap=0)
    for record in records:
        before = ledger.standing.get(record.key)
        verdict, _ = ledger.accept(record, NOW)
        if verdict == "held":
            assert record.automatic
            assert adds(record, before)


@given(decisions(1), decisions(1), st.sampled_from(("call", "register")), st.sampled_from(("mobile", "premium", "internal", "emergency")),
       st.sampled_from(("+33612345678", "+447911123456", "+15551234", "+3361", "")))  # fmt: skip
def test_what_two_records_have_in_common_refuses_only_what_both_refuse(
    one: Decision, two: Decision, what: Any, cls: str, e164: str
) -> None:
    tables = [unite([each]) for each in (one, two, common(one, two))]
    for aor in AORS:
        first, second, both = (refused_by(table.get(aor), what, cls, e164) for table in tables)
        assert not both or (first and second)


@given(
    decisions(1), decisions(1), st.sampled_from(("mobile", "premium", "internal")), st.sampled_from(("+33612345678", "+447911123456", ""))
)
def test_a_record_that_adds_nothing_refuses_nothing_new(old: Decision, new: Decision, cls: str, e164: str) -> None:
    if not adds(new, old):
        for aor in AORS:
            assert not refused_by(unite([new]).get(aor), "call", cls, e164) or refused_by(unite([old]).get(aor), "call", cls, e164)


@given(st.lists(decisions(), max_size=6), st.sampled_from(("mobile", "premium", "internal", "emergency")),
       st.sampled_from(("+33612345678", "+447911123456", "+15551234")))  # fmt: skip
def test_united_records_refuse_what_any_of_them_refuses_and_no_emergency_call(records: list[Decision], cls: str, e164: str) -> None:
    table = unite(records)
    for aor in AORS:
        alone = any(refused_by(unite([one]).get(aor), "call", cls, e164) for one in records)
        assert bool(refused_by(table.get(aor), "call", cls, e164)) == alone
        assert not refused_by(table.get(aor), "call", "emergency", "112")


@given(st.lists(decisions(), max_size=8), st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_and_tells_tables_apart(records: list[Decision], chance: random.Random) -> None:
    table = unite(records)
    shuffled = list(table.items())
    chance.shuffle(shuffled)
    assert table_hash(dict(shuffled)) == table_hash(table)
    for aor in table:
        other = {**table, aor: msgspec.structs.replace(table[aor], decision_id="another")}
        assert table_hash(other) != table_hash(table)
        assert table_hash({key: one for key, one in table.items() if key != aor}) != table_hash(table)


@given(st.lists(decisions(), max_size=8), st.lists(decisions(), max_size=8))
def test_carrying_out_the_difference_makes_the_table_the_wanted_one(wanted: list[Decision], standing: list[Decision]) -> None:
    goal, table = unite(wanted), unite(standing)
    put, drop = difference(goal, table)
    for entry in put:
        table[entry.aor] = entry
    for aor in drop:
        del table[aor]
    assert table == goal
    assert not difference(goal, table)


def test_outgoing_says_what_the_weaker_ones_say() -> None:
    assert common(decision(restrictions=("outgoing",)), decision(restrictions=CALLS)).restrictions == ("outgoing",)
    assert not adds(decision(restrictions=("international", "paid")), decision(restrictions=("outgoing",)))
    assert adds(decision(restrictions=("credentials",)), decision(restrictions=("outgoing",)))


def test_a_late_automatic_decision_waits_and_an_urgent_one_does_not() -> None:
    ledger = Ledger()
    assert ledger.accept(decision("1", late=LATE_MS + 1), NOW)[0] == "held"
    assert ledger.accept(decision("2", late=LATE_MS), NOW)[0] == "taken"
    assert ledger.accept(decision("3", late=LATE_MS + 1, rule="account-takeover"), NOW)[0] == "taken"
    assert sorted(ledger.table) == ["u2@x", "u3@x"]


def test_a_persons_review_releases_what_was_held() -> None:
    ledger = Ledger(cap=0)
    assert ledger.accept(decision("1"), NOW)[0] == "held"
    assert ledger.accept(decision("1", 2, by="marc"), NOW)[0] == "taken"
    assert (ledger.held, list(ledger.table)) == ({}, ["u1@x"])


def test_while_a_stronger_one_waits_the_weaker_one_stands_less_what_is_no_longer_asked() -> None:
    ledger = Ledger(cap=1)
    ledger.accept(decision("1", 1, aors=("a@x", "b@x"), restrictions=("international", "paid")), NOW)
    assert (
        ledger.accept(decision("1", 2, aors=("b@x", "c@x"), aors_removed=("a@x",), restrictions=("outgoing", "credentials")), NOW)[0]
        == "held"
    )
    assert {aor: one.restrictions for aor, one in ledger.table.items()} == {"b@x": ("international", "paid")}


def test_the_cap_counts_first_applications_of_an_hour_and_what_waits_stays_held() -> None:
    ledger = Ledger(cap=2)
    verdicts = [ledger.accept(decision(str(n)), NOW + n)[0] for n in range(4)]
    assert verdicts == ["taken", "taken", "held", "held"]
    assert ledger.accept(lift("0"), NOW + 10)[0] == "taken"
    assert ledger.accept(decision("5", by="marc"), NOW + 10)[0] == "taken"
    assert ledger.accept(decision("6"), NOW + HOUR_MS + 10)[0] == "taken"
    assert sorted(ledger.held) == ["t/2", "t/3"]


def test_what_has_a_receipt_is_neither_held_nor_counted() -> None:
    ledger = Ledger(cap=1)
    memory = merged(Memory(), {"d1.1": NOW - 2 * HOUR_MS, "d2.1": NOW - 2 * HOUR_MS}, {}, ["d1.1", "d2.1"], NOW)
    ledger.load([decision("1", late=HOUR_MS), decision("2"), decision("3"), decision("4")], memory, NOW)
    assert sorted(ledger.table) == ["u1@x", "u2@x", "u3@x"]
    assert list(ledger.held) == ["t/4"]


def test_receipts_of_the_last_hour_count_after_a_lost_snapshot() -> None:
    ledger = Ledger(cap=1)
    ledger.load([decision("1"), decision("2")], merged(Memory(), {"d1.1": NOW - 1000}, {}, ["d1.1", "d2.1"], NOW), NOW)
    assert list(ledger.held) == ["t/2"]


def test_the_earliest_published_are_applied_first_when_the_cap_bites_at_a_start() -> None:
    ledger = Ledger(cap=1)
    ledger.load([decision("1", published=NOW), decision("2", published=NOW - 5)], Memory(), NOW)
    assert (list(ledger.table), list(ledger.held)) == (["u2@x"], ["t/1"])


def test_what_stood_when_a_superseded_record_was_applied_stands_while_the_newer_one_waits() -> None:
    ledger = Ledger()
    records = [decision("1", 1, restrictions=("paid",)), decision("1", 2, late=HOUR_MS)]
    ledger.load(records, merged(Memory(), {"d1.1": NOW - 2 * HOUR_MS}, {}, [], NOW), NOW)
    assert {aor: one.restrictions for aor, one in ledger.table.items()} == {"u1@x": ("paid",)}


def test_a_tombstone_lifts_and_forgets_the_pair() -> None:
    ledger = Ledger()
    ledger.accept(decision("1", 7), NOW)
    assert ledger.forget("t/1") == ["u1@x"]
    assert ledger.table == {}
    assert ledger.accept(decision("1", 1), NOW)[0] == "taken"


def test_the_allow_list_keeps_an_aor_open_whatever_is_decided() -> None:
    ledger = Ledger(allow=["u1@x"])
    ledger.accept(decision("1", by="marc"), NOW)
    assert ledger.table == {}
    assert ledger.spared(decision("1")) == ["u1@x"]


@pytest.mark.parametrize("home", [("+33",), ("+33", "+44")])
def test_a_smaller_home_zone_is_more(home: tuple[str, ...]) -> None:
    old = decision(restrictions=("international",), home_prefixes=("+33", "+44"))
    assert adds(decision(restrictions=("international",), home_prefixes=home), old) == (home == ("+33",))


def test_an_entry_without_a_restriction_cannot_be() -> None:
    with pytest.raises(TargetError):
        Entry(aor="a@x", decision_id="d", customer_code="c", restrictions=())
