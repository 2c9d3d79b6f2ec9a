"""What every rule must hold, whoever wrote it: the generic suite."""

from __future__ import annotations

import ast
import doctest
import inspect
import random
import subprocess
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from detectors.events import Event, Score, rank
from detectors.outputs import Alert, Output
from detectors.registry import installed
from detectors.rule import Detector
from detectors.state import encode
from support.core import Bench, ms
from support.traffic import everything

RULES = installed()
UNTIL = ms("2026-04-25 12:00")
each_rule = pytest.mark.parametrize("rule", sorted(RULES))


@cache
def traffic(rule: str) -> tuple[Event, ...]:
    """Everybody's traffic, and the abuse that only this rule sees (``support/abuse``)."""
    found = everything()
    if find_spec(f"support.abuse.{rule.replace('-', '_')}") is not None:
        found += import_module(f"support.abuse.{rule.replace('-', '_')}").traffic()
    return tuple(sorted(found, key=lambda e: (e.time, rank(e), e.pbx, e.id)))


def run(rule: str, **kw: int) -> Bench:
    return Bench(facts=[], detectors={rule: RULES[rule]}, **kw).feed(*traffic(rule)).until(UNTIL)  # type: ignore[arg-type]


@cache
def straight(rule: str) -> tuple[tuple[Output, ...], int]:
    bench = run(rule)
    return tuple(bench.said), max(len(encode(s)) for s in bench.partition.licences.values())


@each_rule
def test_the_traffic_makes_it_speak(rule: str) -> None:
    said = straight(rule)[0]
    assert {a.level for a in said if isinstance(a, Alert)} >= set(RULES[rule].levels)


@each_rule
def test_it_is_deterministic(rule: str) -> None:
    assert tuple(run(rule).said) == straight(rule)[0]


@each_rule
@pytest.mark.parametrize("seed", range(3))
def test_cut_anywhere_and_resumed_it_says_what_a_straight_run_says(rule: str, seed: int) -> None:
    every = random.Random(f"{rule}{seed}").randrange(40, 900)
    assert tuple(run(rule, restart_every=every).said) == straight(rule)[0]


@each_rule
def test_its_state_is_bounded(rule: str) -> None:
    assert straight(rule)[1] < 64 * 1024


@each_rule
def test_its_facts_fit_the_screen_and_its_evidence_is_frozen_and_masked(rule: str) -> None:
    for alert in straight(rule)[0]:
        if isinstance(alert, Alert):
            assert len(msgspec.json.encode(alert.facts)) <= 16 * 1024
            assert len(alert.evidence) <= 50
            assert all(e.number.endswith("••••") or len(e.number) <= 6 for e in alert.evidence)
            assert alert.summary.endswith(".")
            assert any(c.isdigit() for c in alert.summary)
            msgspec.convert(alert.facts, RULES[rule].Facts)


@each_rule
def test_an_alert_is_restated_at_most_once_per_step_of_evidence(rule: str) -> None:
    said: dict[str, list[Alert]] = {}
    for alert in straight(rule)[0]:
        if isinstance(alert, Alert):
            said.setdefault(alert.alert_id, []).append(alert)
    for statements in said.values():
        assert [a.update for a in statements] == list(range(1, len(statements) + 1))
        for before, after in pairwise(statements):
            if after.state == "open" and (after.level, after.mode) == (before.level, before.mode):
                assert after.measured >= 2 * before.measured or after.issued_at // 86_400_000 >= before.issued_at // 86_400_000


@each_rule
def test_no_emergency_call_and_nothing_we_refused_feeds_it(rule: str) -> None:
    marked = []
    for event in traffic(rule):
        if isinstance(event, Score):
            continue  # such a day has no figures, and so no score
        copy = msgspec.structs.replace(event)
        if hasattr(copy, "emergency"):
            copy.emergency = True
        if hasattr(copy, "refused_by"):
            copy.refused_by = "de-1"
        marked.append(copy)
    bench = Bench(facts=[], detectors={rule: RULES[rule]}).feed(*marked).until(UNTIL)
    assert bench.alerts() == []


@each_rule
def test_it_has_the_metadata_that_policy_pages_and_screens_are_made_from(rule: str) -> None:
    detector: Detector = RULES[rule]  # type: ignore[type-arg]
    assert detector.rule == rule
    assert detector.clause
    assert detector.title
    assert detector.applies
    assert detector.State().__class__ is detector.State
    fields = msgspec.structs.fields(detector.Params)
    assert {"mode", "restrictions", "lift", "on_overdue"} <= {f.name for f in fields}


@each_rule
def test_a_stranger_finds_it_by_its_file_name_and_its_doctest_shows_a_detection(rule: str) -> None:
    module = inspect.getmodule(type(RULES[rule]))
    assert module is not None
    assert Path(module.__file__ or "").stem == rule.replace("-", "_")
    examples = [e for t in doctest.DocTestFinder().find(module) for e in t.examples]
    assert any("notice" in e.want or "breach" in e.want for e in examples)


@each_rule
def test_it_reads_no_clock_and_nothing_random(rule: str) -> None:
    module = inspect.getmodule(type(RULES[rule]))
    assert module is not None
    names = {n.attr for n in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(n, ast.Attribute)}
    assert not names & {"utcnow", "today", "monotonic", "perf_counter", "urandom", "random"}


def test_what_is_said_does_not_depend_on_the_hash_seed() -> None:
    script = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from hashlib import sha256\nimport msgspec\nfrom support.core import Bench, ms\nfrom support.traffic import everything\n"
        "b = Bench(facts=[]).feed(*everything()).until(ms('2026-04-25 12:00'))\n"
        "print(len(b.said), sha256(msgspec.json.encode(b.said)).hexdigest())\n"
    )
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(said) == 1
    assert int(next(iter(said)).split()[0]) > 0
