from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Event, PolicyEvent, Tick
from streams.frames import Codec
from streams.runs import Key, Sorter, merge, total_order
from support.core import call, exemption, licence_fact, reg, tenant_fact


class Row(msgspec.Struct, array_like=True):
    at: int
    name: str
    n: int


ROWS = Codec.of(Row)


def order(row: Row) -> Key:
    return row.at, row.name, row.n


def rows_of(sorter: Sorter[Row]) -> list[Row]:
    sorter.spill()
    return [row for block in sorter.blocks() for row in block]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abc")), max_size=400),
    st.integers(1, 50),
    st.integers(1, 2_000),
)
def test_everything_that_goes_in_comes_out_once_and_in_order(keys: list[tuple[int, str]], records: int, size: int) -> None:
    rows = [Row(at, name, n) for n, (at, name) in enumerate(keys)]
    with TemporaryDirectory() as directory:
        sorter = Sorter(Path(directory), "t", ROWS, order, None, records, size)
        for row in rows:
            if sorter.add(row):
                sorter.spill()
        assert rows_of(sorter) == sorted(rows, key=order)


@given(st.permutations(range(120)), st.integers(2, 5))
def test_more_runs_than_may_be_open_are_merged_in_several_passes(numbers: list[int], fan_in: int) -> None:
    rows = [Row(n, "x", n) for n in numbers]
    with TemporaryDirectory() as directory:
        sorter = Sorter(Path(directory), "t", ROWS, order, None, 5)
        for row in rows:
            if sorter.add(row):
                sorter.spill()
        sorter.spill()
        merged = merge(sorter.runs, ROWS, order, Path(directory), "t", fan_in)
        assert [row.n for block in merged for row in block] == list(range(120))


def test_runs_longer_than_a_frame_are_merged_frame_by_frame(tmp_path: Path) -> None:
    sorter = Sorter(tmp_path, "t", ROWS, order, None, 3_000)
    for n in range(20_000):
        if sorter.add(Row(n * 7919 % 20_011, "x", n)):
            sorter.spill()
    found = rows_of(sorter)
    assert len(found) == 20_000
    assert found == sorted(found, key=order)


def test_a_sorter_goes_on_behind_the_runs_that_were_written(tmp_path: Path) -> None:
    first = Sorter(tmp_path, "t", ROWS, order)
    first.add(Row(2, "b", 0))
    first.spill()
    second = Sorter(tmp_path, "t", ROWS, order, first.runs)
    second.add(Row(1, "a", 0))
    assert [row.at for row in rows_of(second)] == [1, 2]


def test_events_of_one_millisecond_are_ordered_facts_first_and_calls_by_their_phase() -> None:
    at = "2026-03-02 10:00"
    attempt, answer, end = call(at, 0, ring_s=0, phases=True)
    [cdr] = call(at, 0, ring_s=0)
    allowed = exemption(at, ("abroad-stay",), at, "2026-04-01 00:00")
    facts: list[Event] = [PolicyEvent(id="p", time=attempt.time), tenant_fact(at), licence_fact(at), allowed]
    expected: list[Event] = [*facts, reg(at), attempt, answer, end, cdr, Tick(time=attempt.time)]
    assert len({event.time for event in expected}) == 1
    backwards = expected[::-1]
    assert sorted(backwards, key=total_order) == expected
