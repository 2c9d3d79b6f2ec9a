"""The recovery benchmark on a small twin: it kills, each time somebody goes on, and in the end every licence has its state."""

from pathlib import Path

import pytest

from bench import recovery
from bench.events import Shape
from bench.recovery import KILLS, Measured, Recovered, Recovery, results, text

TWIN = Shape(4_000, 80, 40)


def test_a_killed_worker_goes_on_and_another_one_takes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each partition has frames for every kill.
    monkeypatch.setattr(recovery, "FRAME_EVENTS", 8)
    measured = Recovery(TWIN, tmp_path, lambda doing: None).run()
    assert len(measured.restarts) == len(KILLS) - 1
    assert all(one.first <= one.all for one in (*measured.restarts, measured.takeover))
    assert measured.licences == TWIN.licences
    assert measured.bytes > 100 * TWIN.licences


def test_the_bar_is_on_the_slowest_first_frame() -> None:
    measured = Measured([Recovered(2.04, 2.5), Recovered(1.9, 3.0)], Recovered(15.1, 15.6), 20_000, 30 * 2**20)
    found = {one.name: (one.value, one.bar, one.holds) for one in results(measured)}
    assert found["the same worker, started again: from kill -9 to the first frame"] == (2.04, 15.0, True)
    assert found["another worker in its place: from kill -9 to the first frame"] == (15.1, 15.0, False)
    shown = text(measured, TWIN)
    assert "| the same worker, started again | 1.9, 2.0 | 2.5, 3.0 |" in shown
    assert "20,000 licences, 30 MiB" in shown
    assert "first frame within 15 s of `kill -9`: **does not hold**" in shown
