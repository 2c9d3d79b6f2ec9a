"""The queue of `vigie collect`: first in first out, durable, bounded, and whole after any crash."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.live import collect_queue
from streams.live.collect_place import SIZE, Place
from streams.live.collect_queue import DiskQueue, QueueFull, QueueUnusable

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.binary(max_size=40), max_size=5)),
        st.tuples(st.just("take"), st.integers(1, 7)),
        st.tuples(st.just("look"), st.integers(1, 7)),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_the_queue_is_a_list_on_disk_whatever_is_done_and_however_often_it_is_opened(steps: list[tuple[str, object]]) -> None:
    before, collect_queue.SEGMENT_BYTES = collect_queue.SEGMENT_BYTES, 100
    try:
        with tempfile.TemporaryDirectory() as directory:
            queue = DiskQueue(Path(directory), 1 << 20)
            expected: list[bytes] = []
            for what, value in steps:
                if what == "put":
                    queue.put(value)  # type: ignore[arg-type]
                    expected += value  # type: ignore[arg-type]
                elif what == "reopen":
                    queue.close()
                    queue = DiskQueue(Path(directory), 1 << 20)
                else:
                    found = queue.peek(value, 0)  # type: ignore[arg-type]
                    assert found == expected[: len(found)]
                    assert bool(found) == bool(expected)
                    if what == "take" and found:
                        queue.done()
                        del expected[: len(found)]
                assert (queue.waiting_bytes == 0) == (not expected)
            while expected:
                found = queue.peek(100, 0)
                assert found == expected[: len(found)]
                queue.done()
                del expected[: len(found)]
            assert queue.waiting_bytes == 0
            assert len(list(Path(directory).glob("*.seg"))) == 1
            queue.close()
    finally:
        collect_queue.SEGMENT_BYTES = before


@given(cut=st.integers(0, 60))
def test_a_record_that_a_crash_halved_is_gone_and_those_before_it_are_not(cut: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        queue = DiskQueue(Path(directory), 1 << 20)
        records = [b"first record", b"second", b"the third one"]
        queue.put(records)
        queue.close()
        [segment] = Path(directory).glob("*.seg")
        segment.write_bytes(segment.read_bytes()[:cut])
        queue = DiskQueue(Path(directory), 1 << 20)
        kept = queue.peek(10, 0)
        assert kept == records[: len(kept)]
        queue.put([b"after"])
        assert queue.peek(10, 0) == [*kept, b"after"]
        queue.close()


def test_a_full_queue_refuses_all_of_a_batch_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    queue = DiskQueue(tmp_path, 100)
    queue.put([b"x" * 50])
    with pytest.raises(QueueFull):
        queue.put([b"y", b"z" * 60])
    assert queue.peek(10, 0) == [b"x" * 50]
    queue.done()
    queue.put([b"y", b"z" * 60])
    assert queue.peek(10, 0) == [b"y", b"z" * 60]
    queue.close()


def test_a_record_that_was_damaged_on_the_disk_stops_the_queue_and_is_not_skipped(tmp_path: Path) -> None:
    queue = DiskQueue(tmp_path, 1 << 20)
    queue.put([b"a record", b"another"])
    [segment] = tmp_path.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[10] ^= 1
    segment.write_bytes(data)
    with pytest.raises(QueueUnusable, match="is damaged"):
        queue.peek(10, 0)
    queue.close()


def test_threads_that_put_at_once_lose_nothing(tmp_path: Path) -> None:
    before, collect_queue.SEGMENT_BYTES = collect_queue.SEGMENT_BYTES, 2_000
    try:
        queue = DiskQueue(tmp_path, 1 << 20)

        def put(n: int) -> None:
            for i in range(100):
                queue.put([b"%d-%d" % (n, i)])

        threads = [threading.Thread(target=put, args=(n,)) for n in range(8)]
        for one in threads:
            one.start()
        found: list[bytes] = []
        while len(found) < 800:
            batch = queue.peek(50, 1)
            assert batch or any(one.is_alive() for one in threads)
            found += batch
            queue.done()
        for one in threads:
            one.join()
        assert sorted(found) == sorted(b"%d-%d" % (n, i) for n in range(8) for i in range(100))
        for n in range(8):
            own = [one for one in found if one.startswith(b"%d-" % n)]
            assert own == [b"%d-%d" % (n, i) for i in range(100)]
        queue.close()
    finally:
        collect_queue.SEGMENT_BYTES = before


def test_a_place_always_has_the_same_size_so_that_a_full_disk_can_hold_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    assert (place.load(), (tmp_path / "place").stat().st_size) == ("", SIZE)
    place.save("7 4096")
    place.close()
    again = Place(tmp_path / "place")
    assert (again.load(), (tmp_path / "place").stat().st_size) == ("7 4096", SIZE)
    with pytest.raises(ValueError, match="do not fit"):
        again.save("x" * SIZE)
    again.close()
