"""`vigie detect` on a real broker: what it says is what the core says, through kills, pauses and company."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from detectors.events import Tick
from streams.frames import encode_frame
from streams.live.metrics import Metrics
from streams.live.owner import Owner, Settings
from streams.live.worker import UnlessNew
from streams.topics import Layout
from support.detecting import Worker, expected, logs, published, wait_until, write
from support.kafka import read
from vigie.dev.broker import Broker
from vigie.topics import create

PARTITIONS = 2


@pytest.fixture
def topics(broker: Broker, prefix: str) -> str:
    """The topics of this test exist; gives the name of the log."""
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    return f"{prefix}events"


@pytest.fixture
def background() -> Iterator[list[threading.Thread]]:
    """Threads that are joined at the end."""
    running: list[threading.Thread] = []
    yield running
    for thread in running:
        thread.join()


class Delivery:
    """A log of 4 frames that delivers what a test says, and notes from where it was asked to deliver."""

    def __init__(self) -> None:
        self.first, self.end, self.asked = 0, 4, list[int]()

    async def bounds(self, number: int) -> tuple[int, int]:
        return self.first, self.end

    async def seek(self, number: int, offset: int) -> None:
        self.asked.append(offset)


async def settled(what: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


def owner_test(broker: Broker, prefix: str, judge: Callable[[Owner, Delivery], Awaitable[None]]) -> None:
    """Let an owner of partition 0 live on a real broker while ``judge`` delivers to it."""

    async def live() -> None:
        log = Delivery()
        owner = Owner(0, Settings(broker.bootstrap, "w1", prefix, f"{prefix}detect", 0.01), log, Metrics())
        await settled(lambda: owner.status != "opening")
        try:
            await judge(owner, log)
        finally:
            await owner.close()

    asyncio.run(live())


def ticks(offset: int) -> bytes:
    return encode_frame([Tick(time=1_800_000_000_000 + offset * 60_000)])


def test_frames_out_of_turn_are_dropped_asked_for_once_and_repeats_acknowledged_but_not_judged(
    broker: Broker, prefix: str, topics: str
) -> None:
    async def judge(owner: Owner, log: Delivery) -> None:
        acked: list[int] = []

        def deliver(offset: int) -> None:
            owner.frame(offset, ticks(offset), lambda: acked.append(offset))

        assert log.asked == [0]
        deliver(0)
        deliver(2)
        deliver(3)
        await settled(lambda: log.asked == [0, 1])
        deliver(3)
        assert owner.next == 1
        for offset in (1, 2):
            deliver(offset)
        await settled(lambda: acked == [0, 1, 2])
        deliver(1)
        assert acked == [0, 1, 2, 1]
        assert owner.next == owner.saved == 3
        deliver(3)
        assert acked == [0, 1, 2, 1]

    async def resumed(owner: Owner, log: Delivery) -> None:
        assert log.asked == [4]

    owner_test(broker, prefix, judge)
    # Given up with a frame not yet saved: the last checkpoint had it.
    owner_test(broker, prefix, resumed)


def test_a_frame_that_cannot_be_read_stops_its_partition_and_nothing_of_it_is_saved(broker: Broker, prefix: str, topics: str) -> None:
    async def judge(owner: Owner, log: Delivery) -> None:
        owner.frame(0, ticks(0), lambda: None)
        await settled(lambda: owner.saved == 1)
        owner.frame(1, b"no frame", lambda: None)
        await settled(lambda: owner.status == "stopped")
        assert owner.reason.startswith("frame 1 of partition 0 cannot be judged")

    owner_test(broker, prefix, judge)
    assert next_offsets(broker, prefix) == {0: 1}


def test_a_newer_owner_fences_the_former_one(broker: Broker, prefix: str, topics: str) -> None:
    async def judge(owner: Owner, log: Delivery) -> None:
        heir = Owner(0, Settings(broker.bootstrap, "w2", prefix, f"{prefix}detect", 0.01), log, metrics := Metrics())
        await settled(lambda: heir.status == "open")
        owner.frame(0, ticks(0), lambda: None)
        await settled(lambda: owner.status == "opening")
        heir.frame(0, ticks(0), lambda: None)
        await settled(lambda: heir.saved == 1)
        assert metrics.registry.get_sample_value("vigie_detect_fenced_total", {"partition": "0"}) is None
        await heir.close()

    owner_test(broker, prefix, judge)


def test_a_partition_says_which_frame_is_next_before_anything_happens_in_it(broker: Broker, prefix: str, topics: str) -> None:
    async def judge(owner: Owner, log: Delivery) -> None:
        owner.frame(0, ticks(0), lambda: None)
        await settled(lambda: owner.saved == 1)
        heir = Owner(0, Settings(broker.bootstrap, "w2", prefix, f"{prefix}detect", 0.01), log, metrics := Metrics())
        await settled(lambda: heir.status == "open")
        assert metrics.registry.get_sample_value("vigie_detect_next_offset", {"partition": "0"}) == 1
        await heir.close()

    owner_test(broker, prefix, judge)


def test_a_log_that_lost_its_beginning_stops_the_partition_until_an_operator_accepts(
    broker: Broker, prefix: str, topics: str, tmp_path: Path
) -> None:
    write(broker.bootstrap, topics, {number: [ticks(offset) for offset in range(10)] for number in range(PARTITIONS)})
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.delete_records({TopicPartition(topics, 1): 5})
    worker = Worker(broker.bootstrap, prefix, "w1", tmp_path)
    wait_until(lambda: next_offsets(broker, prefix) == {0: 10} and worker.metric("stopped") == 1, 40, worker)
    status, text = worker.get("/ready")
    assert status == 503
    assert "partition 1 is stopped frame 0 of partition 1 is to be judged next, but the log begins at 5" in text
    assert worker.get("/health")[0] == 200
    worker.child.stop(20)
    worker = Worker(broker.bootstrap, prefix, "w1", tmp_path, "--accept-gap")
    wait_until(lambda: next_offsets(broker, prefix) == {0: 10, 1: 10}, 40, worker)
    assert worker.get("/ready")[0] == 200
    worker.child.stop(20)


def next_offsets(broker: Broker, prefix: str) -> dict[int, int]:
    """The next frame that each partition's last checkpoint names."""
    return {one.partition: int(one.value or b"0") for one in read(broker.bootstrap, f"{prefix}checkpoints") if one.key == b"\0next"}


