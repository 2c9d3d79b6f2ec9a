from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import StateError
from detectors.events import Event, Tick
from streams.frames import EVENTS, FrameFile, decode_frame, encode_event, encode_frame, join_frame, read_frames
from support.traffic import abroad


def test_a_frame_gives_back_every_event_with_its_stamps() -> None:
    events = abroad(days=5)
    assert decode_frame(encode_frame(events)) == events


@given(st.lists(st.integers(0, 2**60), max_size=40))
def test_joining_encoded_events_is_encoding_them_together(times: list[int]) -> None:
    events: list[Event] = [Tick(time=time) for time in times]
    assert join_frame([encode_event(event) for event in events]) == encode_frame(events)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 65_535, 65_536])
def test_a_frame_may_have_any_number_of_records(count: int) -> None:
    assert len(decode_frame(join_frame([encode_event(Tick(time=1))] * count))) == count


def test_a_file_of_frames_is_read_from_any_of_its_offsets(tmp_path: Path) -> None:
    with FrameFile(tmp_path / "log") as file:
        for n in range(5):
            file.append(encode_frame([Tick(time=n)]))
    offsets = [offset for offset, _ in read_frames(tmp_path / "log")]
    again = [decode_frame(frame)[0].time for _, frame in read_frames(tmp_path / "log", offsets[1])]
    assert again == [2, 3, 4]
    assert [offset for offset, _ in read_frames(tmp_path / "log", 0, offsets[2])] == offsets[:3]


def test_what_was_written_after_the_durable_point_is_dropped(tmp_path: Path) -> None:
    with FrameFile(tmp_path / "log") as file:
        file.append(encode_frame([Tick(time=1)]))
        durable = file.size
        file.append(encode_frame([Tick(time=2)]))
    with FrameFile(tmp_path / "log", durable) as file:
        file.append(encode_frame([Tick(time=3)]))
    assert [decode_frame(frame)[0].time for _, frame in read_frames(tmp_path / "log")] == [1, 3]


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_file_that_ends_inside_a_frame_is_an_error_and_not_a_shorter_log(tmp_path: Path, cut: int) -> None:
    with FrameFile(tmp_path / "log") as file:
        file.append(encode_frame([Tick(time=1)]))
    data = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(data[:-cut] if cut < 6 else data[:2])
    with pytest.raises(StateError, match="ends inside a frame"):
        list(read_frames(tmp_path / "log"))


def test_bytes_that_are_no_frame_are_refused() -> None:
    with pytest.raises(StateError, match="cannot be read"):
        EVENTS.decode(b"\x91\xc1")
