"""A live what-if on the broker: from the owner's checkpoints without disturbing it, and a policy's way to detection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from sqlalchemy import select

from console.db.engine import Database, open_database
from console.db.migrate import migrate
from console.db.tables import Audit, Job, Outbox
from console.live import Live
from console.settings import Settings
from console.web.app import create_app
from detectors import changes
from detectors.digest import digest64
from detectors.events import Event, PolicyEvent, Tick, rank
from detectors.outputs import Output
from detectors.step import Partition
from streams.frames import decode_frame, encode_frame
from streams.live import history
from streams.live.checkpoints import NEXT, new_producer, send
from streams.live.history import Kept
from streams.live.intake import Intake
from streams.live.records import opened
from streams.location import Locator
from streams.numbering import NumberPlan
from streams.partition import partition_of
from streams.stamp import Stamper
from streams.topics import Layout, group
from streams.wire import to_line
from streams.writing import encode_output
from support.console import Browser, Clock, Served, run, visible
from support.core import call, licence_fact, ms, tenant_fact
from support.detecting import POLICY, logs, write
from support.kafka import produce
from vigie.dev.broker import Broker
from vigie.dev.process import LOOPBACK, free_port
from vigie.topics import create

PARTITIONS = 2
DAY = 86_400_000
#: The partition of the customer of these tests.
OURS = partition_of("acme", PARTITIONS)
RULE = "many-destinations"
LOWER = {"notice_destinations": 8, "breach_destinations": 12}
BEGIN = ms("2026-03-01 09:00")


def framed(events: list[Event], most: int = 20) -> list[bytes]:
    """Events in their order, as ingest would put them into frames."""
    found = sorted(events, key=lambda event: (event.time, rank(event), event.id))
    for line, event in enumerate(found):
        event.src, event.line, event.key, event.digest = "calls/0", line, digest64(f"{event.tenant}/{event.id}"), digest64(event.id)
    return [encode_frame(found[at : at + most]) for at in range(0, len(found), most)]


def usage() -> list[Event]:
    """46 days of calls to one number, and then a new number on each of 14 days."""
    events: list[Event] = [tenant_fact(BEGIN - DAY, offer="unlimited"), licence_fact(BEGIN - DAY, "101")]
    for day in range(60):
        events += call(BEGIN + day * DAY, to="+33611111111" if day < 46 else f"+336222222{day}")
    return [*events, Tick(time=BEGIN + 60 * DAY)]


class Owner:
    """A partition's owner as far as its writing goes: one transaction per checkpoint, by the name that fences a former one."""

    def __init__(self, bootstrap: str, prefix: str, number: int) -> None:
        self._bootstrap, self._prefix, self._number = bootstrap, prefix, number
        self._partition = changes.rebuild(number, [])
        self._at = 0
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        self._producer = new_producer(self._bootstrap, group(self._prefix, "detect"), self._number)
        await self._producer.start()

    async def judge(self, frames: list[bytes]) -> int:
        """Judge frames and write the checkpoint; gives the instant of its clock."""
        assert self._producer is not None
        for frame in frames:
            for event in decode_frame(frame):
                self._partition.step(event)
        self._at += len(frames)
        await self._producer.begin_transaction()
        records = [*changes.collect(self._partition), (NEXT, b"%d" % self._at)]
        await asyncio.gather(*await send(self._producer, f"{self._prefix}checkpoints", self._number, records))
        await self._producer.commit_transaction()
        return self._partition.state.now

    async def stop(self) -> None:
        assert self._producer is not None
        await self._producer.stop()


def said_after(frames: list[bytes], first: int, before: list[Event]) -> list[bytes]:
    """What the core says of a log from a frame on, after what went before."""
    partition = Partition(OURS)
    for event in before:
        partition.step(event)
    found = []
    for at, frame in enumerate(frames):
        for event in decode_frame(frame):
            said = partition.step(event)
            found += [encode_output(one) for one in said] if at >= first else []
    return found


