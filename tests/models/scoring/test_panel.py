"""Which models are asked: those in force that are what they were signed as; one that is not stops nobody but itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from detectors.outputs import Features
from models.registry.manifest import Manifest
from models.schema import SCHEMA_HASH
from models.scoring import panel as panels
from models.scoring.panel import Panel
from models.weeks import WEEK_NAMES, WEEK_SCHEMA_HASH
from support.asked import Registry, moved, values
from support.core import ms

ROW = Features(
    tenant="acme", licence="101", day="2026-03-02", closed_at=ms("2026-03-03 01:00"), schema_hash=SCHEMA_HASH, values=values(attempts=40)
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def panel_of(registry: Registry, *events: object) -> Panel:
    panel = Panel(registry.path)
    for event in events:
        panel.move(event)  # type: ignore[arg-type]
    panel.look()
    return panel


def said(panel: Panel) -> list[tuple[str, str]]:
    return [(one.model_version, one.role) for one in panel.score([ROW])[0]]


def test_nobody_is_asked_until_a_model_is_promoted(registry: Registry) -> None:
    assert panel_of(registry).score([ROW]) == ([], [])


def test_champion_and_challenger_are_both_asked(registry: Registry) -> None:
    first, second = registry.train(20), registry.train(50)
    panel = panel_of(registry, registry.event(first), registry.event(second, "challenge"))
    assert said(panel) == [(second.version, "challenger"), (first.version, "champion")]


def test_a_promotion_and_a_rollback_change_who_is_asked(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "LINGER_S", -1.0)
    first, second = registry.train(20), registry.train(50)
    panel = panel_of(registry, registry.event(first))
    for event, version in ((registry.event(second), second.version), (registry.event(first, "rollback"), first.version)):
        panel.move(event)
        panel.look()
        assert said(panel) == [(version, "champion")]


def test_a_former_champion_is_asked_until_the_log_has_the_move(registry: Registry) -> None:
    first, second = registry.train(20), registry.train(50)
    panel = panel_of(registry, registry.event(first))
    panel.move(registry.event(second))
    panel.look()
    assert sorted(said(panel)) == sorted([(first.version, "champion"), (second.version, "champion")])
    assert [state.version for state in panel.states()] == [second.version]
    panel.move(registry.event(first, "rollback"))
    panel.look()
    assert sorted(said(panel)) == sorted([(first.version, "champion"), (second.version, "champion")])


def test_a_retired_model_is_not_asked(registry: Registry) -> None:
    made = registry.train()
    panel = panel_of(registry, registry.event(made), registry.event(made, "retire"))
    assert said(panel) == []
    assert panel.states() == []
    other = registry.train(30, "autodial")
    panel = panel_of(registry, registry.event(other))
    panel.move(registry.event(other, "retire"))
    panel.look()
    assert panel.states() == []


def test_a_champion_that_two_persons_never_approved_is_not_asked(registry: Registry) -> None:
    made = registry.train()
    panel = panel_of(registry, moved(registry.event(made, "challenge"), "champion"))
    assert said(panel) == []
    (state,) = panel.states()
    assert not state.up
    assert "knows no approval of it by two persons" in state.reason


def test_a_refused_model_leaves_the_others_be_and_is_said_once(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = registry.train(20, "autodial"), registry.train(30)
    events = registry.event(good), registry.event(bad)
    registry.tamper(bad)
    panel = panel_of(registry, *events)
    for _ in range(3):
        panel.look()
        assert said(panel) == [(good.version, "champion")]
    assert [(state.name, state.up) for state in panel.states()] == [("anomaly", False), ("autodial", True)]
    assert sum("anomaly: the champion cannot be asked" in record.message for record in caplog.records) == 1


def test_a_model_that_comes_back_is_asked_again(registry: Registry) -> None:
    made = registry.train()
    event = registry.event(made)
    folder = registry.path / made.name / made.version
    shutil.move(folder, registry.path / "away")
    panel = panel_of(registry, event)
    assert said(panel) == []
    shutil.move(registry.path / "away", folder)
    panel.look()
    assert said(panel) == [(made.version, "champion")]


def test_a_model_whose_publisher_is_revoked_is_asked_no_more(registry: Registry) -> None:
    made = registry.train()
    panel = panel_of(registry, registry.event(made))
    file = registry.path / "publishers.toml"
    text = file.read_text("utf-8")
    assert text.count("[[publisher]]") == 2
    file.write_text(text.replace("[[publisher]]\n", "[[publisher]]\nrevoked = true\n", 1), "utf-8")
    panel.look()
    assert said(panel) == []


def test_a_model_that_breaks_while_it_is_asked_leaves_the_others_be(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = registry.train(20, "autodial"), registry.train(30)
    panel = panel_of(registry, registry.event(good), registry.event(bad))
    broken = panel._seats["anomaly", "champion"].model
    assert broken is not None
    monkeypatch.setattr(broken, "estimator", None)
    assert said(panel) == [(good.version, "champion")]
    assert [state.up for state in panel.states()] == [False, True]


def test_rows_of_another_schema_are_not_for_it(registry: Registry) -> None:
    panel = panel_of(registry, registry.event(registry.train()))
    week = Features(
        tenant="acme",
        licence="101",
        day="2026-03-08",
        closed_at=ROW.closed_at,
        schema_hash=WEEK_SCHEMA_HASH,
        values=(0.0,) * len(WEEK_NAMES),
    )
    assert panel.score([week]) == ([], [])
    assert len(panel.score([week, ROW])[0]) == 1


def test_a_registry_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    elsewhere = Registry(tmp_path / "a")
    made: Manifest = elsewhere.train()
    event = elsewhere.event(made)
    panel = Panel(tmp_path / "b")
    panel.move(event)
    panel.look()
    assert [state.up for state in panel.states()] == [False]
    shutil.copytree(elsewhere.path, tmp_path / "b")
    panel.look()
    assert [state.up for state in panel.states()] == [True]
