"""Repeats: by coordinates not counted, by id counted, with other content a dead letter; the first in the log wins."""

from __future__ import annotations

from detectors.events import Registration
from support.core import Bench, ms, reg

T0 = ms("2026-03-02 10:00")


def stamped(at: int, line: int, digest: int = 1, key: int = 77) -> Registration:
    event = reg(at, id_="same")
    event.key, event.digest, event.line = key, digest, line
    return event


def test_the_same_coordinates_are_dropped_and_not_counted() -> None:
    counts = Bench().feed(stamped(T0, 5), stamped(T0, 5)).partition.counts
    assert "duplicates" not in counts


def test_a_resend_with_the_same_content_is_counted_as_a_duplicate() -> None:
    bench = Bench().feed(stamped(T0, 5), stamped(T0 + 1_000, 6), stamped(T0 + 59 * 60_000, 7))
    assert bench.partition.counts["duplicates"] == 2
    assert bench.dead_letters() == []


def test_the_same_id_with_other_content_is_one_dead_letter_that_names_the_first() -> None:
    (letter,) = Bench().feed(stamped(T0, 5), stamped(T0 + 1_000, 6, digest=2)).dead_letters()
    assert (letter.error, letter.line) == ("same_id", 6)
    assert "test.jsonl:5" in letter.message


def test_the_table_covers_the_last_hour_over_the_change_of_the_hour() -> None:
    bench = Bench().feed(stamped(ms("2026-03-02 10:59"), 5), stamped(ms("2026-03-02 11:58"), 6))
    assert bench.partition.counts["duplicates"] == 1


def test_older_keys_are_forgotten() -> None:
    bench = Bench().feed(*(stamped(T0 + i * 3_600_000, i, key=i + 1) for i in range(10)))
    assert len(bench.partition.state.repeats) == 2
