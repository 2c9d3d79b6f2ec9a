"""The latency benchmark on a small twin: who crosses is suspended by that call and no other; never how fast."""

from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest

from bench.dialling import CROSSING, GAP_MS, Shape, accounts, traffic
from bench.latency import BAR_MS, Decision, Latency, percentile, results, text
from detectors.events import Call, Registration
from streams.live.orderer import LATENESS_MS
from streams.wire import Wire

TWIN = Shape(crossings=4, rate=200, tenants=3, seconds=2, settle=5)
BEGIN = 1_790_000_000_000


def test_each_dialler_makes_its_200th_call_within_the_time_and_the_honest_send_at_the_rate() -> None:
    first = BEGIN + TWIN.settle * 1000
    end = first + TWIN.seconds * 1000
    sent = list(takewhile(lambda one: one.at < end, traffic(TWIN, BEGIN)))
    assert [one.at for one in sent] == sorted(one.at for one in sent)
    decode = Wire().decode
    calls = Counter(
        f"{one.tenant}/{event.aor.split('@')[0]}"
        for one in sent
        if isinstance(event := decode(one.value), Call) and event.phase == "attempt"
    )
    crossing = [one for one in sent if one.crosses]
    assert len(crossing) == TWIN.crossings
    assert all(calls[one.crosses] == CROSSING and first <= one.at < end for one in crossing)
    assert max(count for who, count in calls.items() if who.startswith("office")) < 20
    assert min(one.at for one in sent) == crossing[0].at - (CROSSING - 1) * GAP_MS
    honest = [one for one in sent if one.tenant.startswith("office")]
    assert len(honest) == TWIN.rate * (end - BEGIN) // 1000
    registrations = sum(isinstance(decode(one.value), Registration) for one in honest)
    assert 0.6 < registrations / len(honest) < 0.8


def test_every_aor_that_calls_has_its_account() -> None:
    known = {one.tenant for one in accounts(TWIN, BEGIN)}
    assert {one.tenant for one in takewhile(lambda one: one.at < BEGIN + 3_000, traffic(TWIN, BEGIN))} <= known
    assert len([one for one in accounts(TWIN, BEGIN) if b'"licence"' in one.value]) == TWIN.licences + 6


def test_every_crossing_call_is_framed_then_suspended_then_read(tmp_path: Path) -> None:
    decisions = Latency(TWIN, tmp_path, lambda doing: None).run()
    assert len(decisions) == TWIN.crossings
    assert all(one.produced <= one.framed <= one.written <= one.read for one in decisions)


def test_the_bar_is_on_the_99th_percentile_of_what_is_read() -> None:
    decisions = [Decision(0.0, 2_000.0, 2_100.0, LATENESS_MS + BAR_MS + late) for late in (-900, -800, 1)]
    found = results(decisions)
    assert [(one.value, one.bar, one.holds) for one in found if one.bar is not None] == [(3.0, 3.0, False)]
    assert "| the suspension is read | 2.20 | 3.00 | 3.00 |" in text(decisions, TWIN, 199.6)
    assert "**does not hold**" in text(decisions, TWIN, 199.6)


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (75, 3.0), (99, 4.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: float) -> None:
    assert percentile([4.0, 2.0, 1.0, 3.0], percent) == value
