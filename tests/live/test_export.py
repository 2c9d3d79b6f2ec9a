"""`vigie log export` on a real broker: the file holds what the frames held, and is judged to the same end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from detectors.events import Event, Tick
from detectors.outputs import Output
from detectors.step import Partition
from streams.embedded import Settings, judged, run
from streams.frames import decode_frame, encode_frame, read_frames
from streams.ordering import log_path
from streams.outputs import FILES, line_of
from streams.partition import PARTITIONS, partition_of
from streams.sources import Input, Reader, log_header
from streams.topics import Layout
from streams.wire import Wire
from support.core import ms
from support.files import START, database, line, provider, write
from support.kafka import produce
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.topics import create

HOME = partition_of("customer-0")
Frames = dict[int, list[list[Event]]]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Frames of a live log: stamped events with the coordinates of their topic, some late, ticks, the policy first."""
    world = tmp_path_factory.mktemp("world")
    policy = line("policy", START - 2 * 86_400_000, id="policy", name="test", body={"rules": {"abroad-stay": {"mode": "auto"}}})
    write(world / "in.jsonl", [policy, *provider(days=64)])
    out, geo = world / "out", database(world / "geo.mmdb")
    found: Frames = {}
    inputs = [Input(str(world / "in.jsonl"))]
    with judged(Settings(inputs=inputs, out=out, policy={"name": "test"}, country_db=geo, partitions=PARTITIONS)) as done:
        for number in range(PARTITIONS):
            # The embedded host's own policy and holidays stand at time 0, which no wire carries; live they come from the topic.
            log = [event for _, frame in read_frames(log_path(done.work, number)) for event in decode_frame(frame) if event.time]
            found[number] = list(_framed(log, number))
    return found


