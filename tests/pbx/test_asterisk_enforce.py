"""Asterisk as a target, against a stand-in for its manager interface."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.asterisk import __file__ as folder
from pbx.asterisk.enforce import Asterisk, connect
from pbx.bridge.target import Entry, TargetError
from streams.emergency import EMERGENCY_NUMBERS
from support.fakes.ami import Ami, Channel
from support.fakes.entries import HOSTILE, changed, entries, entry, many

ALICE = "alice@pbx.example"


@pytest.fixture
def ami() -> Iterator[Ami]:
    with Ami() as one:
        yield one


@pytest.fixture
def asterisk(ami: Ami) -> Iterator[Asterisk]:
    one = connect(ami.url, user="vigie", secret="s3cret", domain="PBX.example")
    yield one
    one.close()


def leg(name: str, call: str, aor: str = "", cls: str = "", e164: str = "") -> Channel:
    said = {"VIGIE_AOR": aor, "VIGIE_CLASS": cls, "VIGIE_E164": e164}
    return Channel(name, call, {key: value for key, value in said.items() if value})


def test_a_suspension_is_one_key_of_the_database_and_a_lift_removes_it(asterisk: Asterisk, ami: Ami) -> None:
    asterisk.put([entry(ALICE, "international", "paid", home_prefixes=("+33", "+262"))])
    assert ami.database == {f"/vigie/{ALICE}": "1|de-1|V1|ip|+33,+262||"}
    asterisk.drop([ALICE])
    asterisk.drop([ALICE, "never@pbx.example"])
    assert ami.database == {}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(entries(), max_size=8, unique_by=lambda one: one.aor))
def test_what_was_put_is_what_the_table_says(wanted: list[Entry], asterisk: Asterisk, ami: Ami) -> None:
    ami.database.clear()
    asterisk.put(wanted)
    asterisk.put(wanted)
    assert asterisk.table() == {one.aor: one for one in wanted}


def test_thousands_at_once_and_what_others_wrote_is_left_or_shown(asterisk: Asterisk, ami: Ami) -> None:
    ami.database = {"/vigie_class/+3389": "premium", "/registrar/contact/alice;@1": "{}", f"/vigie/{ALICE}": "by hand"}
    asterisk.put(many(2000))
    table = asterisk.table()
    assert table.pop(ALICE).decision_id == ""
    assert table == {one.aor: one for one in many(2000)}


def test_one_entry_that_cannot_be_written_is_named_when_all_others_stand(asterisk: Asterisk, ami: Ami) -> None:
    long = entry("long@pbx.example", "prefixes", prefixes=tuple(f"+33{n}" for n in range(100000, 100200)))
    with pytest.raises(TargetError, match="longer than Asterisk reads"):
        asterisk.put([entry(), long, entry("bob@pbx.example")])
    assert sorted(asterisk.table()) == [ALICE, "bob@pbx.example"]
    assert all(len(line) < 1024 for one in ami.actions for line in one.values())


def test_only_matching_calls_end_an_emergency_call_and_an_internal_one_never(asterisk: Asterisk, ami: Ami) -> None:
    ami.channels = [
        leg("PJSIP/alice-01", "c1", ALICE, "intl_fixed_mobile", "+447911123456"),
        leg("PJSIP/trunk-02", "c1", ALICE, "intl_fixed_mobile", "+447911123456"),
        leg("PJSIP/alice-03", "c2", ALICE, "mobile", "+33612345678"),
        leg("PJSIP/alice-04", "c3", "", "emergency", "112"),
        leg("PJSIP/alice-05", "c4", ALICE, "emergency", "112"),
        leg("PJSIP/alice-06", "c5", ALICE, "internal", "102"),
        leg("PJSIP/bob-07", "c6", "bob@pbx.example", "intl_fixed_mobile", "+447911123456"),
        leg("PJSIP/alice-08", "c7"),
    ]
    assert asterisk.end_calls(entry(ALICE, "international", home_prefixes=("+33",))) == 1
    assert [one.linkedid for one in ami.channels] == ["c2", "c3", "c4", "c5", "c6", "c7"]
    assert asterisk.end_calls(entry(ALICE, "outgoing")) == 1
    assert asterisk.end_calls(entry(ALICE, "credentials")) == 1
    assert [one.linkedid for one in ami.channels] == ["c3", "c4", "c6", "c7"]
    assert asterisk.end_calls(entry(ALICE, "credentials")) == 0
    assert all(one["Cause"] == "21" and not one["Channel"].startswith("/") for one in ami.sent("Hangup"))


def test_a_channel_whose_name_is_a_pattern_ends_nothing(asterisk: Asterisk, ami: Ami) -> None:
    ami.channels = [leg("/./", "c1", ALICE, "mobile", "+33612345678"), leg("PJSIP/bob-01", "c2")]
    with pytest.raises(TargetError, match="no Hangup is sent"):
        asterisk.end_calls(entry(ALICE))
    assert len(ami.channels) == 2


def test_contacts_of_the_endpoint_are_dropped_and_of_nobody_else(asterisk: Asterisk, ami: Ami) -> None:
    mine = {"/registrar/contact/alice;@aa": "{}", "/registrar/contact/Alice;@bb": "{}", f"/registrar/contact/{ALICE};@cc": "{}"}
    others = {"/registrar/contact/alice2;@dd": "{}", "/registrar/contact/bob;@ee": "{}", "/vigie/x@pbx.example": "1|d|c|o|||"}
    ami.database = mine | others
    assert asterisk.remove_contacts("alice@elsewhere.example") == 0
    assert ami.database == mine | others
    assert asterisk.remove_contacts(ALICE) == 3
    assert ami.database == others
    assert asterisk.remove_contacts(ALICE) == 0


def test_a_restart_changes_the_generation_and_costs_no_order(asterisk: Asterisk, ami: Ami) -> None:
    before = asterisk.generation()
    assert before.endswith(" gone")
    asterisk.complete()
    assert asterisk.generation() != before
    whole = asterisk.generation()
    ami.hang_up()
    ami.started = "10:05:00"
    asterisk.put([entry()])
    assert asterisk.generation() not in (before, whole)
    del ami.database["/vigie_sync/state"]
    assert asterisk.generation().endswith(" gone")


def test_an_old_asterisk_a_wrong_password_and_another_program_are_named(ami: Ami) -> None:
    ami.old = True
    old = connect(ami.url, user="vigie", secret="s3cret", domain="pbx.example")
    with pytest.raises(TargetError, match=r"needs 16\.28"):
        old.table()
    old.close()
    ami.secret = "changed"
    wrong = connect(ami.url, user="vigie", secret="s3cret", domain="pbx.example")
    with pytest.raises(TargetError, match="refused the login of vigie"):
        wrong.generation()
    nobody = connect("ami://127.0.0.1:1", user="vigie", secret="s", domain="d")
    with pytest.raises(TargetError, match="does it run"):
        nobody.drop(["a@x"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=HOSTILE, part=st.sampled_from(["aor", "decision_id", "customer_code", "prefixes", "allowed_numbers", "home_prefixes"]))
def test_an_empty_argument_or_a_line_end_in_one_never_reaches_asterisk(bad: str, part: str, asterisk: Asterisk, ami: Ami) -> None:
    ami.actions.clear()
    good = entry(ALICE, "prefixes", prefixes=("+3389",), home_prefixes=("+33",), allowed_numbers=("+331",))
    orders: list[Callable[[], object]] = [lambda: asterisk.put([changed(good, part, bad)]), lambda: asterisk.put([good])]
    if part == "aor":
        orders += [lambda: asterisk.drop([bad]), lambda: asterisk.remove_contacts(bad), lambda: asterisk.drop([ALICE, bad])]
    for order in orders:
        try:
            order()
        except TargetError:
            continue
    for action in ami.actions:
        assert action["Action"] in ("Login", "DBPut", "DBDel", "DBGet", "DBGetTree")
        assert all(value for value in action.values())
        assert action.keys() <= {"Action", "ActionID", "Family", "Key", "Val", "Username", "Secret", "Events"}
    assert all(key.removeprefix("/vigie/") == ALICE for key in ami.database)


def test_what_connect_cannot_use_is_refused_with_what_to_write() -> None:
    with pytest.raises(TargetError, match="ami://HOST:5038"):
        connect("http://x", user="u", secret="s", domain="d")
    with pytest.raises(TargetError, match="domain=DOMAIN"):
        connect("ami://x", user="u", secret="s")
    with pytest.raises(TargetError, match="secret_file=PATH"):
        connect("ami://x", user="u", domain="d")
    with pytest.raises(TargetError, match="no option port"):
        connect("ami://x", user="u", secret="s", domain="d", port="1")


DIALPLAN = (Path(folder).parent / "extensions-vigie.conf").read_text("utf-8")


def test_the_dial_plan_knows_every_emergency_number_before_it_reads_the_database() -> None:
    gate = DIALPLAN[DIALPLAN.index("exten => divert") : DIALPLAN.index("exten => number")]
    patterns = [one.replace("${VIGIE_OUTSIDE}", "0") for one in re.findall(r'REGEX\("(\^\(\$\{VIGIE_OUTSIDE\}[^"]*)"', gate)]
    assert len(patterns) == 3
    assert gate.rindex("VIGIE_OUTSIDE") < gate.index("VIGIE_AOR") < gate.index("Gosub(vigie,refused")
    for code in EMERGENCY_NUMBERS:
        for before in ("", "+33", "0033", "0", "00", "0+33"):
            length = next(length for length, one in zip((6, 3, 2), patterns, strict=True) if re.search(one, before + code))
            assert (before + code)[-length:] == code
    assert not any(re.search(one, "1125") for one in patterns)


def test_every_label_and_routine_that_the_dial_plan_jumps_to_is_there() -> None:
    routines = dict.fromkeys(re.findall(r"^exten => (\w+),1,", DIALPLAN, re.MULTILINE))
    assert set(re.findall(r"Gosub\(vigie,(\w+),1", DIALPLAN)) <= routines.keys()
    code = "\n".join(line for line in DIALPLAN.splitlines() if not line.lstrip().startswith(";"))
    for body in re.split(r"^exten => ", code, flags=re.MULTILINE)[1:]:
        labels = set(re.findall(r"n\((\w+)\),", body))
        jumps = {one for pair in re.findall(r"GotoIf\(.*\?(\w*):?(\w*)\)$", body, re.MULTILINE) for one in pair if one}
        assert jumps | set(re.findall(r",Goto\((\w+)\)$", body, re.MULTILINE)) <= labels
        for line in body.splitlines():
            assert line.count("(") == line.count(")"), line
            assert line.count("{") == line.count("}"), line
            assert line.count("[") == line.count("]"), line
