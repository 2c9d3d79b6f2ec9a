"""The console on a real broker: what the topics say comes in once, what people decide goes out once, and systems obey visibly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import func, select

from console import receipts
from console.db.engine import Database, open_database
from console.db.migrate import migrate
from console.db.tables import Alert, Heartbeat, Licence, Outbox, Position, Receipt, Statement, Suspension, SuspensionRecord
from console.live import Live
from console.settings import Settings, wall_clock
from console.systems import command, systems
from streams.enforced import expected_table
from streams.partition import partition_of
from streams.times import format_time
from streams.topics import Layout
from support.console import statement, suspension
from support.kafka import produce, read
from vigie.dev.broker import Broker
from vigie.dev.postgres import Postgres
from vigie.topics import create

PARTITIONS = 2
CAUSE = {
    "alert_id": "al-1", "rule": "autodial", "clause": "5.d", "restrictions": ["outgoing"], "mode": "auto", "decided_by": "policy",
    "measured": 200, "limit": 200, "review_by": "2030-01-01T00:00:00.000Z", "until": None, "prefixes": [],
}  # fmt: skip


class Desk:
    """A database and a broker, and a console's live side between them."""

    def __init__(self, broker: Broker, prefix: str, database: Database) -> None:
        self.broker, self.prefix, self.database = broker, prefix, database
        create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))

    def say(self, topic: str, body: dict[str, Any] | bytes | None, key: str = "acme", tenant: str = "acme") -> None:
        value = json.dumps(body).encode() if isinstance(body, dict) else body
        number = 0 if topic == "control" else partition_of(tenant, PARTITIONS)
        produce(self.broker.bootstrap, f"{self.prefix}{topic}", [(key.encode(), value)], partition=number)

    def receipt(self, decision: str, sequence: int, status: str = "applied") -> None:
        one = {"kind": "receipt", "v": 1, "decision_id": decision, "epoch": 1, "sequence": sequence, "pbx": "pbx-1", "status": status}
        self.say(
            "applied", one | {"applied_at": format_time(wall_clock()), "calls_ended": 2, "contacts_removed": 0, "detail": ""}, "acme/101"
        )

    def heartbeat(self, records: list[dict[str, Any]], **more: Any) -> None:
        table = expected_table(records)
        one = {
            "kind": "heartbeat",
            "v": 1,
            "pbx": "pbx-1",
            "table_size": table.size,
            "table_hash": table.hash,
            "offsets": {},
            "uptime_s": 5,
        }
        self.say("applied", one | {"paused": False, "paused_by": None, "reason": None} | more, "pbx-1", "pbx-1")

    @contextmanager
    def live(self) -> Iterator[Live]:
        one = Live(Settings(self.database, "http://127.0.0.1:1", kafka=self.broker.bootstrap), self.prefix)
        one.start()
        try:
            yield one
        finally:
            one.stop()

    def count(self, table: Any) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def row(self, table: Any, key: Any) -> Any:
        with self.database.reading() as session:
            return session.get(table, key)

    def sent(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(one.value or b"") for one in read(self.broker.bootstrap, f"{self.prefix}{topic}")]


def until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def desk(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Desk]:
    database = open_database(tmp_path / "console.sqlite")
    migrate(database)
    yield Desk(broker, prefix, database)
    database.close()


def test_what_the_topics_say_is_taken_once_through_stops_and_bad_records(desk: Desk) -> None:
    record = suspension(causes=[CAUSE])
    desk.say("suspensions", record, "acme/101")
    desk.say(
        "accounts", {"kind": "licence", "id": "f1", "time": "2026-01-01T00:00:00Z", "tenant": "acme", "licence": "101"}, "licence/acme/101"
    )
    for bad in (b"no JSON", b'{"kind":"alert"}', b'{"kind":"alert","v":2}', b"[]"):
        desk.say("alerts", bad)
    desk.say("alerts", statement())
    with desk.live() as live:
        until(lambda: desk.row(Alert, "al-1") and desk.row(Suspension, ("acme", "101")) and desk.row(Licence, ("acme", "101")))
        assert live.refused == 4
        # The suspension came on another topic, before or after: the alert's deadline is its `review_by` where that is sooner.
        assert desk.row(Alert, "al-1").due_at <= wall_clock() + 73 * 3_600_000
    desk.say("alerts", statement(update=2, measured=210))
    desk.say("accounts", None, "licence/acme/101")
    with desk.live() as live:
        until(lambda: desk.row(Alert, "al-1").update == 2 and desk.row(Licence, ("acme", "101")) is None)
        assert live.refused == 0
    assert (desk.count(Statement), desk.count(SuspensionRecord)) == (2, 1)


def test_a_place_that_another_console_moved_is_read_from_there_and_nothing_is_taken_twice(desk: Desk) -> None:
    desk.say("alerts", statement())
    with desk.live():
        until(lambda: desk.row(Alert, "al-1"))
        with desk.database.writing() as session:
            for row in session.scalars(select(Position).where(Position.source.like("%alerts%"))):
                row.next += 1
        # The place is past this one now: the console sees that it moved, and goes on from there.
        desk.say("alerts", statement("al-2"))
        desk.say("alerts", statement("al-3"))
        until(lambda: desk.row(Alert, "al-3"))
    assert desk.row(Alert, "al-2") is None


