from __future__ import annotations

from detectors.rules.account_takeover import RULE
from detectors.takeover import customer
from support.core import Bench, ms, reg

TODAY = ms("2026-03-02 09:00")


def state(bench: Bench) -> customer.TakeoverTenant:
    found = bench.partition.tenants["acme"].rules[RULE.rule]
    assert isinstance(found, customer.TakeoverTenant)
    return found


def only() -> Bench:
    return Bench(detectors={RULE.rule: RULE})


def test_networks_of_a_customer_are_bounded_and_the_latest_ones_stay() -> None:
    bench = only()
    for n in range(customer.MOST_NETWORKS + 10):
        bench.feed(reg(TODAY + n * 60_000, licence=f"{n % 50}", network=f"10.{n >> 8}.{n & 255}.0/24"))
    networks = state(bench).networks
    assert customer.MOST_NETWORKS * 3 // 4 <= len(networks) <= customer.MOST_NETWORKS
    assert max(networks.values()) == list(networks.values())[-1]


def test_networks_that_only_fail_are_bounded_and_those_of_a_siege_are_kept_longest() -> None:
    bench = only()
    for n in range(5):
        bench.feed(reg(TODAY + n, licence=f"{n}", action="failed", network="siege", device=None, agent="x"))
    for n in range(300):
        bench.feed(reg(TODAY + 1_000 + n, action="failed", network=f"10.9.{n}.0/24", device=None, agent="x"))
    knocks = state(bench).knocks
    assert len(knocks) == customer.MOST_KNOCKS
    assert knocks["siege"].siege


def test_accounts_of_a_network_are_bounded() -> None:
    bench = only()
    for n in range(customer.MOST_ACCOUNTS + 50):
        bench.feed(reg(TODAY + n, licence=f"{n}", action="failed", network="siege", device=None, agent="x"))
    assert len(state(bench).knocks["siege"].accounts) == customer.MOST_ACCOUNTS
    assert state(bench).failures == customer.MOST_ACCOUNTS + 50


def test_an_alert_of_the_customer_leaves_a_break_in_of_one_of_its_licences_alone() -> None:
    bench = only()
    for n in range(3):
        bench.feed(reg(TODAY + n, licence="1", action="failed", network="siege", device="thief", ip="203.0.113.9"))
    bench.feed(reg(TODAY + 10, licence="1", action="register", network="siege", device="thief"))
    assert list(state(bench).entered) == ["1"]
    for n in range(6):
        bench.feed(reg(TODAY + 20 + n, licence=f"{n}", action="failed", network="other", device=None, agent="x"))
    [whole] = [a for a in bench.alerts() if a.licence is None]
    assert whole.supersedes == ()
    assert RULE.rule in bench.partition.licences["acme", "1"].alerts