def _framed(log: list[Event], number: int) -> list[list[Event]]:
    framed = []
    for at in range(0, len(log), 100):
        frame = log[at : at + 100]
        for n, event in enumerate(frame):
            event.src, event.line, event.late_ms = f"vigie.calls/{number}", at + n, 700 * (n % 50 == 7)
        framed.append([*frame, Tick(time=frame[-1].time // 60_000 * 60_000)])
    return framed


@pytest.fixture
def log(broker: Broker, prefix: str, frames: Frames) -> str:
    """The topic of the log, filled."""
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    for number, some in frames.items():
        produce(broker.bootstrap, f"{prefix}events", [(None, encode_frame(one)) for one in some], partition=number)
    return f"{prefix}events"


def export(broker: Broker, prefix: str, *options: object) -> Result:
    command = ["log", "export", "--bootstrap", broker.bootstrap, "--prefix", prefix, *map(str, options)]
    return CliRunner().invoke(app, command)


def events_of(path: Path) -> list[Event]:
    lines = [one for block in Reader(str(path)).blocks() for one in block]
    decode = Wire(recorded=True).decode
    return [decode(one) for one in lines[1:]]


def test_every_event_comes_back_with_its_stamps_late_marks_coordinates_and_ticks(
    broker: Broker, prefix: str, log: str, frames: Frames, tmp_path: Path
) -> None:
    done = export(broker, prefix, "--partition", HOME, "--out", tmp_path / "log.jsonl")
    assert done.exit_code == 0, done.output
    assert events_of(tmp_path / "log.jsonl") == [event for frame in frames[HOME] for event in frame]
    header = log_header(str(tmp_path / "log.jsonl"))
    assert header is not None
    assert (header["partition"], header["offset"], header["v"]) == (HOME, 0, 1)
    assert header["version"]


def test_exported_logs_are_judged_as_their_frames_were(broker: Broker, prefix: str, log: str, frames: Frames, tmp_path: Path) -> None:
    assert export(broker, prefix, "--all", tmp_path / "logs").exit_code == 0
    inputs = [Input(str(path)) for path in sorted((tmp_path / "logs").iterdir())]
    assert len(inputs) == PARTITIONS
    summary = run(Settings(inputs=inputs, out=tmp_path / "out", policy={"name": "test"}))
    last = max(event.time for some in frames.values() for frame in some for event in frame)
    said: dict[str, list[tuple[Any, bytes]]] = {name: [] for name in FILES[:-1]}
    for number, some in frames.items():
        partition = Partition(number)
        for frame in some:
            for event in frame:
                keep(said, partition.step(event))
        keep(said, partition.finish(last))
    for name, lines in said.items():
        assert (tmp_path / "out" / name).read_bytes().splitlines() == [data for _, data in sorted(lines)]
    assert summary["suspensions"]["active"] == 1
    assert summary["geo"]["built"], "the places it was judged by came with the log"
    assert summary["read"] == summary["accepted"] + summary["duplicates"] + summary["dead_letters"]


def keep(said: dict[str, list[tuple[Any, bytes]]], outputs: list[Output]) -> None:
    for output in outputs:
        kept = line_of(output)
        assert kept is not None
        said[kept.file].append(((kept.at, kept.tenant, kept.licence, kept.rule, kept.number, kept.ident), kept.data))


def test_a_range_holds_the_frames_from_the_first_offset_up_to_the_last(
    broker: Broker, prefix: str, log: str, frames: Frames, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl.gz"
    done = export(broker, prefix, "--partition", HOME, "--from", 2, "--to", 5, "--out", path)
    assert done.exit_code == 0, done.output
    assert events_of(path) == [event for frame in frames[HOME][2:5] for event in frame]
    assert (log_header(str(path)) or {})["offset"] == 2
    first = path.read_bytes()
    export(broker, prefix, "--partition", HOME, "--from", 2, "--to", 5, "--out", path)
    assert path.read_bytes() == first


def test_frames_that_are_not_there_are_refused_and_no_file_is_left(
    broker: Broker, prefix: str, log: str, frames: Frames, tmp_path: Path
) -> None:
    end = len(frames[HOME])
    for options, why in (
        (("--partition", HOME, "--to", end + 1), f"frame {end} is not written yet; the log ends before {end}"),
        (("--partition", HOME, "--from", 4, "--to", 3), "--from 4 is behind --to 3"),
        (("--partition", PARTITIONS), f"has no partition {PARTITIONS}"),
    ):
        done = export(broker, prefix, *options, "--out", tmp_path / "log.jsonl")
        assert done.exit_code == 2
        assert why in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_no_frame_is_named_and_no_half_file_is_left(broker: Broker, prefix: str, tmp_path: Path) -> None:
    create(broker.bootstrap, Layout(prefix, 1, 1))
    good = encode_frame([Tick(time=ms("2026-03-02 10:00"))])
    produce(broker.bootstrap, f"{prefix}events", [(None, good), (None, b"\xffnot a frame")], partition=0)
    done = export(broker, prefix, "--partition", 0, "--out", tmp_path / "log.jsonl")
    assert done.exit_code == 3
    assert f"{prefix}events/0: record 1 is no frame" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_partition_is_a_file_with_a_header(broker: Broker, prefix: str, tmp_path: Path) -> None:
    create(broker.bootstrap, Layout(prefix, 2, 1))
    assert export(broker, prefix, "--partition", 1, "--out", tmp_path / "log.jsonl").exit_code == 0
    (header,) = (tmp_path / "log.jsonl").read_bytes().splitlines()
    assert json.loads(header) | {"version": ""} == {"kind": "log", "v": 1, "partition": 1, "offset": 0, "version": ""}


def test_one_range_or_all_must_be_asked_for() -> None:
    runner = CliRunner()
    assert "write --partition P --out FILE, or --all DIR" in runner.invoke(app, ["log", "export"]).stderr
    both = runner.invoke(app, ["log", "export", "--all", "logs", "--partition", "1"])
    assert both.exit_code == 2
    assert "not both" in both.stderr
