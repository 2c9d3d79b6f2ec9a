"""`vigie run` on files whose records are no lines: a capture of AMI, netstrings of evapi; and on the other new formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vigie.cli import app

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = (
    '{"v":1,"kind":"tenant","id":"t","time":"2026-01-01T00:00:00Z","tenant":"acme"}\n'
    '{"v":1,"kind":"licence","id":"l","time":"2026-01-01T00:00:00Z","tenant":"acme","licence":"101",'
    '"aors":["alice@pbx.example","carol@pbx.test","alice@pbx.test","bob@pbx.test"]}\n'
)
POLICY = """
[sources.ast]
format = "asterisk-ami"
zone = "Europe/Paris"
domain = "pbx.example"
[sources.edge]
format = "kamailio"
[sources.fs]
format = "freeswitch"
"""


def judged(tmp_path: Path, path: Path, source: str) -> dict[str, Any]:
    (tmp_path / "facts.jsonl").write_text(FACTS, "utf-8")
    (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
    arguments = ["run", str(tmp_path / "facts.jsonl"), str(path), "--source", f"{path}={source}", "--policy", str(tmp_path / "policy.toml")]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("name", "source", "events"), [("constructed_asterisk_ami.txt", "ast", 8), ("constructed_freeswitch_events.jsonl", "fs", 11)]
)
def test_a_capture_is_judged_as_a_file(tmp_path: Path, name: str, source: str, events: int) -> None:
    summary = judged(tmp_path, FIXTURES / name, source)
    # A record that states no fact is read and accepted all the same.
    assert (summary["coverage"][source]["events"], summary["dead_letters"]) == (events, 0)


def test_netstrings_and_lines_of_one_kamailio_are_the_same_events(tmp_path: Path) -> None:
    lines = (FIXTURES / "kamailio-captured.jsonl").read_bytes().splitlines()
    path = tmp_path / "evapi.log"
    path.write_bytes(b"".join(b"%d:%s," % (len(line), line) for line in lines) + b"\nEVT " + b"\nEVT ".join(lines) + b"\n")
    summary = judged(tmp_path, path, "edge")
    assert (summary["accepted"], summary["duplicates"], summary["dead_letters"]) == (len(lines) + 2, len(lines), 0)