def test_a_topic_that_ends_before_what_was_read_is_another_cluster_s_and_nothing_is_taken(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with desk.database.writing() as session:
        session.add(Position(source=f"kafka:{desk.prefix}alerts/0", next=5, taken_at=1))
    desk.say("alerts", statement())
    with desk.live():
        until(lambda: "another cluster" in caplog.text)
    assert desk.count(Alert) == 0


def test_a_decision_leaves_once_in_order_and_its_receipt_is_shown(desk: Desk) -> None:
    now = wall_clock()
    reviews = [{"kind": "review", "v": 1, "id": f"re-{n}", "tenant": "acme", "review_id": f"re-{n}", "alert_id": "al-1"} for n in range(4)]
    with desk.database.writing() as session:
        for n, body in enumerate(reviews):
            away = {"cancelled_at": now} if n == 2 else {}
            session.add(Outbox(kind="review", message_id=body["id"], key="acme", body=body, created_at=now, not_before=now, **away))
        exemption = {"kind": "exemption", "tenant": "acme", "exemption_id": "ex-1"}
        session.add(Outbox(kind="exemption", message_id="ex-1", key="acme", body=exemption, created_at=now, not_before=now))
        session.add(Outbox(kind="review", message_id="later", key="acme", body=reviews[0], created_at=now, not_before=now + 3_600_000))
    with desk.live():
        until(lambda: len(desk.sent("reviews")) == 3 and desk.sent("exemptions"))
        desk.say("alerts", statement())
        desk.say("suspensions", suspension(causes=[CAUSE]), "acme/101")
        desk.receipt("de-1", 1)
        until(lambda: desk.count(Receipt) and desk.count(SuspensionRecord))
    with desk.live():
        time.sleep(1)
    [exemption_record] = read(desk.broker.bootstrap, f"{desk.prefix}exemptions")
    assert exemption_record.key == b"acme/ex-1"
    assert [one["review_id"] for one in desk.sent("reviews")] == ["re-0", "re-1", "re-3"]
    with desk.database.reading() as session:
        [delivery] = receipts.of_alert(session, session.get_one(Alert, "al-1"), wall_clock())
        assert [(line.pbx, line.state, line.calls_ended) for line in delivery.lines] == [("pbx-1", "applied", 2)]


def test_the_kill_switch_reaches_the_topic_and_the_heartbeat_shows_that_it_was_obeyed(desk: Desk) -> None:
    record = suspension()
    desk.say("suspensions", record, "acme/101")
    with desk.live():
        desk.heartbeat([record])
        until(lambda: desk.row(Heartbeat, "pbx-1") and desk.row(Suspension, ("acme", "101")))
        with desk.database.writing() as session:
            command(session, "pbx-1", "pause", who="nadia", why="drill", now=wall_clock())
        with desk.database.reading() as session:
            _, [one] = systems(session, wall_clock())
        assert (one.table, one.paused, one.asked) == ("same", False, "pause")
        until(lambda: desk.sent("control"))
        [said] = desk.sent("control")
        assert (said["kind"], said["pbx"], said["action"], said["author"], said["reason"]) == ("bridge", "pbx-1", "pause", "nadia", "drill")
        desk.heartbeat([], paused=True, paused_by="nadia", reason="drill")
        until(lambda: desk.row(Heartbeat, "pbx-1").paused)
    with desk.database.reading() as session:
        _, [one] = systems(session, wall_clock())
    assert (one.paused_by, one.reason, one.table, one.asked) == ("nadia", "drill", "holding", "")


def test_of_two_consoles_one_reads_and_sends_and_the_other_takes_over(broker: Broker, prefix: str) -> None:
    with TemporaryDirectory(prefix="vigie-postgres-") as directory, Postgres(Path(directory)) as server:
        databases = [open_database(server.url()) for _ in range(2)]
        migrate(databases[0])
        desks = [Desk(broker, prefix, database) for database in databases]
        with desks[1].live() as second:
            with desks[0].live() as first:
                for n in range(50):
                    desks[0].say("alerts", statement(f"al-{n}"))
                until(lambda: desks[0].count(Alert) == 50)
            now = wall_clock()
            body = {"kind": "review", "v": 1, "id": "re-1", "tenant": "acme", "review_id": "re-1", "alert_id": "al-1"}
            with databases[0].writing() as session:
                session.add(Outbox(kind="review", message_id="re-1", key="acme", body=body, created_at=now, not_before=now))
            desks[0].say("alerts", statement("al-50"))
            until(lambda: desks[0].count(Alert) == 51 and desks[0].sent("reviews"))
            assert first.refused + second.refused == 0
        assert [one["review_id"] for one in desks[0].sent("reviews")] == ["re-1"]
        assert desks[0].count(Statement) == 51
        for database in databases:
            database.close()
