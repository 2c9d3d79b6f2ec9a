"""`vigie replay` on a real broker: a file's events on their topics, as their producers would have sent them, ending now."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.contracts.verdict import refusal
from streams.live.replay import moved
from streams.partition import partition_of
from streams.runs import total_order
from streams.times import format_time, parse_time
from streams.topics import Layout
from streams.wire import Wire
from support.files import DAY, START, line, provider, write
from support.kafka import Record, read
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.dev.process import free_port
from vigie.topics import create

PARTITIONS = 8


def replay(broker: Broker, prefix: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["replay", "--bootstrap", broker.bootstrap, "--prefix", prefix, *map(str, arguments)])


def topics(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))


def one_of_each() -> list[bytes]:
    """Every kind of input, in the order of the log."""
    day = format_time(START)[:10]
    scope: dict[str, Any] = {"tenant": "acme", "licence": "101"}
    span = {"from": format_time(START), "to": format_time(START + DAY)}
    return [
        line("tenant", START, id="t1", tenant="acme", name="Acme", effective_from=format_time(START - DAY)),
        line("licence", START, id="l1", **scope, type="softphone", aors=["101@acme.example"]),
        line("policy", START + 1, id="p1", name="strict", body={"rules": {}}),
        line("erase", START + 2, id="g1", tenant="other", licence="9", reason="asked", author="lea"),
        line("exemption", START + 3, id="x1", tenant="acme", exemption_id="e1", rules=["autodial"], **span, author="lea", reason="ok"),
        line("registration", START + 4, id="r1", pbx="pbx-1", aor="101@acme.example", action="register", source_ip="2.0.0.1"),
        line("message", START + 5, id="m1", pbx="pbx-1", aor="101@acme.example", callee="0612345678", media="text"),
        line("call", START + 6, id="c1", pbx="pbx-1", **scope, phase="attempt", call_id="c", direction="outbound", callee="0612345678"),
        line("review", START + 7, id="v1", tenant="acme", review_id="v1", alert_id="al-1", verdict="no_breach", reviewer="lea"),
        line("score", START + 8, id="s1", **scope, day=day, model="m", model_version="1", features_hash="h", score=0.5),
    ]


def test_every_kind_goes_to_its_topic_under_its_key_to_the_partition_of_its_tenant(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    lines = one_of_each()
    assert [refusal(json.loads(one)) for one in lines] == [None] * len(lines)
    assert replay(broker, prefix, write(tmp_path / "in.jsonl", lines)).exit_code == 0
    found = {
        name: [
            (json.loads(one.value or b"")["id"], (one.key or b"").decode(), one.partition) for one in read(broker.bootstrap, prefix + name)
        ]
        for name in ("accounts", "control", "exemptions", "registrations", "calls", "reviews", "scores")
    }
    acme = partition_of("acme", PARTITIONS)
    assert found == {
        "accounts": [("t1", "tenant/acme", acme), ("l1", "licence/acme/101", acme)],
        "control": [("p1", "strict", 0), ("g1", "erase/other/9", 0)],
        "exemptions": [("x1", "acme/e1", acme)],
        # Whose the AoR is, only the fact before it says.
        "registrations": [("r1", "acme", acme)],
        "calls": [("m1", "acme", acme), ("c1", "acme", acme)],
        "reviews": [("v1", "acme", acme)],
        "scores": [("s1", "acme", acme)],
    }


def test_a_small_provider_arrives_whole_in_order_each_customer_in_its_partition(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    lines = provider(days=3)
    before = time.time() * 1000
    done = replay(broker, prefix, write(tmp_path / "in.jsonl", lines))
    assert done.exit_code == 0, done.output
    records = {name: read(broker.bootstrap, prefix + name) for name in ("accounts", "registrations", "calls")}
    sent = [json.loads(one) for one in lines]
    shift = parse_time(times_of(records["calls"])[-1]) - parse_time(max(one["time"] for one in sent))
    assert before <= parse_time(times_of(records["calls"])[-1]) <= time.time() * 1000
    decode = Wire().decode
    kinds = {"accounts": ("tenant", "licence"), "registrations": ("registration",), "calls": ("call",)}
    for name, found in records.items():
        wanted: dict[int, list[bytes]] = {}
        for one, raw in zip(sent, lines, strict=True):
            if one["kind"] in kinds[name]:
                tenant = one.get("tenant") or one["aor"].split("@")[1].removesuffix(".example")
                wanted.setdefault(partition_of(tenant, PARTITIONS), []).append(moved(raw, shift))
        assert {number: [one.value for one in found if one.partition == number] for number in wanted} == {
            number: sorted(some, key=lambda raw: total_order(decode(raw))) for number, some in wanted.items()
        }
        assert len(found) == sum(map(len, wanted.values()))


def times_of(records: list[Record]) -> list[str]:
    return sorted(json.loads(one.value or b"")["time"] for one in records)


def test_times_move_together_and_nothing_else_changes() -> None:
    raw = line(
        "call", START, id="c1", aor="a@b.example", phase="cdr", call_id="c", direction="outbound", callee="112", to="+33",
        extra={"time": 5}, started_at=format_time(START - 9_000), answered_at=None, ended_at=format_time(START),
    )  # fmt: skip
    was, now = json.loads(raw), json.loads(moved(raw, DAY + 1))
    assert {name for name in was if was[name] != now[name]} == {"time", "started_at", "ended_at"}
    assert list(was) == list(now)
    for name in ("time", "started_at", "ended_at"):
        assert parse_time(now[name]) - parse_time(was[name]) == DAY + 1


def test_what_no_text_can_hold_is_sent_as_the_reader_repairs_it() -> None:
    raw = line("registration", START, id="r1", aor="a@b.example", action="register", user_agent="Mus?e").replace(b"?", b"\xe9")
    assert json.loads(moved(raw, 0))["user_agent"] == "Mus\ufffde9e"


def test_lines_that_are_no_events_and_ticks_are_left_out_and_counted(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    path = write(tmp_path / "in.jsonl", [b'{"kind":"call"', line("tick", START), *one_of_each()])
    done = replay(broker, prefix, path)
    assert done.exit_code == 0
    assert "left out 1 ticks" in done.stdout
    assert f"left out 1 lines that are no events; the first one is {path}:1: not JSON" in done.stderr
    assert len(read(broker.bootstrap, f"{prefix}calls")) == 2


def test_an_aor_that_no_fact_knows_is_nobody_s(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    path = write(tmp_path / "in.jsonl", [line("registration", START, id="r1", aor="x@nowhere.example", action="failed")])
    assert replay(broker, prefix, path).exit_code == 0
    (record,) = read(broker.bootstrap, f"{prefix}registrations")
    assert (record.key, record.partition) == (b"_unresolved", partition_of("_unresolved", PARTITIONS))


def test_with_a_speed_gaps_are_kept_and_the_last_event_is_sent_at_its_time(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    facts = one_of_each()[:2]
    traffic = [
        line("registration", START + at, id=f"r{at}", aor="101@acme.example", action="register") for at in (3_600_000, 3_610_000, 3_620_000)
    ]
    begun = time.monotonic()
    assert replay(broker, prefix, "--speed", 10, write(tmp_path / "in.jsonl", [*facts, *traffic])).exit_code == 0
    # An hour lies between the facts and the first of them; it is not waited for, or this test would not end.
    assert time.monotonic() - begun >= 2
    records = read(broker.bootstrap, f"{prefix}registrations")
    assert [json.loads(one.value or b"")["id"] for one in records] == [json.loads(one)["id"] for one in traffic]
    last = parse_time(json.loads(records[-1].value or b"")["time"])
    assert last <= records[-1].time


def test_an_exported_log_is_refused_before_anything_is_sent(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topics(broker, prefix)
    log = write(tmp_path / "log.jsonl", [b'{"kind":"log","v":1,"partition":0,"offset":0,"version":""}'])
    done = replay(broker, prefix, log)
    assert done.exit_code == 2
    assert "is an exported log" in done.stderr


@pytest.mark.parametrize(("path", "status", "why"), [("-", 2, "give a file instead of -"), ("none.jsonl", 3, "no such file")])
def test_inputs_are_checked_before_the_broker_is_asked(path: str, status: int, why: str) -> None:
    done = CliRunner().invoke(app, ["replay", path, "--bootstrap", f"127.0.0.1:{free_port()}"])
    assert done.exit_code == status
    assert why in done.stderr