def judged(broker: Broker, prefix: str, since: int, *policies: dict[str, Any]) -> tuple[Kept, history.Began, list[list[bytes]]]:
    """What a what-if says of our partition under each policy."""
    said: list[list[bytes]] = [[] for _ in policies]

    def to(mine: list[bytes]) -> Callable[[Output], None]:
        return lambda output: mine.append(encode_output(output))

    with opened(broker.bootstrap, prefix) as topics:
        one = history.kept(topics)[OURS]
        began = history.judge(topics, one, since, policies, [to(mine) for mine in said], lambda _: None)
    return one, began, said


def test_from_a_checkpoint_it_says_what_detection_said_and_the_owner_goes_on(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    tenant = next(name for name in map("tenant-{}".format, range(9)) if partition_of(name, PARTITIONS) == OURS)
    frames = logs(int(tenant[-1]) + 1, PARTITIONS)[OURS]
    write(broker.bootstrap, f"{prefix}events", {OURS: frames})
    third = len(frames) // 3

    async def go() -> None:
        owner = Owner(broker.bootstrap, prefix, OURS)
        await owner.start()
        await owner.judge(frames[:third])
        since = await owner.judge(frames[third : 2 * third])
        later = asyncio.to_thread(judged, broker, prefix, since + 1, POLICY, {})
        one, began, (same, otherwise) = await later
        assert one.snapshot is not None
        assert one.snapshot < since
        assert began.snapshot == since
        assert same == said_after(frames, 2 * third, [])
        assert same
        assert otherwise != same
        # Not fenced, and in its place.
        await owner.judge(frames[2 * third :])
        await owner.stop()

    asyncio.run(go())


def test_what_was_in_force_before_the_log_that_is_kept_comes_from_its_own_topic(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    events = usage()
    facts, frames = events[:2], framed(events)
    accounts = [(f"licence/acme/{n}".encode(), to_line(fact)) for n, fact in enumerate(facts)]
    produce(broker.bootstrap, f"{prefix}accounts", [*accounts, (b"licence/acme/9", None)], partition=OURS)
    produce(broker.bootstrap, f"{prefix}control", [(b"", b"no event"), (b"", b'{"kind":"bridge"}')])
    write(broker.bootstrap, f"{prefix}events", {OURS: frames})
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.delete_records({TopicPartition(f"{prefix}events", OURS): 1})
    one, began, (said,) = judged(broker, prefix, 0, {"rules": {RULE: LOWER}})
    assert (one.begin, one.snapshot, began.snapshot, began.last) == (1, None, None, BEGIN + 60 * DAY)
    policy = PolicyEvent(id="x", time=0, body={"rules": {RULE: LOWER}})
    assert said == said_after(frames[1:], 0, [policy, *facts])
    assert RULE in {json.loads(line).get("rule") for line in said}


@dataclass
class Desk:
    """A console of this broker, its live side, and the time of its log's end."""

    served: Served
    prefix: str
    live: Live

    def ended(self, where: str) -> Job:
        """A job, once it has ended."""
        for _ in range(1200):
            with self.served.database.reading() as session:
                job = session.get_one(Job, where.rsplit("/", 1)[1])
            if job.state not in ("queued", "running"):
                return job
            asyncio.run(asyncio.sleep(0.05))
        raise AssertionError(job.state)

    def ask(self, browser: Browser, last: str) -> str:
        """Try the lower limits over a range; the address of the job."""
        given = {"rule": RULE, "last": last, **{f"key.{name}": value for name, value in LOWER.items()}}
        answer = browser.post("/what-if", given, on=f"/what-if?rule={RULE}&last={last}")
        assert answer.status_code == 303, visible(answer.text)
        return answer.headers["location"]


@pytest.fixture
def desk(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Desk]:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    write(broker.bootstrap, f"{prefix}events", {OURS: framed(usage())})
    database: Database = open_database(tmp_path / "console.sqlite")
    migrate(database)
    port = free_port()
    settings = Settings(database, f"http://{LOOPBACK}:{port}", kafka=broker.bootstrap, prefix=prefix, now=Clock(BEGIN + 60 * DAY))
    served, live = Served(settings), Live(settings, prefix)
    live.start()
    with run(create_app(settings), port):
        yield Desk(served, prefix, live)
        for browser in served.browsers:
            browser.close()
    live.stop()
    database.close()


def test_a_range_of_the_log_is_tried_and_a_policy_goes_to_detection_and_back(desk: Desk, broker: Broker) -> None:
    served = desk.served
    mina, noe = served.person("mina", "analyst"), served.person("noe", "publisher")
    page = mina.get(f"/what-if?rule={RULE}&last=14d").text
    assert "the state is built anew from the log" in page
    assert "<fieldset disabled>" not in page
    dark = mina.get("/what-if?rule=toll-fraud&last=14d").text
    assert "looks back 90 days; 45 are known before this range" in visible(dark)
    assert "<fieldset disabled>" in dark
    job = desk.ask(mina, "14d")
    found = desk.ended(job)
    assert (found.state, found.error) == ("done", "")
    assert found.result is not None
    assert found.result["alerts"] == {"before": 0, "after": 1, "appear": 1, "disappear": 0}
    assert found.result["began"] == {"snapshot": 0, "log": 1}
    assert "toll-fraud" in found.result["dark"]
    assert RULE not in found.result["dark"]
    # All of it lies before this range: it made the state, and nothing appears.
    shorter = desk.ended(desk.ask(mina, "15m"))
    assert shorter.result is not None
    assert shorter.result["alerts"] == {"before": 0, "after": 0, "appear": 0, "disappear": 0}
    other = desk.ask(mina, "1h")
    assert mina.post(f"{other}/cancel", on=other).status_code == 303
    assert desk.ended(other).state in ("cancelled", "done")
    draft = mina.post(f"{job}/draft", {"comment": "too many slip through"}, on=job).headers["location"]
    assert mina.post(f"{draft}/check", on=draft).status_code == 303
    replay = mina.post(f"{draft}/shadow", {"last": "14d"}, on=draft).headers["location"]
    shadow = desk.ended(replay)
    assert shadow.result is not None
    assert shadow.result["alerts"]["appear"] == 1
    assert "not covered" in visible(mina.get(replay).text)
    assert mina.post(f"{draft}/publish", {"why": "mine"}, on=draft).status_code == 403
    assert noe.post(f"{draft}/publish", {"why": "agreed"}, on=draft).status_code == 303
    assert noe.post("/policies/rollback", {"why": "floods the queue"}, on="/policies").status_code == 303
    first, second = policies_said(broker, desk)
    assert first.body["rules"][RULE]["notice_destinations"] == 8
    assert second.body["rules"][RULE]["notice_destinations"] == 160
    assert [one.author for one in (first, second)] == ["noe", "noe"]
    partition = Partition(0)
    for one in (first, second):
        assert partition.step(one) == []
    with served.database.reading() as session:
        said = [row.what for row in session.scalars(select(Audit).where(Audit.subject.startswith("policy/")).order_by(Audit.number))]
        assert all(row.sent_at for row in session.scalars(select(Outbox)))
    assert said == [f"policy.{step}" for step in ("begin", "draft", "check", "shadow", "publish", "rollback")]
    assert "Sent to detection" in noe.get("/policies").text


def policies_said(broker: Broker, desk: Desk) -> list[PolicyEvent]:
    """What ingest makes of the commands, once both are there."""
    intake = Intake(Stamper(Locator.open(None, None, []), NumberPlan()), PARTITIONS)
    with opened(broker.bootstrap, desk.prefix) as topics:
        records: list[Any] = []
        while len(records) < 2:
            records = list(topics.records("control", 0))
    events = []
    for record in records:
        event = intake.read("control", "control/0", record)
        assert isinstance(event, PolicyEvent), event
        assert intake.command(event, record.value) is None
        events.append(event)
    return events
