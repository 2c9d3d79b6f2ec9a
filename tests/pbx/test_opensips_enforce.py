"""OpenSIPS as a target, against a stand-in for its management interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.bridge.target import Entry, TargetError
from pbx.opensips.enforce import OpenSips, connect
from support.fakes.entries import HOSTILE, changed, entries, entry, many
from support.fakes.mi import Dialog, Mi

ALICE = "alice@pbx.example"


@pytest.fixture(params=[True, False], ids=["version 4", "version 3"])
def mi(request: pytest.FixtureRequest) -> Iterator[Mi]:
    with Mi(new=request.param) as one:
        yield one


@pytest.fixture
def opensips(mi: Mi) -> Iterator[OpenSips]:
    one = connect(mi.url)
    yield one
    one.close()


def dialog(ident: str, aor: str = ALICE, cls: str = "", e164: str = "", state: int = 4) -> Dialog:
    said = {"vigie_class": cls, "vigie_e164": e164}
    return Dialog(ident, ("caller", aor) if aor else None, {key: value for key, value in said.items() if value}, state)


def test_a_suspension_is_one_key_of_the_cache_and_a_lift_leaves_nothing(opensips: OpenSips, mi: Mi) -> None:
    opensips.put([entry(ALICE, "international", "paid", home_prefixes=("+33", "+262"))])
    assert mi.cache[f"vigie:{ALICE}"] == "1|de-1|V1|ip|+33,+262||"
    opensips.drop([ALICE])
    opensips.drop([ALICE, "never@pbx.example"])
    assert mi.cache == {}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(entries(), max_size=8, unique_by=lambda one: one.aor))
def test_what_was_put_is_what_the_table_says(wanted: list[Entry], opensips: OpenSips, mi: Mi) -> None:
    mi.cache.clear()
    opensips.put(wanted)
    opensips.put(wanted)
    assert opensips.table() == {one.aor: one for one in wanted}


def test_what_is_lost_or_changed_in_the_cache_shows_as_a_difference(opensips: OpenSips, mi: Mi) -> None:
    opensips.put(many(500))
    del mi.cache["vigie:user7@pbx.example"]
    mi.cache["vigie:user8@pbx.example"] = "by hand"
    table = opensips.table()
    assert len(table) == 500
    sound = {one.aor: one for one in many(500)}
    assert {aor for aor in table if table[aor] != sound[aor]} == {"user7@pbx.example", "user8@pbx.example"}
    opensips.drop([one.aor for one in many(499)])
    assert list(opensips.table()) == ["user499@pbx.example"]
    assert len(mi.cache) == 2


def test_ten_thousand_aors_fit_indexes_of_a_few_kilobytes(opensips: OpenSips, mi: Mi) -> None:
    opensips._reindex([one.aor for one in many(10_000)], add=True)
    assert max(len(value) for value in mi.cache.values()) < 4096


def test_only_matching_calls_end_an_emergency_call_and_an_internal_one_never(opensips: OpenSips, mi: Mi) -> None:
    mi.dialogs = [
        dialog("a1.1", ALICE, "intl_fixed_mobile", "+447911123456"),
        dialog("a2.2", ALICE, "mobile", "+33612345678"),
        dialog("a3.3", "", "emergency", "112"),
        dialog("a4.4", ALICE, "emergency", "112"),
        dialog("a5.5", ALICE, "internal", "102"),
        dialog("a6.6", "bob@pbx.example", "intl_fixed_mobile", "+447911123456"),
        dialog("a7.7", ALICE, "intl_fixed_mobile", "+447911123456", state=2),
        dialog("a8.8", ALICE, "intl_fixed_mobile", "+447911123456", state=5),
    ]
    assert opensips.end_calls(entry(ALICE, "international", home_prefixes=("+33",))) == 1
    assert opensips.end_calls(entry(ALICE, "outgoing")) == 1
    assert opensips.end_calls(entry(ALICE, "credentials")) == 1
    assert opensips.end_calls(entry(ALICE, "credentials")) == 0
    assert opensips.end_calls(entry("nobody@pbx.example")) == 0
    assert [one.ident for one in mi.dialogs] == ["a3.3", "a4.4", "a6.6", "a7.7", "a8.8"]


def test_registrations_of_the_aor_are_dropped_and_of_nobody_else(opensips: OpenSips, mi: Mi) -> None:
    mi.contacts = {ALICE: ["sip:a@1", "sip:a@2"], "bob@pbx.example": ["sip:b@1"]}
    assert opensips.remove_contacts(ALICE) == 2
    assert opensips.remove_contacts(ALICE) == 0
    assert list(mi.contacts) == ["bob@pbx.example"]


def test_a_restart_or_a_lost_cache_changes_the_generation_and_costs_no_order(opensips: OpenSips, mi: Mi) -> None:
    before = opensips.generation()
    opensips.complete()
    whole = opensips.generation()
    assert (before, whole) == (f"{mi.since} gone", f"{mi.since} live")
    mi.restart()
    opensips.put([entry()])
    assert opensips.generation() == f"{mi.since} gone" != before


def test_a_body_that_httpd_cannot_take_is_an_error_and_not_half_a_table(mi: Mi) -> None:
    mi.post_buf_size = 300
    one = connect(mi.url)
    one.put([entry()])
    with pytest.raises(TargetError, match="did not answer cache_store"):
        one.put([entry("long@pbx.example", "prefixes", prefixes=tuple(f"+33{n}" for n in range(50)))])
    mi.post_buf_size = 65_536
    assert one.table() == {ALICE: entry(), "long@pbx.example": one.table()["long@pbx.example"]}
    assert one.table()["long@pbx.example"].decision_id == ""
    one.close()


def test_a_module_that_is_not_loaded_and_nobody_there_are_named(opensips: OpenSips, mi: Mi) -> None:
    mi.known -= {"cache_store"}
    with pytest.raises(TargetError, match="refused cache_store: Method not found"):
        opensips.complete()
    with pytest.raises(TargetError, match="does it run"):
        connect("http://127.0.0.1:1/mi").drop(["a@x"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=HOSTILE, part=st.sampled_from(["aor", "decision_id", "customer_code", "prefixes", "allowed_numbers", "home_prefixes"]))
def test_an_empty_argument_or_a_line_end_in_one_never_reaches_opensips(bad: str, part: str, opensips: OpenSips, mi: Mi) -> None:
    mi.commands.clear()
    good = entry(ALICE, "prefixes", prefixes=("+3389",), home_prefixes=("+33",), allowed_numbers=("+331",))
    orders: list[Callable[[], object]] = [lambda: opensips.put([changed(good, part, bad)]), lambda: opensips.put([good])]
    if part == "aor":
        orders += [lambda: opensips.drop([bad]), lambda: opensips.remove_contacts(bad), lambda: opensips.drop([ALICE, bad])]
    for order in orders:
        try:
            order()
        except TargetError:
            continue
    for command in mi.commands:
        assert command["method"] in ("cache_store", "cache_fetch", "cache_remove")
        assert all(value.strip() and value.isprintable() for value in command["params"].values())
        assert command["params"]["attr"].startswith(("vigie-index:", f"vigie:{ALICE}"))


def test_what_connect_cannot_use_is_refused_with_what_to_write() -> None:
    with pytest.raises(TargetError, match="http://HOST:PORT/mi"):
        connect("http://x")
    with pytest.raises(TargetError, match="without location table"):
        connect("http://x:8888/mi", location="")
    with pytest.raises(TargetError, match="no option socket"):
        connect("http://x:8888/mi", socket="u")
