"""Vectors of moved-line and the honest lines that look similar."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.errors import PolicyError
from detectors.events import Event, Site
from detectors.rules.moved_line import MovedLineParams
from support.core import Bench, licence_fact, ms, reg, tenant_fact

RULE = "moved-line"
NINE = ms("2026-03-02 09:00")
DAY = 86_400_000
SITES = (Site("lyon", ("192.0.2.0/24", "2001:db8:1::/48")), Site("lille", ("198.51.100.0/25",)))
AT_SITE, ELSEWHERE, LILLE = "192.0.2.10", "203.0.113.7", "198.51.100.9"


def house(lines: int = 5, kind: str = "desk_phone", site: str | None = "lyon", **tenant: Any) -> list[Event]:
    return [tenant_fact(**({"sites": SITES} | tenant)), *(licence_fact(licence=f"20{n}", type=kind, site=site) for n in range(lines))]


def seen(day: int, ip: str, licence: str = "200", at: int = 0, **more: Any) -> Any:
    return reg(NINE + day * DAY + at, licence=licence, ip=ip, **more)


def others(days: int, ip: str = AT_SITE, lines: int = 5) -> list[Any]:
    return [seen(day, ip, licence=f"20{n}") for n in range(1, lines) for day in range(days)]


def test_three_closed_days_only_from_outside_the_site_are_a_breach() -> None:
    bench = Bench(facts=house()).feed(*others(3), *[seen(d, ELSEWHERE) for d in range(3)])
    assert bench.alerts(RULE) == []  # the third day is still open
    (said,) = bench.until("2026-03-05 06:00").alerts(RULE)
    assert (said.level, said.measured, said.limit, said.licence, said.mode) == ("breach", 3, 3, "200", "review")
    assert said.crossed_at == ms("2026-03-05 00:00")
    assert said.facts["site"] == "lyon"
    assert len(said.evidence) == 3


@pytest.mark.parametrize("kind", ["desk_phone", "fax", "trunk"])
def test_desk_phones_fax_and_trunks_are_judged(kind: str) -> None:
    bench = Bench(facts=house(kind=kind)).feed(*others(4), *[seen(d, ELSEWHERE) for d in range(3)])
    assert [a.level for a in bench.until("2026-03-05 06:00").alerts(RULE)] == ["breach"]


def test_softphones_may_go_anywhere() -> None:
    bench = Bench(facts=house(kind="softphone")).feed(*others(9), *[seen(d, ELSEWHERE) for d in range(9)])
    assert bench.until("2026-03-20").alerts(RULE) == []


def test_three_days_of_fourteen_and_not_of_fifteen() -> None:
    days = others(20)
    assert len(Bench(facts=house()).feed(*days, *[seen(d, ELSEWHERE) for d in (0, 6, 13)]).until("2026-03-25").alerts(RULE, "breach")) > 0
    assert Bench(facts=house()).feed(*days, *[seen(d, ELSEWHERE) for d in (0, 6, 14)]).until("2026-03-25").alerts(RULE) == []


def test_two_days_outside_are_not_caught() -> None:
    bench = Bench(facts=house()).feed(*others(9), *[seen(d, ELSEWHERE if d < 2 else AT_SITE) for d in range(9)])
    assert bench.until("2026-03-20").alerts(RULE) == []


def test_one_registration_inside_makes_it_a_day_at_the_site() -> None:
    events = [seen(d, ip, at=n * 60_000) for d in range(9) for n, ip in enumerate((ELSEWHERE, AT_SITE, ELSEWHERE))]
    assert Bench(facts=house()).feed(*others(9), *events).until("2026-03-20").alerts(RULE) == []


@pytest.mark.parametrize("ip", ["::ffff:192.0.2.10", "2001:db8:1:2::3"])
def test_addresses_of_the_site_are_known_in_both_families(ip: str) -> None:
    assert Bench(facts=house()).feed(*others(9), *[seen(d, ip) for d in range(9)]).until("2026-03-20").alerts(RULE) == []


def test_another_site_of_the_customer_is_elsewhere() -> None:
    bench = Bench(facts=house()).feed(*others(4), *[seen(d, LILLE) for d in range(3)]).until("2026-03-05 06:00")
    assert [a.level for a in bench.alerts(RULE)] == ["breach"]


def test_a_line_without_a_site_may_stand_at_any() -> None:
    facts = house(site=None)
    assert Bench(facts=facts).feed(*others(9), *[seen(d, LILLE) for d in range(9)]).until("2026-03-20").alerts(RULE) == []
    out = Bench(facts=facts).feed(*others(9), *[seen(d, ELSEWHERE) for d in range(3)]).until("2026-03-05 06:00")
    assert [a.level for a in out.alerts(RULE)] == ["breach"]


@pytest.mark.parametrize("sites", [(), (Site("lyon"),), (Site("lyon", ("head office",)),)])
def test_without_site_networks_nothing_is_judged(sites: tuple[Site, ...]) -> None:
    bench = Bench(facts=house(sites=sites)).feed(*[seen(d, ELSEWHERE) for d in range(9)]).until("2026-03-20")
    assert bench.alerts(RULE) == []
    assert bench.partition.counts["site_networks_unknown"] == 1


def test_half_of_a_site_together_is_one_notice_for_the_customer() -> None:
    events = [seen(d, ELSEWHERE, licence=f"20{n}") for n in range(2) for d in range(4)]
    events += [seen(d, AT_SITE, licence=f"20{n}") for n in range(2, 4) for d in range(4)]
    said = Bench(facts=house(4)).feed(*events).until("2026-03-05 06:00").alerts(RULE)
    assert [(a.level, a.licence, a.measured, a.limit) for a in said] == [("notice", None, 2, 2)]
    assert said[0].summary.startswith("Site networks out of date: 2 of 4 lines (lyon)")
    assert said[0].facts["sites"] == [{"site": "lyon", "moved": ["200", "201"], "lines": 4}]


def test_fewer_than_half_are_alerts_of_their_own() -> None:
    events = [seen(d, ELSEWHERE, licence=f"20{n}") for n in range(2) for d in range(4)]
    events += [seen(d, AT_SITE, licence=f"20{n}") for n in range(2, 5) for d in range(4)]
    said = Bench(facts=house(5)).feed(*events).until("2026-03-05 06:00").alerts(RULE)
    assert sorted((a.level, a.licence) for a in said) == [("breach", "200"), ("breach", "201")]


def test_the_only_line_of_a_site_is_no_half() -> None:
    said = Bench(facts=house(1)).feed(*[seen(d, ELSEWHERE) for d in range(3)]).until("2026-03-05 06:00").alerts(RULE)
    assert [(a.level, a.licence) for a in said] == [("breach", "200")]


def test_the_alert_of_the_first_line_is_superseded_when_the_others_follow() -> None:
    events = [seen(d, ELSEWHERE) for d in range(10)]
    events += [seen(d, AT_SITE if d < 4 else ELSEWHERE, licence=f"20{n}") for n in range(1, 4) for d in range(10)]
    bench = Bench(facts=house(4)).feed(*events).until("2026-03-12 06:00")
    own = bench.alerts(RULE, licence="200")
    (tenant,) = [a for a in bench.alerts(RULE) if a.licence is None][:1]
    assert (own[0].level, own[-1].state) == ("breach", "closed")
    assert tenant.supersedes == (own[0].alert_id,)
    assert bench.alerts(RULE, licence="201") == []


def test_corrected_networks_close_the_alerts_and_begin_anew() -> None:
    corrected = tenant_fact(NINE + 4 * DAY, sites=(Site("lyon", ("192.0.2.0/24", "203.0.113.0/24")),))
    events = [*[seen(d, ELSEWHERE) for d in range(10)], *others(10)]
    bench = Bench(facts=house()).feed(*events, corrected).until("2026-03-20")
    assert [(a.state, a.measured) for a in bench.alerts(RULE)] == [("open", 3), ("open", 4), ("closed", 4)]

    events = [seen(d, ELSEWHERE, licence=f"20{n}") for n in range(5) for d in range(10)]
    bench = Bench(facts=house()).feed(*events, corrected).until("2026-03-20")
    assert {a.licence for a in bench.alerts(RULE)} == {None}
    assert bench.alerts(RULE)[-1].state == "closed"


def test_a_fact_that_changes_nothing_about_networks_keeps_the_alert() -> None:
    renamed = tenant_fact(NINE + 4 * DAY, sites=SITES, name="Acme SAS")
    bench = Bench(facts=house()).feed(*others(10), *[seen(d, ELSEWHERE) for d in range(10)], renamed).until("2026-03-10")
    assert {a.state for a in bench.alerts(RULE)} == {"open"}


def test_a_late_registration_from_the_site_withdraws_the_breach() -> None:
    bench = Bench(facts=house()).feed(*others(4), *[seen(d, ELSEWHERE) for d in range(3)]).until("2026-03-05 01:30")
    late = seen(2, AT_SITE, at=14 * 3_600_000 + 1_800_000)
    late.late_ms = 3_000_000
    bench.said += bench.partition.step(late)
    assert bench.alerts(RULE)[-1].state == "withdrawn"


def test_the_alert_closes_when_the_line_is_back() -> None:
    events = [seen(d, ELSEWHERE if d < 3 else AT_SITE) for d in range(25)]
    bench = Bench(facts=house()).feed(*others(25), *events).until("2026-03-28")
    last = bench.alerts(RULE)[-1]
    assert (last.state, last.issued_at) == ("closed", ms("2026-03-17 01:00"))


def test_the_customers_notice_closes_when_its_lines_are_back() -> None:
    events = [seen(d, ELSEWHERE if d < 3 else AT_SITE, licence=f"20{n}") for n in range(5) for d in range(25)]
    bench = Bench(facts=house()).feed(*events).until("2026-03-28")
    assert [(a.state, a.licence) for a in bench.alerts(RULE)] == [("open", None), ("closed", None)]


@pytest.mark.parametrize("action", ["failed", "refused", "unregister", "expire"])
def test_only_successful_registrations_count(action: str) -> None:
    bench = Bench(facts=house()).feed(*others(9), *[seen(d, ELSEWHERE, action=action) for d in range(9)]).until("2026-03-20")
    assert bench.alerts(RULE) == []


def test_cut_and_resumed_in_the_middle_it_says_the_same() -> None:
    events = [seen(d, ELSEWHERE if n < 2 or d > 5 else AT_SITE, licence=f"20{n}") for n in range(5) for d in range(12)]
    straight = Bench(facts=house()).feed(*events).until("2026-03-20").said
    assert Bench(facts=house(), restart_every=4).feed(*events).until("2026-03-20").said == straight


def test_more_days_than_are_kept_are_refused() -> None:
    with pytest.raises(PolicyError, match="window_days"):
        MovedLineParams(breach_days=15)
