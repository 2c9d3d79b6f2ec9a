"""An attack on forty customers is one thing to look at (issue: campaigns)."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Call, Dest, Loc, Reference, Registration
from streams.campaigns import Known, Proof, Said, Use, campaigns, reference_of, shared, unsaid, use_of
from streams.times import format_time
from streams.wire import Wire
from support.core import ms

T0 = ms("2026-03-02 03:00")
HOUR = 3_600_000
ATTACKER, SOMALIA, FRANCE = "198.51.100.0/24", "+25261234••••", "+3361234••••"
HOME = ("+33",)
#: A log of a thousand licences that use nothing of the attack.
QUIET = Use(active=1_000)


def alert(tenant: str, at: int = T0, network: str = "", number: str = "", **more: Any) -> Said:
    fields: dict[str, Any] = {
        "alert_id": f"al-{tenant}-{at}", "update": 1, "state": "open", "rule": "toll-fraud", "level": "breach", "tenant": tenant,
        "licence": "101", "crossed_at": format_time(at), "issued_at": format_time(at), "evidence": (Proof(network, number),), **more,
    }  # fmt: skip
    return Said(**fields)


def found(*alerts: Said, use: Use | None = QUIET) -> list[list[str]]:
    return [list(one.tenants) for one in campaigns(alerts, use, HOME)]


@pytest.mark.parametrize("shared", [{"network": ATTACKER}, {"number": SOMALIA}])
def test_alerts_of_three_customers_within_24_hours_that_share_a_network_or_a_range_are_one_campaign(shared: dict[str, Any]) -> None:
    assert found(alert("a", **shared), alert("b", T0 + HOUR, **shared), alert("c", T0 + 24 * HOUR, **shared)) == [["a", "b", "c"]]


def test_two_customers_are_no_campaign_however_many_alerts_they_have() -> None:
    assert found(*(alert(t, T0 + n * HOUR, ATTACKER, licence=str(n)) for n in range(5) for t in "ab")) == []


def test_three_customers_spread_over_more_than_a_day_are_none() -> None:
    assert found(alert("a", network=ATTACKER), alert("b", T0 + 13 * HOUR, ATTACKER), alert("c", T0 + 25 * HOUR, ATTACKER)) == []


def test_an_attack_that_goes_on_for_days_stays_one_and_keeps_its_name() -> None:
    wave = [alert(f"t{n}", T0 + n * 10 * HOUR, ATTACKER) for n in range(9)]
    (whole,) = campaigns(wave, QUIET, HOME)
    (first,) = campaigns(wave[:4], QUIET, HOME)
    assert (len(whole.alert_ids), whole.campaign_id) == (9, first.campaign_id)


def test_two_attacks_a_week_apart_from_one_network_are_two() -> None:
    waves = [alert(t, T0 + week * 168 * HOUR, ATTACKER) for week in range(2) for t in "abc"]
    assert found(*waves) == [["a", "b", "c"], ["a", "b", "c"]]


def test_groups_that_share_an_alert_are_one_campaign() -> None:
    by_network = [alert("a", T0, ATTACKER), alert("b", T0, ATTACKER), alert("c", T0, ATTACKER, SOMALIA)]
    by_range = [alert("d", T0 + HOUR, "", SOMALIA), alert("e", T0 + HOUR, "", SOMALIA)]
    (one,) = campaigns([*by_network, *by_range], QUIET, HOME)
    assert (one.tenants, one.networks, one.ranges) == (("a", "b", "c", "d", "e"), (ATTACKER,), ("+252612",))


def test_a_network_that_over_one_percent_of_the_active_licences_use_without_an_alert_joins_nothing() -> None:
    three = [alert(t, network=ATTACKER) for t in "abc"]
    users = {("network", ATTACKER): {("x", str(n)) for n in range(10)}}
    assert found(*three, use=Use(1_000, users)) == [["a", "b", "c"]]
    users["network", ATTACKER].add(("x", "10"))
    assert found(*three, use=Use(1_000, users)) == []


def test_a_large_attack_does_not_hide_itself_by_its_own_victims() -> None:
    victims = [alert(f"t{n:02}", network=ATTACKER) for n in range(40)]
    users = {("network", ATTACKER): {(f"t{n:02}", "101") for n in range(40)}}
    assert len(found(*victims, use=Use(100, users))[0]) == 40


def test_a_range_that_everybody_calls_joins_nothing() -> None:
    three = [alert(t, number=FRANCE) for t in "abc"]
    assert found(*three, use=Use(100, {("range", "+33612"): {("x", "1"), ("x", "2")}})) == []
    assert found(*three, use=None) == []


def test_a_user_agent_makes_no_campaign_and_confirms_one() -> None:
    three = [alert(t, network=ATTACKER) for t in "abc"]
    agents = {ATTACKER: {"friendly-scanner": {"a", "b", "c"}, "Linphone/5": {"a"}}}
    (one,) = campaigns(three, Use(1_000, {}, agents), HOME)
    assert one.user_agents == ("friendly-scanner",)
    assert found(*(alert(t) for t in "abc"), use=Use(1_000, {}, agents)) == []


def test_withdrawn_and_superseded_alerts_and_audit_samples_are_left_out() -> None:
    two = [alert("a", network=ATTACKER), alert("b", network=ATTACKER)]
    c = alert("c", network=ATTACKER)
    assert found(*two, c, alert("c", network=ATTACKER, update=2, state="withdrawn")) == []
    assert found(*two, c, alert("d", number=SOMALIA, supersedes=(c.alert_id,))) == []
    assert found(*two, alert("c", network=ATTACKER, level="audit")) == []
    assert found(*two, alert("c", network=ATTACKER, state="closed")) == [["a", "b", "c"]]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 60), st.integers(0, 2), st.integers(0, 2)), max_size=25), st.randoms())
def test_the_same_alerts_in_any_order_are_the_same_campaigns(rows: list[tuple[int, ...]], dice: random.Random) -> None:
    alerts = [
        alert(f"t{t}", T0 + h * HOUR, f"198.51.{n}.0/24", f"+2526{r}234••••", alert_id=f"al-{i}") for i, (t, h, n, r) in enumerate(rows)
    ]
    shuffled = list(alerts)
    dice.shuffle(shuffled)
    said = campaigns(alerts, QUIET, HOME)
    assert campaigns(shuffled, QUIET, HOME) == said
    names = [name for one in said for name in one.alert_ids]
    assert len(names) == len(set(names))
    assert all(len(one.tenants) >= 3 for one in said)


def test_use_counts_licences_that_got_in_or_called_and_not_those_somebody_knocked_at() -> None:
    def reg(licence: str, action: Any) -> Registration:
        return Registration(action=action, tenant="x", licence=licence, user_agent="A/1", loc=Loc(network=ATTACKER))

    def call(licence: str, **more: Any) -> Call:
        return Call(phase="attempt", call_id="c", direction="outbound", tenant="x", licence=licence, dest=Dest("+252612345678"), **more)

    events = [reg("1", "register"), reg("2", "failed"), call("3"), call("4", refused_by="de-1"), call("5", emergency=True)]
    use = use_of(events, [("network", ATTACKER), ("range", "+252612")])
    assert use.active == 2
    assert use.users == {("network", ATTACKER): {("x", "1")}, ("range", "+252612"): {("x", "3")}}
    assert use.agents == {ATTACKER: {"A/1": {"x"}}}


def test_it_is_published_as_a_reference_event_that_ingest_accepts() -> None:
    (one,) = campaigns([alert(t, T0 + n, ATTACKER) for n, t in enumerate("abc")], QUIET, HOME)
    line = reference_of(one)
    event = Wire().decode(line)
    assert event.time == T0 + 2
    assert isinstance(event, Reference)
    assert event.name == f"campaign/{one.campaign_id}"
    body = json.loads(line)["body"]
    assert (body["campaign_id"], body["alert_ids"]) == (one.campaign_id, list(one.alert_ids))


def known(*campaigns_said: Any) -> list[Known]:
    return [msgspec.convert(json.loads(reference_of(one))["body"], Known) for one in campaigns_said]


def test_a_campaign_is_told_once_and_again_under_its_name_when_it_has_grown() -> None:
    three = [alert(t, T0 + n, ATTACKER) for n, t in enumerate("abc")]
    (first,) = campaigns(three, QUIET, HOME)
    assert unsaid([first], []) == [first]
    assert unsaid([first], known(first)) == []
    # Its first alert was withdrawn, a fourth customer is hit: by itself it would have another name.
    (later,) = campaigns([*three[1:], alert("d", T0 + 9, ATTACKER)], QUIET, HOME)
    assert later.campaign_id != first.campaign_id
    (told,) = unsaid([later], known(first))
    assert (told.campaign_id, told.alert_ids) == (first.campaign_id, later.alert_ids)
    assert unsaid([later], known(first, told)) == []


def test_only_keys_of_three_customers_need_a_log() -> None:
    two = [alert("a", network=ATTACKER), alert("b", network=ATTACKER), alert("b", T0 + 1, ATTACKER), alert("c", number=SOMALIA)]
    assert shared(two) == set()
    assert shared([*two, alert("c", T0 + 2, ATTACKER)]) == {("network", ATTACKER)}


def test_the_reference_of_a_campaign_of_any_size_is_within_what_an_object_may_have() -> None:
    many = [alert(f"t{n}", T0 + n, ATTACKER, alert_id=f"al-{n:020}") for n in range(3_000)]
    (one,) = campaigns(many, QUIET, HOME)
    line = reference_of(one)
    assert len(line) < 64 * 1024
    assert json.loads(line)["body"]["alerts"] == 3_000
