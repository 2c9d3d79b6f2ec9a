from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.takeover.memory import (
    MOST_DOORS,
    MOST_SOURCES,
    Hit,
    Siege,
    TakeoverParams,
    count,
    failures_before,
    fresh,
    is_new,
    knock,
    note,
    strike,
)

P = TakeoverParams()
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def hit(at: int, failures: int = 1, source: int = 1, origin: int = 1, *, strange: bool = True, own: bool = False) -> Hit:
    return Hit(at, failures, source, origin, 7, strange, own)


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 4), st.integers(1, 3)), max_size=80))
def test_a_siege_is_told_as_if_every_failure_were_remembered(steps: list[tuple[int, int, int]]) -> None:
    siege, at, seen = Siege(0), 0, []
    for gap, failures, source in steps:
        at += gap
        one = hit(at, failures, source)
        seen.append(one)
        recent = [h for h in seen if h.at > at - 10 * MINUTE]
        told = strike(siege, one, P)
        if sum(h.count for h in recent) < 20:
            assert told is False
        last = recent[-20:]
        assert told == (sum(h.count for h in last) >= 20 and len({h.source for h in last}) >= 2)
    assert len(siege.hits) <= 20


def test_many_origins_at_one_address_count_only_on_a_network_that_the_account_does_not_use() -> None:
    at_home, elsewhere = Siege(0), Siege(0)
    assert not any(strike(at_home, hit(n, origin=n, strange=False), P) for n in range(40))
    assert any(strike(elsewhere, hit(n, origin=n), P) for n in range(40))


def test_a_phone_that_looks_like_one_of_the_account_needs_a_third_address() -> None:
    two, three = Siege(0), Siege(0)
    assert not any(strike(two, hit(n, source=n % 2, origin=n, own=True), P) for n in range(40))
    assert any(strike(three, hit(n, source=n % 3, own=True), P) for n in range(40))


def test_failures_before_a_success_are_those_of_its_network_within_the_hour_whatever_others_do_meanwhile() -> None:
    siege = Siege(0)
    for n in range(3):
        knock(siege, "a", n * MINUTE, 1, P)
    for n in range(500):
        knock(siege, "b", 3 * MINUTE + n, 1, P)
    assert failures_before(siege, "a", HOUR - 1, P) == 3
    assert failures_before(siege, "a", HOUR, P) == 0
    assert failures_before(siege, "c", HOUR - 1, P) == 0
    assert failures_before(None, "a", 0, P) == 0


def test_a_folded_record_of_failures_is_as_good_as_three() -> None:
    siege = Siege(0)
    assert knock(siege, "a", 0, 30, P).times == [0, 0, 0]
    assert failures_before(siege, "a", MINUTE, P) == 30


def test_networks_and_sources_of_a_siege_are_bounded_and_the_latest_network_stays() -> None:
    siege = Siege(0)
    for n in range(1_000):
        count(siege, n, 2, n)
        knock(siege, f"net-{n}", n, 1, P)
    assert (len(siege.sources), len(siege.doors), siege.total) == (MOST_SOURCES, MOST_DOORS, 2_000)
    assert "net-999" in siege.doors


def test_a_day_of_quiet_ends_a_siege() -> None:
    siege = Siege(0)
    count(siege, 5, 1, 1)
    assert fresh(siege, DAY + 5) is siege
    assert fresh(siege, DAY + 6) is not siege
    assert fresh(None, 9).first == 9


def test_what_was_seen_30_days_ago_is_known_and_what_was_seen_31_days_ago_is_new() -> None:
    seen: dict[str, int] = {}
    note(seen, "phone", 100, 4)
    assert not is_new(seen, "phone", 130, 30)
    assert is_new(seen, "phone", 131, 30)
    assert is_new(seen, "other", 100, 30)
    assert not is_new(seen, "", 100, 30)


def test_a_late_event_does_not_make_a_phone_look_older() -> None:
    seen = {"phone": 100}
    note(seen, "phone", 98, 4)
    assert seen == {"phone": 100}
