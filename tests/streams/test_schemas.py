from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from jsonschema import Draft202012Validator
from typer import Typer
from typer.testing import CliRunner

from detectors.outputs import Output
from streams.schemas import differences, schemas, write
from streams.writing import encode_output
from support.strategies import any_good_object, any_output
from vigie.schema import schema

CHECKED_IN = Path(__file__).parents[2] / "docs" / "schemas"
VALIDATORS = {name: Draft202012Validator(json.loads(text)) for name, text in schemas().items()}


def test_the_checked_in_schemas_are_those_of_the_models() -> None:
    assert differences(CHECKED_IN) == [], "run: vigie schema"


def test_every_schema_is_a_valid_schema_of_draft_2020_12() -> None:
    for validator in VALIDATORS.values():
        Draft202012Validator.check_schema(validator.schema)


@given(any_good_object())
def test_every_accepted_object_of_the_generators_validates_against_its_published_schema(record: dict[str, object]) -> None:
    VALIDATORS[f"{record['kind']}.json"].validate(record)


@given(any_output())
def test_every_output_validates_against_its_published_schema(output: Output) -> None:
    record = json.loads(encode_output(output))
    VALIDATORS[f"{record['kind']}.json"].validate(record)


def test_writing_twice_changes_nothing_and_removes_what_is_no_kind(tmp_path: Path) -> None:
    assert len(write(tmp_path)) == len(schemas())
    assert write(tmp_path) == []
    (tmp_path / "old.json").write_text("{}")
    assert write(tmp_path) == [tmp_path / "old.json"]
    assert not (tmp_path / "old.json").exists()


def test_the_command_writes_and_its_check_finds_what_differs(tmp_path: Path) -> None:
    app = Typer()
    app.command()(schema)
    run = CliRunner()
    assert run.invoke(app, ["--out", str(tmp_path)]).exit_code == 0
    assert run.invoke(app, ["--out", str(tmp_path), "--check"]).exit_code == 0
    (tmp_path / "call.json").write_text("{}")
    checked = run.invoke(app, ["--out", str(tmp_path), "--check"])
    assert checked.exit_code == 1
    assert "call.json" in checked.output
