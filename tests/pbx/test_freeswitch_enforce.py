"""FreeSWITCH as a target, against a stand-in for its event socket; and its gate, in a real Lua."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.bridge.target import Entry, TargetError
from pbx.freeswitch.enforce import FreeSwitch, connect
from support.fakes.entries import HOSTILE, changed, entries, entry, many
from support.fakes.esl import Esl, Leg

ALICE = "alice@pbx.example"


@pytest.fixture
def esl() -> Iterator[Esl]:
    with Esl() as one:
        yield one


@pytest.fixture
def freeswitch(esl: Esl) -> Iterator[FreeSwitch]:
    one = connect(esl.url, secret="ClueCon", profiles="internal, phones")
    yield one
    one.close()


def leg(uuid: str, aor: str = "", cls: str = "", e164: str = "", direction: str = "inbound") -> Leg:
    said = {"vigie_aor": aor, "vigie_class": cls, "vigie_e164": e164}
    return Leg(uuid, direction, {key: value for key, value in said.items() if value})


def test_a_suspension_is_one_key_of_the_hash_and_a_lift_removes_it(freeswitch: FreeSwitch, esl: Esl) -> None:
    freeswitch.put([entry(ALICE, "international", "paid", home_prefixes=("+33", "+262"))])
    assert esl.hash == {f"vigie_{ALICE}": "1|de-1|V1|ip|+33,+262||"}
    freeswitch.drop([ALICE])
    freeswitch.drop([ALICE, "never@pbx.example"])
    assert esl.hash == {}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(entries(), max_size=8, unique_by=lambda one: one.aor))
def test_what_was_put_is_what_the_table_says(wanted: list[Entry], freeswitch: FreeSwitch, esl: Esl) -> None:
    esl.hash.clear()
    freeswitch.put(wanted)
    freeswitch.put(wanted)
    assert freeswitch.table() == {one.aor: one for one in wanted}


def test_thousands_at_once_and_what_others_wrote_is_left_or_shown(freeswitch: FreeSwitch, esl: Esl) -> None:
    esl.hash = {"numclass_+3389": "premium", "other_vigie_x": "y", "vigie_": "z", f"vigie_{ALICE}": "by/hand"}
    freeswitch.put(many(2000))
    table = freeswitch.table()
    assert table.pop(ALICE).decision_id == ""
    assert table == {one.aor: one for one in many(2000)}


def test_one_entry_that_cannot_be_written_is_named_when_all_others_stand(freeswitch: FreeSwitch) -> None:
    odd = entry("odd@pbx.example", decision="de-'${x}'")
    with pytest.raises(TargetError, match=r"odd@pbx\.example: FreeSWITCH's hash cannot hold"):
        freeswitch.put([entry(), odd, entry("bob@pbx.example")])
    assert sorted(freeswitch.table()) == [ALICE, "bob@pbx.example"]


def test_only_matching_calls_end_an_emergency_call_and_an_internal_one_never(freeswitch: FreeSwitch, esl: Esl) -> None:
    esl.legs = [
        leg("u1", ALICE, "intl_fixed_mobile", "+447911123456"),
        leg("u2", ALICE, "intl_fixed_mobile", "+447911123456", direction="outbound"),
        leg("u3", ALICE, "mobile", "+33612345678"),
        leg("u4", "", "emergency", "112"),
        leg("u5", ALICE, "emergency", "112"),
        leg("u6", ALICE, "internal", "102"),
        leg("u7", "bob@pbx.example", "intl_fixed_mobile", "+447911123456"),
        leg("u8"),
    ]
    assert freeswitch.end_calls(entry(ALICE, "international", home_prefixes=("+33",))) == 1
    assert freeswitch.end_calls(entry(ALICE, "outgoing")) == 1
    assert freeswitch.end_calls(entry(ALICE, "credentials")) == 1
    assert freeswitch.end_calls(entry(ALICE, "credentials")) == 0
    assert [one.uuid for one in esl.legs] == ["u2", "u4", "u5", "u7", "u8"]


def test_registrations_of_the_aor_are_flushed_and_of_nobody_else(freeswitch: FreeSwitch, esl: Esl) -> None:
    esl.registrations = [("alice", "pbx.example"), ("Alice", "PBX.example"), ("alice", "elsewhere.example"), ("bob", "pbx.example")]
    assert freeswitch.remove_contacts(ALICE) == 2
    assert freeswitch.remove_contacts(ALICE) == 0
    assert esl.registrations == [("alice", "elsewhere.example"), ("bob", "pbx.example")]
    with pytest.raises(TargetError, match="user@domain"):
        freeswitch.remove_contacts("alice")
    flushes = [order.split() for order in esl.orders if "flush_inbound_reg" in order]
    assert [words[2] for words in flushes] == ["internal", "phones"] * 2
    assert all(len(words) == 5 and words[4] == ALICE for words in flushes)


def test_a_profile_that_is_not_there_is_an_error(esl: Esl) -> None:
    one = connect(esl.url, secret="ClueCon", profiles="external")
    with pytest.raises(TargetError, match="in profile external"):
        one.remove_contacts(ALICE)
    one.close()


def test_a_restart_or_a_lost_hash_changes_the_generation_and_costs_no_order(freeswitch: FreeSwitch, esl: Esl) -> None:
    before = freeswitch.generation()
    assert before == "8f1c gone"
    freeswitch.complete()
    assert freeswitch.generation() == "8f1c live"
    esl.restart()
    freeswitch.put([entry()])
    assert freeswitch.generation() == "8f1c+ gone"
    freeswitch.complete()
    esl.hash.clear()
    assert freeswitch.generation() == "8f1c+ gone"


def test_a_wrong_password_and_nobody_there_are_named(esl: Esl) -> None:
    wrong = connect(esl.url, secret="other")
    with pytest.raises(TargetError, match="refused the password"):
        wrong.table()
    with pytest.raises(TargetError, match="does it run"):
        connect("esl://127.0.0.1:1", secret="s").drop(["a@x"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=HOSTILE, part=st.sampled_from(["aor", "decision_id", "customer_code", "prefixes", "allowed_numbers", "home_prefixes"]))
def test_an_empty_argument_or_a_line_end_in_one_never_reaches_freeswitch(bad: str, part: str, freeswitch: FreeSwitch, esl: Esl) -> None:
    esl.orders.clear()
    esl.registrations = [("bob", "pbx.example")]
    good = entry(ALICE, "prefixes", prefixes=("+3389",), home_prefixes=("+33",), allowed_numbers=("+331",))
    orders: list[Callable[[], object]] = [lambda: freeswitch.put([changed(good, part, bad)]), lambda: freeswitch.put([good])]
    if part == "aor":
        orders += [lambda: freeswitch.drop([bad]), lambda: freeswitch.remove_contacts(bad), lambda: freeswitch.drop([ALICE, bad])]
    for order in orders:
        try:
            order()
        except TargetError:
            continue
    for sent in esl.orders:
        verb, realm, key, *value = sent.removeprefix("hash ").split("/", 3)
        assert (verb, realm, key) in (("insert", "vigie", ALICE), ("delete", "vigie", ALICE))
        assert all(value)
    assert esl.registrations == [("bob", "pbx.example")]


def test_what_connect_cannot_use_is_refused_with_what_to_write() -> None:
    with pytest.raises(TargetError, match="esl://HOST:8021"):
        connect("http://x", secret="s")
    with pytest.raises(TargetError, match="secret_file=PATH"):
        connect("esl://x")
    with pytest.raises(TargetError, match="without SIP profile"):
        connect("esl://x", secret="s", profiles="internal,")
    with pytest.raises(TargetError, match="no option user"):
        connect("esl://x", secret="s", user="u")
