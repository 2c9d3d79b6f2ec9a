"""Reference data in a partition: what rules read is kept, what none reads leaves nothing behind."""

from __future__ import annotations

from detectors import snapshot
from detectors.bothering.attempts import PUBLIC_LINES
from detectors.events import Reference
from support.core import Bench, ms

T0 = ms("2026-03-02 09:00")


def campaign(n: int, at: int, effective_from: int | None = None) -> Reference:
    return Reference(id=f"ref-{n}", time=at, name=f"campaign/ca-{n}", body={"alert_ids": ["al-1"] * 100}, effective_from=effective_from)


def test_a_partition_does_not_grow_by_the_campaigns_that_it_is_told() -> None:
    bench = Bench()
    before = len(snapshot.take(bench.partition))
    bench.feed([campaign(n, T0 + n, T0 + n + 86_400_000 * (n % 2)) for n in range(500)]).until(T0 + 3 * 86_400_000)
    assert bench.partition.state.references == {}
    assert bench.partition.state.coming == []
    assert len(snapshot.take(bench.partition)) < before + 200
    assert bench.said == []


def test_a_list_that_rules_read_is_kept_by_its_name() -> None:
    bench = Bench().feed(Reference(id="r", time=T0, name=PUBLIC_LINES, body={"numbers": []}))
    assert bench.partition.state.references == {PUBLIC_LINES: {"numbers": []}}
