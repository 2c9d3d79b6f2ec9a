"""The Redis view on a real Redis server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.bridge.target import TargetError
from pbx.redis_view import RedisView, connect
from support.fakes.entries import HOSTILE, entries, entry, many
from vigie.dev.redis import Redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    server.start()
    with redis.Redis.from_url(server.url, decode_responses=True) as one:
        one.flushall()
        yield one


@pytest.fixture
def view(server: Redis, client: redis.Redis) -> Iterator[RedisView]:
    one = connect(server.url)
    yield one
    one.close()


def test_a_suspended_aor_has_a_key_with_the_documented_fields_and_is_in_the_set(view: RedisView, client: redis.Redis) -> None:
    view.put([entry("alice@pbx.example", "international", "paid", home_prefixes=("+33",), allowed_numbers=("+33100000000",))])
    assert json.loads(client.get("vigie:suspended:alice@pbx.example") or "") == {
        "v": 1,
        "aor": "alice@pbx.example",
        "decision_id": "de-1",
        "customer_code": "V1",
        "restrictions": ["international", "paid"],
        "prefixes": [],
        "home_prefixes": ["+33"],
        "allowed_numbers": ["+33100000000"],
        "emergency_allowed": True,
    }
    assert client.smembers("vigie:suspended") == {"alice@pbx.example"}


def test_a_lift_removes_key_and_member_and_may_be_repeated(view: RedisView, client: redis.Redis) -> None:
    view.put([entry("alice@pbx.example"), entry("bob@pbx.example")])
    client.set("vigie:suspended:", "{}")
    client.set("vigie:suspended:no aor", "{}")
    view.drop(["alice@pbx.example"])
    view.drop(["alice@pbx.example", "never@pbx.example"])
    assert client.keys("*alice*") == []
    assert view.table().keys() == {"bob@pbx.example"}
    assert client.smembers("vigie:suspended") == {"bob@pbx.example"}
    assert list(view.table()) == ["bob@pbx.example"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(entries(), max_size=8, unique_by=lambda one: one.aor))
def test_what_was_put_is_what_the_table_says(wanted: list, view: RedisView, client: redis.Redis) -> None:
    client.flushall()
    view.put(wanted)
    view.put(wanted)
    assert view.table() == {one.aor: one for one in wanted}


def test_what_somebody_else_wrote_shows_up_as_a_difference_to_be_repaired(view: RedisView, client: redis.Redis) -> None:
    view.put(many(4))
    client.set("vigie:suspended:user0@pbx.example", "dec-by-hand")
    client.set("vigie:suspended:orphan@pbx.example", "{}")
    client.srem("vigie:suspended", "user1@pbx.example")
    client.delete("vigie:suspended:user2@pbx.example")
    table = view.table()
    odd = {aor for aor, one in table.items() if not one.decision_id}
    assert odd == {"user0@pbx.example", "user1@pbx.example", "user2@pbx.example", "orphan@pbx.example"}
    assert table["user3@pbx.example"] == many(4)[3]
    view.exchange(many(4), ["orphan@pbx.example"])
    assert view.table() == {one.aor: one for one in many(4)}
    assert client.scard("vigie:suspended") == 4


def test_a_reader_never_sees_half_a_resync(view: RedisView, server: Redis, client: redis.Redis) -> None:
    old, new = many(600)[:400], many(600)[200:]
    sizes, missing, over = set(), [], threading.Event()

    def read() -> None:
        with redis.Redis.from_url(server.url) as reader:
            while not over.is_set():
                with reader.pipeline(transaction=True) as both:
                    # One that stays, and one that comes as another goes.
                    both.scard("vigie:suspended").exists("vigie:suspended:user300@pbx.example")
                    both.exists("vigie:suspended:user0@pbx.example").exists("vigie:suspended:user599@pbx.example")
                    size, stays, goes, comes = both.execute()
                sizes.add(size)
                if not stays or goes + comes != 1:
                    missing.append((stays, goes, comes))

    view.put(old)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        for _ in range(30):
            view.exchange(new, [one.aor for one in old[:200]])
            view.exchange(old, [one.aor for one in new[200:]])
    finally:
        over.set()
        thread.join()
    assert missing == []
    assert sizes == {400}


def test_a_restart_and_a_flush_each_change_the_generation(view: RedisView, server: Redis, client: redis.Redis) -> None:
    assert view.generation().endswith(" gone")
    view.complete()
    whole = view.generation()
    assert whole.endswith(" live")
    assert view.generation() == whole
    client.flushall()
    assert view.generation() not in (whole, "")
    view.complete()
    assert view.generation() == whole
    server.kill()
    with pytest.raises(TargetError, match="does it run"):
        view.generation()
    server.start()
    assert view.generation().split()[0] != whole.split()[0]
    assert view.table() == {}


def test_ten_thousand_entries_stand_after_a_crash(view: RedisView, server: Redis) -> None:
    wanted = many(10_000)
    view.put(wanted)
    server.kill()
    server.start()
    view.put(wanted)
    view.complete()
    assert view.table() == {one.aor: one for one in wanted}


@given(aor=HOSTILE)
@settings(max_examples=100, deadline=None)
def test_an_empty_or_broken_aor_is_never_sent(aor: str) -> None:
    view = connect("redis://127.0.0.1:1/0")  # nothing listens there: what is sent would say so
    for order in (lambda: view.drop([aor]), lambda: view.remove_contacts(aor)):
        with pytest.raises(TargetError, match="never sent"):
            order()


def test_a_url_that_is_none_and_an_unknown_option_are_refused() -> None:
    with pytest.raises(TargetError, match="redis://HOST:PORT/DB"):
        connect("http://127.0.0.1")
    with pytest.raises(TargetError, match="no option socket"):
        connect("redis://127.0.0.1:6379/0", socket="x")
