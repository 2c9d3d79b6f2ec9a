"""`vigie numbers export`: the numbering as a PBX reads it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from typer.testing import CliRunner

from vigie.cli import app


def export(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["numbers", "export", *arguments])
    return done.exit_code, done.output


def test_all_three_formats_say_the_same() -> None:
    classes = json.loads(export("--format", "json")[1])["classes"]
    assert (classes["+3389"], classes["+33"], classes["+881"], classes["3919"]) == ("premium", "fixed", "satellite", "short_free")
    assert {row["prefix"]: row["class"] for row in csv.DictReader(export("--format", "csv")[1].splitlines())} == classes
    kamailio = export()[1]
    assert kamailio.count("$sht(numclass=>") == len(classes)
    assert '$sht(numclass=>+3389) = "premium";' in kamailio
    assert '$sht(numoverseas=>590) = "590/0";' in kamailio


def test_the_policy_opens_numbers_and_a_file_takes_the_table(tmp_path: Path) -> None:
    policy, out = tmp_path / "policy.toml", tmp_path / "numbers.cfg"
    policy.write_text('[general]\npaid_allow = ["3646"]\n[numbers]\nemergency = ["1234"]\n', "utf-8")
    assert export("--policy", str(policy), "--out", str(out)) == (0, "")
    assert '$sht(numclass=>3646) = "allowed";' in out.read_text("utf-8")
    assert '$sht(numemergency=>1234) = "1";' in out.read_text("utf-8")


def test_what_is_no_number_stops_with_a_sentence(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[general]\npaid_allow = ["support"]\n', "utf-8")
    status, said = export("--policy", str(policy))
    assert status in (2, 3)
    assert "paid_allow: 'support'" in said
    assert export("--out", str(tmp_path / "nowhere" / "numbers.cfg"))[0] == 2
