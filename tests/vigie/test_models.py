"""``vigie models``: from a key to a champion and back, with one clear line wherever it stops."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.registry import signing, store
from models.schema import NAMES
from streams.wire import Wire
from support.registry import House
from support.training import RANKED, small_labels, small_world, toml, write_features, write_labels
from vigie.cli import app


def vigie(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env={"COLUMNS": "200"}, catch_exceptions=False)


def said(done: Result) -> str:
    return " ".join(done.output.split())


class Desk:
    """A folder with a registry, keys and files, and the commands with their options filled in."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, command: str, *arguments: object, **options: Any) -> Result:
        if "key" in options:
            options["key"] = self.place / f"{options['key']}.pem"
        extra = [word for name, value in options.items() for word in (f"--{name}", value)]
        return vigie(command, *arguments, "--registry", self.place / "registry", *extra)

    def moves(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.place / "registry" / "moves.jsonl").read_bytes().splitlines()]


NOW = "2026-01-05T09:00:00Z"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with two keys, files of labels and features, and one trained model."""
    place = tmp_path_factory.mktemp("desk")
    desk = Desk(place)
    for name in ("ana", "bob"):
        assert desk("keygen", name, out=place / f"{name}.pem").exit_code == 0
    write_labels(place / "labels.parquet", small_labels())
    write_features(place / "features.parquet", small_world())
    matrix = small_world().matrix.copy()
    matrix[:, NAMES.index("attempts")] *= 4
    matrix[:, NAMES.index("talk_mean")] /= 3
    write_features(place / "busy.parquet", replace(small_world(), matrix=matrix))
    (place / "small.toml").write_text(toml(RANKED))
    options = ["--recipe", "small.toml", "--labels", "labels.parquet", "--features", "features.parquet", "--registry", "registry"]
    words = [str(place / word) if "." in word or word == "registry" else word for word in [*options, "--key", "ana.pem"]]
    done = CliRunner().invoke(app, ["train", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return place


@pytest.fixture
def desk(trained: Path, tmp_path: Path) -> Desk:
    """A copy of it for each test."""
    shutil.copytree(trained, tmp_path / "desk")
    return Desk(tmp_path / "desk")


@pytest.fixture
def files(desk: Desk) -> dict[str, Path]:
    """The files of rows that a model is measured on."""
    names = {"labels": "labels.parquet", "features": "features.parquet", "recipe": "small.toml"}
    return {option: desk.place / name for option, name in names.items()}


def test_a_candidate_becomes_champion_by_a_shadow_run_and_two_keys_and_goes_again_by_one(desk: Desk, files: dict[str, Path]) -> None:
    events = desk.place / "events.jsonl"
    assert "yes" in desk("list").output
    shadow = desk("shadow", "autodial", "candidate", now=NOW, **files)
    assert shadow.exit_code == 0, shadow.output
    assert "good enough to ask" in said(shadow)
    assert "against rules alone" in said(shadow)
    asked = desk("promote", "autodial", "candidate", key="ana", now=NOW)
    assert asked.exit_code == 0, asked.output
    assert "waits for a second person" in said(desk("list"))
    own = desk("approve", "autodial", "candidate", key="ana", now=NOW)
    assert (own.exit_code, "another publisher must" in said(own)) == (2, True)
    done = desk("approve", "autodial", "candidate", key="bob", now=NOW, events=events)
    assert done.exit_code == 0, done.output
    assert "champion" in desk("list").output
    shown = said(desk("show", "autodial", "champion"))
    assert all(words in shown for words in ("promote by ana and bob", "guard all", "scikit-learn"))
    back = desk("rollback", "autodial", key="bob", now=NOW)
    assert (back.exit_code, "--to none" in said(back)) == (2, True)
    assert desk("rollback", "autodial", key="bob", to="none", now=NOW, events=events).exit_code == 0
    told = [Wire().decode(line) for line in events.read_bytes().splitlines()]
    assert [(event.name, event.role) for event in told] == [("autodial", "champion"), ("autodial", "none")]  # type: ignore[attr-defined]
    assert [move["order"]["action"] for move in desk.moves()] == ["promote", "retire"]


def test_what_could_not_be_told_is_told_again_with_the_same_id(desk: Desk, files: dict[str, Path]) -> None:
    desk("shadow", "autodial", "candidate", now=NOW, **files)
    desk("promote", "autodial", "candidate", key="ana", now=NOW)
    done = desk("approve", "autodial", "candidate", key="bob", now=NOW)
    assert "the stream was not told: vigie models publish autodial" in said(done)
    lines = []
    for name in ("one.jsonl", "two.jsonl"):
        assert desk("publish", "autodial", events=desk.place / name).exit_code == 0
        lines.append((desk.place / name).read_bytes())
    assert lines[0] == lines[1]
    nothing = desk("publish", "takeover", events=desk.place / "one.jsonl")
    assert (nothing.exit_code, "nothing to tell" in said(nothing)) == (2, True)
    assert desk("publish", "autodial").exit_code == 2


def test_a_place_where_the_event_cannot_go_is_said_before_anything_moves(desk: Desk, files: dict[str, Path]) -> None:
    desk("shadow", "autodial", "candidate", now=NOW, **files)
    desk("promote", "autodial", "candidate", key="ana", now=NOW)
    done = desk("approve", "autodial", "candidate", key="bob", now=NOW, events=desk.place / "no" / "events.jsonl")
    assert (done.exit_code, "directory that exists" in said(done)) == (2, True)
    done = desk("approve", "autodial", "candidate", key="bob", now=NOW, bootstrap="127.0.0.1:1")
    assert done.exit_code == 3
    assert not (desk.place / "registry" / "moves.jsonl").exists()


def test_a_challenger_comes_and_goes_by_one_key(desk: Desk) -> None:
    events = desk.place / "events.jsonl"
    assert vigie("shadow", "autodial", "candidate", "--registry", desk.place / "registry", "--live").exit_code == 2
    for extra in ([], ["--end"]):
        done = vigie(
            *("shadow", "autodial", "challenger" if extra else "candidate", "--registry", desk.place / "registry"),
            *("--live", *extra, "--key", desk.place / "bob.pem", "--events", events, "--now", NOW),
        )
        assert done.exit_code == 0, done.output
    assert [json.loads(line)["role"] for line in events.read_bytes().splitlines()] == ["challenger", "none"]


def test_a_shadow_run_that_does_not_carry_a_promotion_says_why(desk: Desk, files: dict[str, Path]) -> None:
    del files["labels"]
    done = desk("shadow", "autodial", "candidate", now=NOW, **files)
    assert (done.exit_code, "cannot be promoted on it" in said(done)) == (0, True)
    assert "slice all has no verdicts" in said(done)
    refused = desk("promote", "autodial", "candidate", key="ana", now=NOW)
    assert (refused.exit_code, "slice all has no verdicts" in said(refused)) == (2, True)


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_comparison_is_printed_and_written(desk: Desk, files: dict[str, Path], kind: str) -> None:
    done = desk("compare", "rules", "autodial@candidate", out=desk.place / f"report.{kind}", **files)
    assert done.exit_code == 0, done.output
    assert all(words in said(done) for words in ("average precision", "€ saved a day", "level:breach", "alerts disappear", "test slice"))
    content = (desk.place / f"report.{kind}").read_text()
    assert content.startswith("<!doctype html>") if kind == "html" else json.loads(content)["rows"] > 100


def test_a_comparison_that_means_nothing_is_refused(desk: Desk, files: dict[str, Path]) -> None:
    for arguments, words in (
        (("rules", "rules"), "the candidate is a version"),
        (("autodial@champion", "autodial@candidate"), "no version is champion"),
        (("rules", "nothing"), "not in"),
        (("autodial@candidate", "autodial@candidate"), "compared with itself"),
    ):
        done = desk("compare", *arguments, **files)
        assert (done.exit_code in (2, 3), words in said(done)) == (True, True), done.output
    assert desk("compare", "rules", "autodial@candidate").exit_code == 2
    assert desk("compare", "rules", "autodial@candidate", out=desk.place / "report.pdf", **files).exit_code == 2


def test_drift_ends_with_1_only_when_the_decision_mix_moved(desk: Desk, files: dict[str, Path]) -> None:
    still = desk("drift", "autodial", version="candidate", **files)
    assert (still.exit_code, "the decision mix did not move" in said(still)) == (0, True)
    page, metrics = desk.place / "drift.html", desk.place / "vigie.prom"
    moved = desk("drift", "autodial", version="candidate", features=desk.place / "busy.parquet", out=page, metrics=metrics)
    assert (moved.exit_code, "the decision mix moved" in said(moved)) == (1, True)
    assert "act" in moved.output
    assert "attempts" in page.read_text()
    assert "vigie_model_decision_mix_moved" in metrics.read_text()


def test_drift_of_some_days_only_and_of_none(desk: Desk, files: dict[str, Path]) -> None:
    done = desk("drift", "autodial", version="candidate", **{"from": "2025-07-01", "to": "2025-08-01"}, **files)
    assert (done.exit_code, "from 2025-07-01 to 2025-07-31" in said(done)) == (0, True)
    none = desk("drift", "autodial", version="candidate", **{"from": "2031-01-01"}, **files)
    assert (none.exit_code, "has no row of these days" in said(none)) == (2, True)
    assert desk("drift", "autodial", version="candidate", **{"from": "soon"}, **files).exit_code == 2


def test_a_key_is_made_outside_of_the_registry_and_its_public_half_is_added(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    inside = desk("keygen", "ana", out=tmp_path / "registry" / "ana.pem")
    assert (inside.exit_code, "lies in the registry" in said(inside)) == (2, True)
    assert desk("keygen", "ana", out=tmp_path / "ana.pem").exit_code == 0
    private = (tmp_path / "ana.pem").read_text()
    (publisher,) = signing.read_publishers(tmp_path / "registry").all
    assert publisher.key == signing.public_key(signing.read_key(tmp_path / "ana.pem"))
    twice = desk("keygen", "ana", out=tmp_path / "again.pem")
    assert (twice.exit_code, (tmp_path / "again.pem").exists()) == (2, False)
    assert private.splitlines()[1] not in twice.output


def test_a_broken_model_is_listed_with_the_reason(tmp_path: Path) -> None:
    house = House(tmp_path)
    manifest = house.save()
    (house.folder(manifest) / store.MODEL).unlink()
    desk = Desk(tmp_path)
    done = desk("list")
    assert (done.exit_code, "no:" in done.output) == (0, True)
    shown = desk("show", "autodial", manifest.version)
    assert (shown.exit_code, "error:" in shown.output) == (3, True)


def test_an_empty_registry_says_how_to_begin(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = desk("list")
    assert (done.exit_code, "vigie models keygen" in said(done)) == (2, True)
    assert desk("keygen", "ana", out=tmp_path / "ana.pem").exit_code == 0
    assert "vigie train" in said(desk("list"))


def test_a_damaged_history_moves_nothing(desk: Desk) -> None:
    (desk.place / "registry" / "moves.jsonl").write_bytes(b"{}\n")
    for command in (("list",), ("show", "autodial", "candidate")):
        assert desk(*command).exit_code == 3
    assert desk("rollback", "autodial", key="ana", now=NOW).exit_code == 3
