"""Everything that fails in production, on the real broker and under load: the outcome is that of a log which nothing happened to."""

from __future__ import annotations

from pathlib import Path

from support.live import Account, Live
from support.load import Shape
from vigie.dev.broker import Broker


def decided(account: Account) -> None:
    """The traffic was such that all was put to the test: alerts, restrictions, and licences restricted anew, relaxed or lifted."""
    assert account.outputs["alerts"] > 0
    assert account.outputs["suspensions"] > 0
    assert account.highest_sequence > 1


def test_two_kills_of_detect_and_one_of_ingest_change_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(12_000), 800) as live:
        live.start("w1")
        live.judged("w1", 20)
        live.when(0.3)
        live.kill("w1")
        live.when(0.5)
        live.kill_ingest()
        live.when(0.7)
        live.kill("w1")
        decided(live.finish())


def test_a_broker_that_stops_and_comes_back_changes_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(8_000), 800) as live:
        live.start("w1")
        live.judged("w1", 20)
        live.when(0.5)
        broker.stop()
        broker.start()
        decided(live.finish())


def test_a_broker_that_is_killed_and_comes_back_changes_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(8_000), 800) as live:
        live.start("w1")
        live.judged("w1", 20)
        live.when(0.5)
        broker.kill()
        broker.start()
        decided(live.finish())


def test_workers_that_come_and_go_change_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(8_000), 500) as live:
        live.start("w1")
        live.start("w2")
        live.until(lambda: all(worker.metric("partitions_owned") == 3 for worker in live.workers.values()), 60)
        live.judged("w1", 10)
        third = live.start("w3")
        live.until(lambda: third.metric("frames_total") > 0, 60)
        live.stop("w1")
        decided(live.finish())


def test_of_ten_records_one_poisoned_each_is_a_dead_letter_and_the_others_are_judged(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(7_000, poison=10), 2_000) as live:
        live.start("w1")
        account = live.finish()
    decided(account)
    assert account.dead > 500


def test_repeats_contradictions_and_late_events_are_each_accounted_for(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(7_000, repeats=5, conflicts=2, late=5), 2_000) as live:
        live.start("w1")
        account = live.finish()
    decided(account)
    assert min(account.duplicates, account.dead, account.late) > 100


def test_a_worker_paused_past_its_session_is_fenced_when_it_wakes(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Live(broker, prefix, tmp_path, Shape(8_000), 320) as live:
        live.pause("zombie", "heir")
        decided(live.finish())
