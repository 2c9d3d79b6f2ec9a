"""State is small, typed, and bytes on demand; damaged or newer bytes are refused, never guessed at."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import snapshot, state
from detectors.errors import StateError
from detectors.outputs import Alert
from support.core import Bench, call, ms, reg

T0 = ms("2026-03-02 10:00")


def quiet_week() -> Bench:
    bench = Bench()
    for day in range(7):
        for hour in (8, 12, 18):
            bench.feed(reg(T0 + day * 86_400_000 + (hour - 10) * 3_600_000))
        bench.feed(call(T0 + day * 86_400_000, 120, to=f"+3361234567{day}"), call(T0 + day * 86_400_000 + 60_000, 45, direction="inbound"))
    return bench


def test_a_quiet_licence_takes_less_than_2_kib() -> None:
    assert len(state.encode(quiet_week().partition.licences[("acme", "101")])) < 2_048


def test_a_state_is_read_as_it_was_written() -> None:
    for one in quiet_week().partition.licences.values():
        data = state.encode(one)
        assert state.encode(state.decode("l", data)) == data


def test_the_next_deadline_is_read_without_decoding_the_rest() -> None:
    one = quiet_week().partition.licences[("acme", "101")]
    assert state.deadline(state.encode(one)) == min(one.timers.values())


def test_a_newer_version_is_refused_with_what_to_do() -> None:
    data = msgspec.msgpack.encode((state.Header(state.VERSION + 1, 0), [1, 2]))
    with pytest.raises(StateError, match="install that one"):
        state.decode("l", data)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_bytes_are_refused_and_nothing_else_happens(noise: bytes, cut: int) -> None:
    data = state.encode(quiet_week_cached())
    for damaged in (noise, data[: min(cut, len(data) - 1)]):
        with pytest.raises(StateError):
            state.decode("l", damaged)


_cached: list[state.LicenceState] = []


def quiet_week_cached() -> state.LicenceState:
    if not _cached:
        _cached.append(quiet_week().partition.licences[("acme", "101")])
    return _cached[0]


def test_a_damaged_snapshot_says_what_to_do() -> None:
    with pytest.raises(StateError, match="run again from the start"):
        snapshot.restore(b"\x93nonsense")


def test_a_restored_partition_is_byte_for_byte_the_one_that_was_taken() -> None:
    taken = snapshot.take(quiet_week().partition)
    assert snapshot.take(snapshot.restore(taken)) == taken


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("v*.state")), ids=lambda file: file.stem)
def test_a_partition_written_by_every_past_version_is_read_and_goes_on(file: Path) -> None:
    partition = snapshot.restore(file.read_bytes())
    assert {alert for licence in partition.licences.values() for alert in licence.alerts} >= {"abroad-stay"}
    said = [output for event in [reg("2026-04-20 10:00"), *call("2026-04-20 10:05")] for output in partition.step(event)]
    said += partition.finish(ms("2026-04-22"))
    assert any(isinstance(output, Alert) and output.state == "closed" for output in said)


def test_scores_and_models_of_the_first_version_had_no_names_and_are_left_behind() -> None:
    quiet, partition = quiet_week().partition.licences[("acme", "101")], state.PartitionState(3)
    for kind, one, name, old in (("l", quiet, "scores", 0.75), ("p", partition, "models", {"champion": "m1"})):
        fields = msgspec.msgpack.decode(state.encode(one))[1]
        place = type(one).__struct_fields__.index(name)
        fields[place] = old
        found = state.decode(kind, msgspec.msgpack.encode((state.Header(1, 0), fields)))
        assert state.encode(found) == state.encode(one)
        cut = state.decode(kind, msgspec.msgpack.encode((state.Header(1, 0), fields[:place])))
        assert getattr(cut, name) == {}


def test_there_is_a_golden_file_of_this_version() -> None:
    assert (GOLDEN / f"v{state.VERSION}.state").exists()