def all_judged(broker: Broker, prefix: str, frames: dict[int, list[bytes]]) -> bool:
    return next_offsets(broker, prefix) == {number: len(log) for number, log in frames.items()}


def assert_same(broker: Broker, prefix: str, frames: dict[int, list[bytes]]) -> None:
    """Outputs are those of the core, each once and in order; sequences have no hole and no repeat."""
    want, got = expected(frames), published(broker.bootstrap, prefix, PARTITIONS)
    assert all(want["alerts"].values())
    assert all(want["suspensions"].values())
    for topic, by_partition in want.items():
        for number, said in by_partition.items():
            assert got[topic][number] == said, f"{topic} {number}: {len(got[topic][number])} of {len(said)}"
    sequences = defaultdict(list)
    for values in got["suspensions"].values():
        for value in values:
            one = json.loads(value)
            sequences[one["tenant"], one["licence"]].append(one["sequence"])
    assert all(found == list(range(1, len(found) + 1)) for found in sequences.values())


def test_outputs_state_and_offsets_are_exact_through_two_kills(
    broker: Broker, prefix: str, topics: str, tmp_path: Path, background: list[threading.Thread]
) -> None:
    frames = logs(4, PARTITIONS)
    writer = threading.Thread(target=write, args=(broker.bootstrap, topics, frames, 0.05))
    background.append(writer)
    writer.start()
    worker = Worker(broker.bootstrap, prefix, "w1", tmp_path)
    for _ in range(2):
        wait_until(lambda w=worker: w.metric("frames_total") > 30, 40, worker)
        worker.child.kill()
        killed = time.monotonic()
        worker = Worker(broker.bootstrap, prefix, "w1", tmp_path)
        wait_until(lambda w=worker: "first frame" in w.text(), 40, worker)
        print(f"from kill -9 to the first frame judged: {time.monotonic() - killed:.1f} s")
    writer.join()
    wait_until(lambda: all_judged(broker, prefix, frames), 40, worker)
    assert worker.get("/ready") == (200, "ok\n")
    assert worker.get("/health") == (200, "ok\n")
    worker.child.stop(20)
    assert worker.child.status() == 0, worker.text()
    assert_same(broker, prefix, frames)


def test_a_paused_worker_that_wakes_is_fenced_and_two_share_the_partitions(
    broker: Broker, prefix: str, topics: str, tmp_path: Path, background: list[threading.Thread]
) -> None:
    frames = logs(4, PARTITIONS)
    writer = threading.Thread(target=write, args=(broker.bootstrap, topics, frames, 0.1))
    background.append(writer)
    writer.start()
    # Seldom a checkpoint: it always has something to write when it wakes.
    zombie = Worker(broker.bootstrap, prefix, "w1", tmp_path, "--checkpoint-ms", "4000")
    wait_until(lambda: zombie.metric("frames_total") > 10, 40, zombie)
    zombie.signal(signal.SIGSTOP)
    heir = Worker(broker.bootstrap, prefix, "w2", tmp_path)
    wait_until(lambda: heir.metric("frames_total") > 10, 40, heir, zombie)
    zombie.signal(signal.SIGCONT)
    # Which of the two it says depends on where it was stopped: before its transaction or inside one.
    noticed = ("another worker owns it", "opening it again from its checkpoint")
    wait_until(lambda: any(text in zombie.text() for text in noticed), 20, zombie, heir)
    # It comes back as a member of the group: each has a share.
    wait_until(lambda: zombie.metric("partitions_owned") == heir.metric("partitions_owned") == PARTITIONS / 2, 40, zombie, heir)
    writer.join()
    wait_until(lambda: all_judged(broker, prefix, frames), 40, zombie, heir)
    for worker in (zombie, heir):
        worker.child.stop(20)
        assert worker.child.status() == 0, worker.text()
    assert_same(broker, prefix, frames)


def test_a_broker_that_is_killed_and_started_again_costs_nothing(broker: Broker, prefix: str, topics: str, tmp_path: Path) -> None:
    frames = logs(2, PARTITIONS)
    write(broker.bootstrap, topics, {number: log[:50] for number, log in frames.items()})
    worker = Worker(broker.bootstrap, prefix, "w1", tmp_path, "--checkpoint-ms", "100")
    wait_until(lambda: worker.metric("frames_total") > 20, 40, worker)
    broker.kill()
    broker.start()
    write(broker.bootstrap, topics, {number: log[50:] for number, log in frames.items()})
    wait_until(lambda: all_judged(broker, prefix, frames), 60, worker)
    worker.child.stop(20)
    assert_same(broker, prefix, frames)


def test_a_cluster_without_a_coordinator_of_groups_yet_is_no_error_and_any_other_one_is() -> None:
    def passes(error: Exception) -> bool:
        given = "aiokafka", logging.ERROR, __file__, 1, "Group Coordinator Request failed: %s", (error,), None
        return bool(UnlessNew().filter(logging.LogRecord(*given)))

    assert not passes(GroupCoordinatorNotAvailableError())
    assert passes(GroupAuthorizationFailedError())
