"""The benchmark on a small twin: what it generates, what it writes; never how fast it is."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.__main__ import PARTS, collect
from bench.docs import DOC, replace, text
from bench.events import Shape, lines, write_events
from bench.run import Bench, Result, write_results
from detectors.events import Call, Registration
from detectors.registry import installed
from streams.wire import Wire

TWIN = Shape.of(20_000)


def test_the_full_shape_is_that_of_the_bars() -> None:
    assert Shape.of(1_000_000) == Shape(1_000_000, 20_000, 400, 1)


def test_the_events_are_lines_of_the_contracts_in_the_promised_mixture() -> None:
    wire = Wire()
    events = [wire.decode(line.encode()) for line in lines(TWIN)]
    usage = [event for event in events if isinstance(event, Registration | Call)]
    calls = [event for event in usage if isinstance(event, Call)]
    assert (len(usage), len(calls)) == (20_000, 6_000)
    assert len(events) - len(usage) == TWIN.licences + TWIN.tenants
    assert len({(event.tenant, event.licence) for event in usage}) > 0.95 * TWIN.licences
    assert len({event.id for event in events}) == len(events)
    assert [event.time for event in usage] == sorted(event.time for event in usage)
    whole = sum(call.phase == "cdr" for call in calls)
    told = Counter(call.call_id for call in calls if call.phase != "cdr")
    assert 0.4 < whole / (whole + len(told)) < 0.6, "half of the calls come as one record"


def test_a_shape_gives_the_same_bytes(tmp_path: Path) -> None:
    small = Shape.of(2_000)
    assert write_events(small, tmp_path / "a").read_bytes() == write_events(small, tmp_path / "b").read_bytes()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    return Bench(TWIN, tmp_path_factory.mktemp("bench"), 1, lambda doing: None).run()


def test_results_are_a_list_of_name_value_unit_bar_and_holds(results: list[Result], tmp_path: Path) -> None:
    write_results(results, tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    assert written
    for one in written:
        assert list(one) == ["name", "value", "unit", "bar", "holds"]
        assert isinstance(one["value"], int | float)
        assert (one["bar"] is None) == (one["holds"] is None)


def test_every_promise_has_its_bar_and_every_rule_its_cost(results: list[Result]) -> None:
    bars = [(one.bar, one.unit) for one in results if one.bar is not None]
    assert bars == [(70_000, "events/s"), (30_000, "events/s"), (400, "MB"), (2048, "bytes")]
    names = {one.name for one in results}
    assert {f"{rule} adds" for rule in installed()} <= names


def test_the_table_of_the_docs_says_what_holds_and_what_does_not() -> None:
    shown = text([Result("speed", 3.0, "×", 2.5, False), Result("size", 10, "bytes")], "A week")
    assert "| speed | 3.0 × | 2.5 × | **no** |" in shown
    assert "| size | 10 bytes |  |  |" in shown
    assert shown.startswith("A week.\n")


def test_the_figures_of_all_parts_are_collected_in_their_order(tmp_path: Path) -> None:
    for number, part in enumerate(PARTS):
        write_results(
            [Result(f"{part} speed", number, "s", 2.0, number <= 2), Result(f"{part} size", 10, "bytes")], tmp_path / f"results-{part}.json"
        )
    found = collect(tmp_path)
    assert [one.name for one in found] == [f"{part} {what}" for part in PARTS for what in ("speed", "size")]
    assert [one.holds for one in found if one.bar is not None] == [number <= 2 for number in range(len(PARTS))]


def test_each_part_and_the_soak_have_their_place_in_the_docs(tmp_path: Path) -> None:
    copy = tmp_path / "benchmarks.md"
    copy.write_text(DOC.read_text("utf-8"), "utf-8")
    for part in (*PARTS, "soak"):
        replace(part, f"figures of {part}", copy)
    assert all(f"figures of {part}\n<!-- end {part} -->" in copy.read_text("utf-8") for part in (*PARTS, "soak"))
    with pytest.raises(ValueError, match="must be there once"):
        replace("nothing", "figures", copy)
