"""`vigie bootstrap` on a real broker: what history leaves is what the live worker begins with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from typer.testing import CliRunner

from detectors import changes, snapshot
from detectors.events import Event, PolicyEvent, Registration, Tick
from detectors.outputs import Alert, Output, Suspension
from detectors.state import REVIEW_TIMER, LicenceState, TenantState, decode, encode
from detectors.step import Partition
from streams.embedded import Settings, judged
from streams.frames import decode_frame, encode_frame, read_frames
from streams.live.bootstrap import HISTORY, CheckpointExists, Target, bootstrap, carry
from streams.live.checkpoints import LARGEST, NEXT, Saved, new_producer, read_saved, transactional_id
from streams.live.metrics import Metrics
from streams.live.owner import Owner
from streams.live.owner import Settings as Running
from streams.ordering import log_path
from streams.outputs import ALERTS, SUSPENSIONS
from streams.partition import PARTITIONS, partition_of
from streams.progress import Silent
from streams.sources import Input
from streams.topics import Layout
from support.files import DAY, START, database, line, provider, write
from support.kafka import produce, read
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.topics import create

#: The name that commands choose by themselves.
APP = "detect"
#: `abroad-stay` gives notice after day 45 and breaches after day 60.
BEFORE_THE_BREACH, AFTER_IT = START + 40 * DAY, START + 65 * DAY
#: Where the licence lives that is abroad from the first day.
HOME = partition_of("customer-0")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("world")
    database(directory / "geo.mmdb")
    write(directory / "in.jsonl", provider())
    (directory / "policy.toml").write_text('name = "test"\n[rules.abroad-stay]\nmode = "auto"\n')
    return directory


def settings(world: Path, *paths: Path) -> Settings:
    inputs = [Input(str(path)) for path in paths or (world / "in.jsonl",)]
    policy: dict[str, Any] = {"name": "test", "rules": {"abroad-stay": {"mode": "auto"}}}
    return Settings(inputs=inputs, out=Path(), policy=policy, country_db=world / "geo.mmdb")


def target(broker: Broker, prefix: str, replace: bool = False) -> Target:
    return Target(broker.bootstrap, prefix, PARTITIONS, f"{prefix}{APP}", replace)


def topics(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))


def saved(broker: Broker, prefix: str, number: int) -> Saved:
    return asyncio.run(read_saved(broker.bootstrap, f"{prefix}checkpoints", number))


def history_and_rest(world: Path, out: Path, until: int) -> tuple[list[Event], list[Event]]:
    """The log of the licence abroad as the embedded host writes it, cut where history ends."""
    asked = settings(world)
    asked.out, asked.partitions = out, PARTITIONS
    with judged(asked) as done:
        log = [event for _, frame in read_frames(log_path(done.work, HOME)) for event in decode_frame(frame)]
    return [event for event in log if event.time < until], [event for event in log if event.time >= until]


def run_live(partition: Partition, events: list[Event]) -> list[Output]:
    return [output for event in events for output in partition.step(event)]


def test_days_abroad_before_go_live_count_and_the_crossing_after_it_suspends(
    broker: Broker, prefix: str, world: Path, tmp_path: Path
) -> None:
    topics(broker, prefix)
    seeded = bootstrap(settings(world), target(broker, prefix), BEFORE_THE_BREACH, Silent(), tmp_path / "history")
    assert sum(one.licences for one in seeded) == 9
    live = changes.rebuild(HOME, saved(broker, prefix, HOME).records.items())
    _, rest = history_and_rest(world, tmp_path / "out", BEFORE_THE_BREACH)
    said = run_live(live, rest)
    breach = next(one for one in said if isinstance(one, Alert) and one.rule == "abroad-stay" and one.level == "breach")
    assert (breach.licence, breach.mode, breach.origin) == ("100", "auto", "live")
    assert breach.window.from_ < BEFORE_THE_BREACH
    suspension = next(one for one in said if isinstance(one, Suspension))
    assert (suspension.licence, suspension.restrictions, suspension.sequence) == ("100", ("outgoing",), 1)


class Log:
    """A log that holds the frames of the first live days, delivered by the test."""

    async def bounds(self, number: int) -> tuple[int, int]:
        return 0, 1

    async def seek(self, number: int, offset: int) -> None:
        pass


def test_a_log_of_any_number_of_partitions_is_seeded(broker: Broker, prefix: str, world: Path) -> None:
    create(broker.bootstrap, Layout(prefix, 3, 1))
    three = Target(broker.bootstrap, prefix, 3, f"{prefix}{APP}", False)
    seeded = bootstrap(settings(world), three, BEFORE_THE_BREACH, Silent())
    assert [one.partition for one in seeded] == [0, 1, 2]
    assert sum(one.licences for one in seeded) == 9


def test_the_live_owner_of_a_partition_goes_on_from_the_seed(broker: Broker, prefix: str, world: Path, tmp_path: Path) -> None:
    topics(broker, prefix)
    bootstrap(settings(world), target(broker, prefix), BEFORE_THE_BREACH, Silent())
    _, rest = history_and_rest(world, tmp_path / "out", BEFORE_THE_BREACH)

    async def live() -> None:
        owner = Owner(HOME, Running(broker.bootstrap, "w1", prefix, f"{prefix}{APP}", 0.01), Log(), Metrics())
        try:
            async with asyncio.timeout(20):
                while owner.status == "opening":
                    await asyncio.sleep(0.01)
            owner.frame(0, encode_frame(rest), lambda: None)
        finally:
            await owner.close()

    asyncio.run(live())
    (record,) = [json.loads(one.value or b"") for one in read(broker.bootstrap, f"{prefix}suspensions")]
    assert (record["licence"], record["restrictions"], record["causes"][0]["mode"]) == ("100", ["outgoing"], "auto")
    there = saved(broker, prefix, HOME)
    assert there.next == 1
    assert there.records[HISTORY] == b"%d" % BEFORE_THE_BREACH


def test_what_is_seeded_is_what_the_evaluator_knows_when_history_ends(broker: Broker, prefix: str, world: Path, tmp_path: Path) -> None:
    topics(broker, prefix)
    bootstrap(settings(world), target(broker, prefix), BEFORE_THE_BREACH, Silent())
    history, rest = history_and_rest(world, tmp_path / "out", BEFORE_THE_BREACH)
    straight = Partition(HOME, origin="bootstrap")
    run_live(straight, history)
    straight.finish(BEFORE_THE_BREACH)
    straight.origin = "live"
    seeded = changes.rebuild(HOME, saved(broker, prefix, HOME).records.items())
    assert seeded.licences.keys() == straight.licences.keys()
    assert sorted(seeded.heap) == sorted(entry for entry in straight.heap if seeded_timer(seeded, entry))
    # Evidence has other coordinates (the embedded host judges under ids); what is decided has not.
    assert [told(one) for one in run_live(seeded, rest)] == [told(one) for one in run_live(straight, rest)]


def seeded_timer(partition: Partition, entry: tuple[int, str, str, str]) -> bool:
    """Whether a timer is still set; the heap also holds those that were set anew since."""
    at, tenant, licence, name = entry
    holder = partition.licences.get((tenant, licence)) if licence else partition.tenants.get(tenant)
    return not tenant or (holder is not None and holder.timers.get(name) == at)


def told(output: Output) -> object:
    if isinstance(output, Alert):
        return output.alert_id, output.update, output.level, output.mode, output.measured, output.issued_at
    return output


def test_history_suspends_nobody_and_says_so_in_its_files(broker: Broker, prefix: str, world: Path, tmp_path: Path) -> None:
    topics(broker, prefix)
    bootstrap(settings(world), target(broker, prefix), AFTER_IT, Silent(), tmp_path)
    alerts = [json.loads(one) for one in (tmp_path / ALERTS).read_bytes().splitlines()]
    breach = next(one for one in alerts if one["rule"] == "abroad-stay" and one["level"] == "breach")
    assert (breach["mode"], breach["origin"]) == ("review", "bootstrap")
    assert any("found in history" in one for one in breach["against"])
    assert (tmp_path / SUSPENSIONS).read_bytes() == b""
    for topic in ("alerts", "suspensions", "metering"):
        assert read(broker.bootstrap, f"{prefix}{topic}") == []


def test_detect_goes_on_at_the_end_of_the_log_and_knows_where_history_ended(broker: Broker, prefix: str, world: Path) -> None:
    topics(broker, prefix)
    frames = [(None, encode_frame([Tick(time=START + n * 60_000)])) for n in range(3)]
    produce(broker.bootstrap, f"{prefix}events", frames, partition=HOME)
    seeded = {one.partition: one for one in bootstrap(settings(world), target(broker, prefix), BEFORE_THE_BREACH, Silent())}
    assert (seeded[HOME].next, seeded[HOME].skipped) == (3, 3)
    for number in range(PARTITIONS):
        there = saved(broker, prefix, number)
        assert there.next == seeded[number].next == (3 if number == HOME else 0)
        assert there.records[HISTORY] == b"%d" % BEFORE_THE_BREACH
        # A worker's rebuild leaves the host's own keys alone.
        assert changes.rebuild(number, there.records.items()).state.number == number


def test_a_checkpoint_that_is_there_is_refused_and_left_as_it_was(broker: Broker, prefix: str, world: Path) -> None:
    topics(broker, prefix)
    produce(broker.bootstrap, f"{prefix}checkpoints", [(NEXT, b"17")], partition=5)
    before = read(broker.bootstrap, f"{prefix}checkpoints")
    with pytest.raises(CheckpointExists, match=r"partition 5 has a checkpoint of 0 keys, its next frame is 17; .*--replace"):
        bootstrap(settings(world), target(broker, prefix), BEFORE_THE_BREACH, Silent())
    assert read(broker.bootstrap, f"{prefix}checkpoints") == before


def test_replacing_forgets_what_history_does_not_know_but_no_restriction(broker: Broker, prefix: str, world: Path) -> None:
    topics(broker, prefix)
    old = [LicenceState("customer-0", name) for name in ("100", "gone", "held")]
    for one in (old[0], old[2]):
        one.standing.epoch, one.standing.sequence, one.timers = 2, 7, {REVIEW_TIMER: AFTER_IT}
    records = [(f"l/customer-0/{one.licence}".encode(), encode(one)) for one in old]
    produce(broker.bootstrap, f"{prefix}checkpoints", [*records, (NEXT, b"0")], partition=HOME)
    done = bootstrap(settings(world), target(broker, prefix, replace=True), BEFORE_THE_BREACH, Silent())
    seeded = {partition.partition: partition for partition in done}
    assert seeded[HOME].carried == 2
    licences = changes.rebuild(HOME, saved(broker, prefix, HOME).records.items()).licences
    assert {name for tenant, name in licences if tenant == "customer-0"} == {"100", "101", "102", "held"}
    for name in ("100", "held"):
        standing = licences["customer-0", name].standing
        assert (standing.epoch, standing.sequence) == (2, 7)
        assert licences["customer-0", name].timers[REVIEW_TIMER] == AFTER_IT
    assert licences["customer-0", "100"].days != LicenceState("", "").days


def test_a_running_worker_is_fenced(broker: Broker, prefix: str, world: Path) -> None:
    topics(broker, prefix)
    to = target(broker, prefix)

    async def write_late(running: AIOKafkaProducer) -> None:
        async with running.transaction():
            await running.send_and_wait(f"{prefix}checkpoints", b"5", key=NEXT, partition=3)

    async def both() -> None:
        running = new_producer(to.bootstrap, to.app, 3)
        await running.start()
        try:
            await asyncio.to_thread(bootstrap, settings(world), to, BEFORE_THE_BREACH, Silent())
            with pytest.raises(ProducerFenced):
                await write_late(running)
        finally:
            await running.stop()

    asyncio.run(both())
    assert transactional_id(to.app, 3) == f"{prefix}{APP}-3"
    assert saved(broker, prefix, 3).next == 0


def test_what_is_dated_after_the_end_of_history_is_left_to_the_live_topics(
    broker: Broker, prefix: str, world: Path, tmp_path: Path
) -> None:
    topics(broker, prefix)
    later = line("licence", AFTER_IT, id="later", tenant="customer-0", licence="100", type="desk_phone", aors=["100@customer-0.example"])
    more = write(tmp_path / "more.jsonl", [later])
    bootstrap(settings(world, world / "in.jsonl", more), target(broker, prefix), BEFORE_THE_BREACH, Silent(), tmp_path / "out")
    partition = changes.rebuild(HOME, saved(broker, prefix, HOME).records.items())
    fact = partition.licences["customer-0", "100"].fact
    assert fact is not None
    assert fact.type == "softphone"
    assert partition.state.now <= BEFORE_THE_BREACH
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert summary["read"] == summary["accepted"]
    outside = {Path(one["path"]).name: one["outside_period"] for one in summary["inputs"]}
    assert outside["more.jsonl"] == 1
    assert summary["read"] + outside["in.jsonl"] == len((world / "in.jsonl").read_bytes().splitlines())


def test_restrictions_of_a_licence_that_history_does_not_know_come_with_their_customer() -> None:
    held = LicenceState("acme", "101")
    held.standing.sequence = 1
    there = {b"l/acme/101": encode(held), b"t/acme": encode(TenantState("acme")), b"l/acme/102": encode(LicenceState("acme", "102"))}
    state: dict[bytes, bytes] = {}
    assert carry(there, state) == 1
    assert sorted(state) == [b"l/acme/101", b"t/acme"]
    assert decode("l", state[b"l/acme/101"]).standing.sequence == 1


def test_the_command_says_what_was_seeded_and_what_cannot_be_asked(broker: Broker, prefix: str, world: Path) -> None:
    topics(broker, prefix)
    common = ["--bootstrap", broker.bootstrap, "--prefix", prefix]
    common += ["--policy", str(world / "policy.toml"), "--geo", str(world / "geo.mmdb")]
    done = CliRunner().invoke(app, ["bootstrap", str(world / "in.jsonl"), "--until", "2026-02-14", *common])
    assert done.exit_code == 0, done.output
    assert "Checkpoints" in done.stdout
    again = CliRunner().invoke(app, ["bootstrap", str(world / "in.jsonl"), "--until", "2026-02-14", *common])
    assert again.exit_code == 2
    assert "--replace" in again.stderr
    ahead = CliRunner().invoke(app, ["bootstrap", str(world / "in.jsonl"), "--until", "2999-01-01", *common])
    assert ahead.exit_code == 2
    assert "lies ahead" in ahead.stderr
    log = write(world / "log.jsonl", [b'{"kind":"log","v":1,"partition":0,"offset":0,"version":""}'])
    exported = CliRunner().invoke(app, ["bootstrap", str(log), "--until", "2026-02-14", *common])
    assert exported.exit_code == 2
    assert "is an exported log" in exported.stderr


def test_a_busy_hour_of_ids_is_written_in_pieces_that_fit_into_records() -> None:
    partition = Partition(3)
    for n in range(10_000):
        partition.step(
            Registration(id="i" * 128, time=START, tenant="acme", licence="1", action="refresh", key=n + 1, src="i" * 128, line=n)
        )
    pieces = {key: value for key, value in changes.collect(partition) if key.startswith(b"r/") and value is not None}
    assert len(pieces) == 3
    assert max(map(len, pieces.values())) < LARGEST
    # A broadcast is accepted in partition 0 alone: its piece must not take the place of an earlier one.
    partition.step(PolicyEvent(id="p", time=START, name="p", key=99_999))
    pieces |= {key: value for key, value in changes.collect(partition) if value is not None}
    assert changes.rebuild(3, pieces.items()).state.repeats == partition.state.repeats


def test_a_snapshot_of_history_keeps_its_origin() -> None:
    assert snapshot.restore(snapshot.take(Partition(0, origin="bootstrap"))).origin == "bootstrap"
    assert changes.rebuild(0, changes.collect(Partition(0, origin="bootstrap"))).origin == "live"  # type: ignore[arg-type]
