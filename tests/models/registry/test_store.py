"""A model's folder is there whole or not at all, and a version names the same bytes for ever."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from models.registry import store
from models.registry.errors import ModelAltered, ModelForeign
from support.registry import ANA, BOB, House, estimator, trained


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_model_saved_again_is_the_same_version_and_leaves_what_is_there(house: House) -> None:
    manifest = house.save()
    before = content(house.registry)
    assert house.save() == manifest
    assert content(house.registry) == before


def test_another_fact_file_or_estimator_is_another_version(house: House) -> None:
    found = {
        house.save().version,
        house.save(2).version,
        house.save(threshold=0.6).version,
        house.save(files={"card.md": b"# other\n"}).version,
        house.save(files={}).version,
    }
    assert len(found) == 5
    assert store.versions(house.registry, "autodial") == sorted(found)


def test_a_second_person_who_trains_the_same_adds_a_signature_and_changes_nothing_else(house: House) -> None:
    manifest = house.save()
    before = content(house.folder(manifest))
    assert house.save(key=BOB) == manifest
    after = content(house.folder(manifest))
    assert {name for name in after if after[name] != before[name]} == {"manifest.sig"}
    assert len(store.read_signatures(after["manifest.sig"], "")) == 2


def test_a_version_that_was_changed_is_not_saved_over(house: House) -> None:
    path = house.folder(house.save()) / "card.md"
    path.write_bytes(b"# CARD\n")
    with pytest.raises(ModelAltered, match="other bytes"):
        house.save()


@pytest.mark.parametrize(
    "name",
    ["../x.md", "/etc/x.md", "a/b/c.svg", "model.skops", "Card.md", ".hidden", "x", "shadow-20260101T000000Z.json"],
)
def test_files_that_no_loader_would_take_are_refused(house: House, name: str) -> None:
    with pytest.raises(ModelForeign, match="has no file"):
        house.save(files={name: b""})


@pytest.mark.parametrize("name", ["..", "Autodial", "a b", "", "requests", "x" * 10 + "/y"])
def test_names_that_are_no_recipes_are_refused(house: House, name: str) -> None:
    with pytest.raises(ModelForeign, match="no name of a model"):
        store.save(house.registry, name, estimator(), trained(), {}, ANA)


@pytest.mark.parametrize("fields", [{"threshold": float("nan")}, {"medians": (float("nan"), 0.0, 0.0)}])
def test_a_fact_that_is_no_number_is_refused_before_anything_is_written(house: House, fields: dict[str, Any]) -> None:
    before = store.versions(house.registry, "autodial")
    with pytest.raises(ModelForeign):
        house.save(**fields)
    assert store.versions(house.registry, "autodial") == before


def test_a_write_that_fails_leaves_nothing_behind(house: House) -> None:
    if os.geteuid() == 0:
        # Root may write anywhere: a file in the place of a folder stops it as surely.
        (house.registry / "call-centre").write_bytes(b"")
        with pytest.raises(OSError, match="call-centre"):
            store.save(house.registry, "call-centre", estimator(), trained(), {}, ANA)
    unfinished = [path.name for path in (house.registry / "autodial").iterdir() if path.name.startswith(".")]
    assert unfinished == []


def test_only_folders_that_are_versions_are_listed(house: House) -> None:
    versions = store.versions(house.registry, "autodial")
    (house.registry / "autodial" / ".autodial-000000000000.1").mkdir()
    (house.registry / "autodial" / "notes.txt").write_bytes(b"")
    (house.registry / "empty").mkdir()
    assert store.versions(house.registry, "autodial") == versions
    assert store.names(house.registry) == ["autodial"]
    assert store.names(house.registry / "nowhere") == []
