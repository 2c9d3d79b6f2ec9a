"""The gate for FreeSWITCH in a real Lua (Redis's, version 5.1), compared with the reference; FreeSWITCH itself is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx.bridge.target import Entry
from pbx.freeswitch import __file__ as folder
from pbx.gate import SURCHARGED, refused_by
from pbx.kamailio.table import encode
from streams.emergency import EMERGENCY_NUMBERS, emergency_code
from streams.numbers_export import number_table
from support.fakes.entries import entries
from vigie.dev.redis import Redis

GATE = (Path(folder).parent / "vigie-gate.lua").read_text("utf-8")
DIALPLAN = (Path(folder).parent / "vigie.xml").read_text("utf-8")
CLASSES = sorted({*SURCHARGED, "internal", "emergency", "allowed", "fixed", "mobile", "free", "short_free", "intl_fixed_mobile", "invalid"})

Lua = Callable[..., list[str]]


@pytest.fixture(scope="module")
def lua(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lua]:
    """Evaluates an expression over the gate's functions; ``find`` looks into the exported classes."""
    table = number_table({"numbers": {"emergency": ["1234"]}}, Path())
    known = table.classes | {f"o{first}": f"{code}/{drop}" for first, (code, drop) in table.overseas.items()} | {"e1234": "1"}
    with Redis(tmp_path_factory.mktemp("lua")) as server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.hset("numclass", mapping=known)
        start = "local session\nlocal function find(prefix) return redis.call('HGET', 'numclass', prefix) or '' end\n"

        def evaluate(expression: str, *arguments: str) -> list[str]:
            return client.eval(f"{start}{GATE}\nlocal a, b = {expression}\nreturn {{a or '', b or ''}}", 0, *arguments)

        yield evaluate


@settings(max_examples=500, deadline=None)
@given(
    entry=entries(),
    cls=st.sampled_from(CLASSES),
    e164=st.sampled_from(["", "3646", "+33612345678", "+33899123456", "+447911123456"]),
    own=st.booleans(),
)
def test_the_gate_in_lua_refuses_what_the_reference_refuses(lua: Lua, entry: Entry, cls: str, e164: str, own: bool) -> None:
    if own and entry.prefixes:
        # A number that the entry speaks of, not only ones that it does not.
        e164 = [*entry.prefixes, *entry.home_prefixes, *entry.allowed_numbers][len(entry.decision_id) % len(entry.prefixes)]
    decision, code = lua("refused(ARGV[1], ARGV[2], ARGV[3])", encode(entry), cls, e164)
    wanted = refused_by(entry, "call", cls, e164)
    assert (decision, code) == ((entry.decision_id, entry.customer_code) if wanted else ("", ""))


def test_an_empty_or_foreign_value_refuses_nothing(lua: Lua) -> None:
    for value in ("", "by hand", "2|d|c|o|||", "1|d|c|o||"):
        assert lua("refused(ARGV[1], 'mobile', '+33612345678')", value) == ["", ""]


@pytest.mark.parametrize("outside", ["", "0", "9"])
def test_every_emergency_number_is_found_in_every_form_as_ingest_finds_it(lua: Lua, outside: str) -> None:
    for code in (*EMERGENCY_NUMBERS, "1234"):
        for before in ("", "+33", "0033", "0"):
            for dialled in (before + code, outside + before + code, "-".join(before + code)):
                assert lua("emergency(ARGV[1], ARGV[2], find)", dialled, outside)[0] == code
    for dialled in ("1125", "0612345678", "3646", "118218", "+4415", "102", "+33612345112"):
        wanted = emergency_code(dialled, outside_prefix=outside or None, added=frozenset({"1234"}))
        assert lua("emergency(ARGV[1], ARGV[2], find)", dialled, outside)[0] == wanted


@pytest.mark.parametrize(
    ("dialled", "e164", "cls"),
    [
        ("0612345678", "+33612345678", "mobile"),
        ("#31#0612345678", "+33612345678", "mobile"),
        ("00612345678", "+33612345678", "mobile"),
        ("0899123456", "+33899123456", "premium"),
        ("0590123456", "+590590123456", "fixed"),
        ("00447911123456", "+447911123456", "intl_fixed_mobile"),
        ("+881612345678", "+881612345678", "satellite"),
        ("3646", "3646", "short_paid"),
        ("3919", "3919", "short_free"),
        ("hello", "", "invalid"),
    ],
)
def test_numbers_are_read_as_people_dial_them(lua: Lua, dialled: str, e164: str, cls: str) -> None:
    assert lua("number(ARGV[1], '0', find)", dialled) == [e164, cls]


def test_the_dial_plan_knows_every_emergency_number_before_it_asks_the_gate() -> None:
    first = re.search(r'expression="(\^9\?[^"]*)"', DIALPLAN)
    assert first
    assert first.start() < DIALPLAN.index("vigie-gate.lua")
    for code in EMERGENCY_NUMBERS:
        for before in ("", "+33", "0033", "0"):
            for outside in ("", "9"):
                found = re.search(first[1], outside + before + code)
                assert found
                assert found[1] == code
    assert not re.search(first[1], "1125")


def test_classes_are_put_at_a_resync_and_those_of_before_removed(tmp_path: Path) -> None:
    from pbx.asterisk.enforce import connect as asterisk
    from pbx.freeswitch.enforce import connect as freeswitch
    from pbx.opensips.enforce import connect as opensips
    from support.fakes.ami import Ami
    from support.fakes.esl import Esl
    from support.fakes.mi import Mi

    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"classes": {"+3389": "premium"}, "overseas": {"590": [590, 0]}, "emergency": ["1234"]}))
    wanted = {"+3389": "premium", "o590": "590/0", "e1234": "1"}
    with Esl() as esl, Ami() as ami, Mi() as mi:
        esl.hash = {"numclass_+3388": "premium", "vigie_a@x": "1|d|c|o|||"}
        ami.database = {"/vigie_class/+3388": "premium"}
        one, two = freeswitch(esl.url, secret="ClueCon", numbers=str(path)), opensips(mi.url, numbers=str(path))
        three = asterisk(ami.url, user="vigie", secret="s3cret", domain="pbx.example", numbers=str(path))
        for target in (one, two, three):
            target.complete()
            target.complete()
            target.close()
        classes = {f"numclass_{key}": value for key, value in wanted.items()}
        assert esl.hash == classes | {"vigie_a@x": "1|d|c|o|||", "vigiesync_state": "live"}
        assert ami.database == {f"/vigie_class/{key}": value for key, value in wanted.items()} | {"/vigie_sync/state": "live"}
        assert mi.cache == {f"vigie-class:{key}": value for key, value in wanted.items()} | {"vigie-sync": "live"}
