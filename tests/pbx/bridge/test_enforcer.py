"""The order of the steps, what is done again, and what is said: on a PBX in memory that fails and forgets when it is told to."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.bridge.decision import Cause, Decision
from pbx.bridge.enforcer import AGAIN_MS, REPAIR_MS, Enforcer, Said
from pbx.bridge.ledger import Memory
from pbx.bridge.target import Entry, TargetError

NOW = 1_800_000_000_000


class Pbx:
    """A PBX: a table, calls up by AoR, and every order it was given. ``broken`` orders fail; ``chance`` fails at random."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self.entries: dict[str, Entry] = {}
        self.calls: dict[str, int] = {}
        self.orders: list[str] = []
        self.broken: set[str] = set()
        self.started, self.sentinel = 1, False
        self.chance = chance

    def restart(self) -> None:
        self.entries, self.sentinel, self.started = {}, False, self.started + 1

    def _order(self, name: str, what: str = "") -> None:
        if name in self.broken or "all" in self.broken or (self.chance is not None and self.chance.random() < 0.3):
            raise TargetError(f"{name} failed")
        self.orders.append(f"{name} {what}".strip())

    def table(self) -> dict[str, Entry]:
        self._order("table")
        return dict(self.entries)

    def put(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._order("put", entry.aor)
            self.entries[entry.aor] = entry

    def drop(self, aors: Iterable[str]) -> None:
        for aor in aors:
            self._order("drop", aor)
            self.entries.pop(aor, None)

    def end_calls(self, entry: Entry) -> int:
        self._order("calls", entry.aor)
        return self.calls.pop(entry.aor, 0)

    def remove_contacts(self, aor: str) -> int:
        self._order("contacts", aor)
        return 1

    def generation(self) -> str:
        if "all" in self.broken:
            raise TargetError("away")
        return f"{self.started} {self.sentinel}"

    def complete(self) -> None:
        self._order("complete")
        self.sentinel = True

    def close(self) -> None:
        pass


def decision(licence: str = "1", sequence: int = 1, state: str = "active", **more: object) -> Decision:
    given_: dict[str, object] = {
        "epoch": 1, "sequence": sequence, "decision_id": f"d{licence}.{sequence}", "state": state, "tenant": "t", "licence": licence,
        "aors": (f"u{licence}@x",), "restrictions": ("outgoing",) if state == "active" else (), "causes": (Cause("autodial", "marc"),),
        "issued_at": NOW, "published": NOW,
    }  # fmt: skip
    return Decision(**given_ | more)  # type: ignore[arg-type]


def work(one: Enforcer, now: int, most: int = 1000) -> int:
    """Everything that is due now, and how many steps it took."""
    for steps in range(most):
        if not one.step(now):
            return steps
    raise AssertionError("it never rests")


def started(pbx: Pbx, *records: Decision, **options: object) -> Enforcer:
    one = Enforcer(pbx, **options)  # type: ignore[arg-type]
    one.load(records, Memory(), {}, NOW)
    work(one, NOW)
    return one


def statuses(said: Iterable[Said]) -> list[tuple[str, str]]:
    return [(one.decision.decision_id, one.status) for one in said]


def test_the_table_comes_first_then_contacts_then_calls_and_calls_again_after_1_and_5_seconds() -> None:
    pbx = Pbx()
    one = started(pbx)
    pbx.orders.clear()
    pbx.calls["u1@x"] = 2
    one.offer(decision(restrictions=("outgoing", "credentials")), NOW)
    work(one, NOW)
    assert pbx.orders == ["put u1@x", "contacts u1@x", "calls u1@x"]
    assert [(said.status, said.calls_ended, said.contacts_removed) for said in one.said] == [("applied", 2, 1)]
    for later in AGAIN_MS:
        pbx.orders.clear()
        work(one, NOW + later - 1)
        assert pbx.orders == []
        pbx.calls["u1@x"] = 1
        work(one, NOW + later)
        assert pbx.orders == ["calls u1@x"]
    assert [said.calls_ended for said in one.said] == [2, 3, 4]


def test_contacts_stay_unless_credentials_are_refused() -> None:
    pbx = Pbx()
    started(pbx, decision())
    assert not any(order.startswith("contacts") for order in pbx.orders)


def test_a_lift_drops_and_looks_at_no_call() -> None:
    pbx = Pbx()
    one = started(pbx, decision())
    pbx.orders.clear()
    one.offer(decision("1", 2, "lifted"), NOW)
    work(one, NOW + 10_000)
    assert pbx.orders == ["drop u1@x"]
    assert statuses(one.said) == [("d1.1", "applied"), ("d1.2", "applied")]


@pytest.mark.parametrize("step", ["put", "contacts", "calls"])
def test_a_failed_step_does_the_whole_decision_again_and_says_failed_once_and_then_applied(step: str) -> None:
    pbx = Pbx()
    one = started(pbx)
    pbx.broken = {step}
    one.offer(decision(restrictions=("outgoing", "credentials")), NOW)
    for at in range(0, 20_000, 100):
        work(one, NOW + at)
    assert statuses(one.said) == [("d1.1", "failed")]
    pbx.broken, pbx.orders = set(), []
    work(one, NOW + 60_000)
    assert pbx.orders[:3] == ["put u1@x", "contacts u1@x", "calls u1@x"]
    assert statuses(one.said) == [("d1.1", "failed"), ("d1.1", "applied")]


def test_one_decision_that_always_fails_keeps_no_other_waiting() -> None:
    pbx = Pbx()
    one = started(pbx)
    pbx.broken = {"contacts"}
    one.offer(decision("1", restrictions=("credentials",)), NOW)
    one.offer(decision("2"), NOW)
    work(one, NOW)
    assert statuses(one.said) == [("d1.1", "failed"), ("d2.1", "applied")]


def test_a_restart_puts_the_whole_table_before_the_sentinel_and_the_sentinel_before_calls() -> None:
    pbx = Pbx()
    one = started(pbx, *(decision(str(n)) for n in range(5)))
    work(one, NOW + 6000)
    one.said.clear()
    pbx.restart()
    pbx.orders.clear()
    work(one, NOW + 7000)
    names = [order.partition(" ")[0] for order in pbx.orders]
    assert names == ["table", *["put"] * 5, "complete", *["put", "calls"] * 5]
    # They have their receipts.
    assert not one.said


def test_a_lost_sentinel_alone_is_a_restart_too() -> None:
    pbx = Pbx()
    one = started(pbx, decision())
    pbx.entries, pbx.sentinel = {}, False
    work(one, NOW + 1000)
    assert (list(pbx.entries), pbx.sentinel) == (["u1@x"], True)


def test_the_repair_puts_what_is_missing_and_drops_what_nobody_decided() -> None:
    pbx = Pbx()
    one = started(pbx, decision("1"), decision("2"))
    pbx.entries["u9@x"] = pbx.entries.pop("u1@x")
    work(one, NOW + REPAIR_MS)
    assert sorted(pbx.entries) == ["u1@x", "u2@x"]


def test_a_pause_gives_no_order_and_a_resume_all_that_was_missed() -> None:
    pbx = Pbx()
    one = started(pbx, decision("1"))
    one.command("pause", "nadia", "drill", NOW)
    pbx.orders.clear()
    one.offer(decision("2"), NOW)
    one.offer(decision("1", 2, "lifted"), NOW)
    work(one, NOW + REPAIR_MS)
    assert pbx.orders == []
    one.command("resume", "nadia", "", NOW)
    work(one, NOW + REPAIR_MS + 1)
    assert list(pbx.entries) == ["u2@x"]
    assert statuses(one.said) == [("d1.1", "applied"), ("d2.1", "applied"), ("d1.2", "applied")]


def test_a_pbx_that_restarts_during_a_pause_does_not_wait_for_a_table() -> None:
    pbx = Pbx()
    one = started(pbx, decision("1"))
    one.command("pause", "nadia", "drill", NOW)
    pbx.restart()
    work(one, NOW + 1000)
    assert (pbx.entries, pbx.sentinel) == ({}, True)


def test_a_flush_is_repeated_until_the_table_is_empty_and_nothing_comes_back() -> None:
    pbx = Pbx()
    one = started(pbx, decision("1"), decision("2"))
    pbx.broken = {"drop"}
    one.command("flush", "nadia", "wrong", NOW)
    work(one, NOW)
    assert len(pbx.entries) == 2
    pbx.broken = set()
    for at in (1000, REPAIR_MS, 2 * REPAIR_MS):
        work(one, NOW + at)
        assert pbx.entries == {}
    one.command("resume", "nadia", "", NOW)
    work(one, NOW + 3 * REPAIR_MS)
    assert len(pbx.entries) == 2


def test_a_dry_run_gives_no_order_ever() -> None:
    pbx = Pbx()
    one = started(pbx, decision("1"), decision("3", causes=(Cause("autodial", "policy"),)), dry_run=True, cap=0)
    one.offer(decision("2"), NOW)
    one.command("flush", "nadia", "drill", NOW)
    work(one, NOW)
    one.command("resume", "nadia", "drill", NOW)
    work(one, NOW + REPAIR_MS)
    assert set(pbx.orders) == {"table"}
    assert {said.status for said in one.said} == {"dry_run"}


def test_a_snapshot_restores_what_a_restart_lost_and_lifts_nothing() -> None:
    kept = started(Pbx(), decision("1"), decision("2"))
    pbx = Pbx()
    pbx.entries["u9@x"] = Entry(aor="u9@x", decision_id="newer", customer_code="", restrictions=("paid",))
    one = Enforcer(pbx)
    one.recall(kept.ledger.memory(), kept.kill, "another")
    work(one, NOW)
    assert sorted(pbx.entries) == ["u1@x", "u2@x", "u9@x"]


def test_a_pbx_that_lost_nothing_knows_more_than_a_snapshot() -> None:
    pbx = Pbx()
    kept = started(pbx, decision("1"), decision("2"))
    del pbx.entries["u2@x"]  # lifted after the snapshot was written
    one = Enforcer(pbx)
    one.recall(kept.ledger.memory(), kept.kill, kept.generation)
    work(one, NOW)
    assert list(pbx.entries) == ["u1@x"]


@given(st.lists(st.tuples(st.sampled_from("1234"), st.sampled_from(("active", "lifted", "restart", "gone"))), max_size=15), st.integers())
def test_whatever_fails_and_restarts_in_between_the_pbx_ends_with_what_is_decided(events: list[tuple[str, str]], seed: int) -> None:
    pbx = Pbx(random.Random(seed))
    one = started(pbx)
    now = NOW
    for sequence, (licence, what) in enumerate(events, 1):
        if what == "restart":
            pbx.restart()
        elif what == "gone":
            one.forget(f"t/{licence}", now)
        else:
            one.offer(decision(licence, sequence, what), now)
        now += 150
        work(one, now)
    for _ in range(400):
        now += 1000
        work(one, now)
    pbx.chance = None
    for _ in range(60):
        now += 1000
        work(one, now)
    assert pbx.entries == one.ledger.table
    assert pbx.sentinel
    assert not one.pending
    newest = {record.decision_id for record in one.ledger.latest.values()}
    assert newest == {said.decision.decision_id for said in one.said if said.status == "applied"} & newest
