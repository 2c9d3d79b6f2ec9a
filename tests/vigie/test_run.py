import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from streams.outputs import ALERTS, FILES
from support.files import database, provider, write
from vigie.run import closing, read_policy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("world")
    database(directory / "geo.mmdb")
    write(directory / "in.jsonl", provider(days=64))
    (directory / "policy.toml").write_text('name = "test"\n[sources.edge]\nformat = "kamailio"\n')
    return directory


def vigie(
    world: Path, *arguments: str, stdin: bytes | None = None, geo: bool = True, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, without the databases of whoever runs the test."""
    command = [sys.executable, "-c", "from vigie.cli import main; main()", *arguments]
    if arguments[0] == "run" and "--policy" not in arguments:
        command += ["--policy", str(world / "policy.toml"), *(["--geo", str(world / "geo.mmdb")] if geo else [])]
    env = os.environ | {"PYTHONPATH": str(ROOT), "VIGIE_HOME": str(world / "home"), "COLUMNS": "160"} | environment
    return subprocess.run(command, env=env, input=stdin, capture_output=True, check=False, cwd=world)


def files(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def test_the_main_job_ends_with_zero_and_tables_a_person_can_read(world: Path) -> None:
    done = vigie(world, "run", "in.jsonl", "--out", "plain")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    for word in ("abroad-stay", "autodial", "Coverage", "pbx-1", "accepted", "duplicates", "dead letters"):
        assert word in text
    assert done.stderr == b""
    assert {path.name for path in (world / "plain").iterdir()} == set(FILES)


def test_alerts_do_not_depend_on_the_hash_seed_nor_on_the_number_of_processes(world: Path) -> None:
    runs = {("0", "1"): "a", ("4242", "1"): "b", ("4242", "2"): "c"}
    for (seed, jobs), out in runs.items():
        done = vigie(world, "run", "in.jsonl", "--out", out, "--jobs", jobs, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    first, second, third = (files(world / out) for out in runs.values())
    assert first == second == third
    assert first[ALERTS]


def test_standard_input_is_read_as_a_file_is(world: Path) -> None:
    assert vigie(world, "run", "in.jsonl", "--out", "by-file").returncode == 0
    done = vigie(world, "run", "-", "--out", "by-pipe", stdin=(world / "in.jsonl").read_bytes())
    assert done.returncode == 0, done.stderr
    assert files(world / "by-pipe")[ALERTS] == files(world / "by-file")[ALERTS]


def test_without_a_database_the_run_says_loudly_what_is_not_covered_and_ends_with_zero(world: Path) -> None:
    done = vigie(world, "run", "in.jsonl", "--out", "nowhere", geo=False)
    assert done.returncode == 0
    assert b"not covered" in done.stderr
    assert b"vigie geo install" in done.stderr


def test_a_source_binds_a_file_to_its_dialect(world: Path) -> None:
    (world / "edge.log").write_bytes(b'{"event":"contact_expired","ts":"1767600000.0","aor":"x@y.example","contact":"sip:x@192.0.2.7"}\n')
    done = vigie(world, "run", "edge.log", "--source", "edge.log=edge", "--out", "edge")
    assert done.returncode == 0, done.stderr
    summary = json.loads((world / "edge" / "summary.json").read_bytes())
    assert (summary["read"], summary["unresolved_aors"]) == (1, 1)
    assert "edge" in summary["coverage"]


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["run", "in.jsonl"], 2, "--out"),
        (["run", "--out", "x"], 2, "inputs"),
        (["run", "in.jsonl", "--out", "x", "--jobs", "0"], 2, "--jobs"),
        (["run", "in.jsonl", "--out", "x", "--from", "yesterday"], 2, "--from"),
        (["run", "in.jsonl", "--out", "x", "--from", "2026-02-01", "--to", "2026-01-01"], 2, "--to"),
        (["run", "in.jsonl", "--out", "x", "--source", "in.jsonl"], 2, "FILE=NAME"),
        (["run", "in.jsonl", "--out", "x", "--source", "in.jsonl=nobody"], 2, "sources.nobody"),
        (["run", "in.jsonl", "--out", "x", "--policy", "missing.toml"], 2, "missing.toml"),
        (["run", "in.jsonl", "--out", "x", "--policy", "wrong.toml"], 2, "nonsense"),
        (["run", "in.jsonl", "--out", "x", "--policy", "broken.toml"], 2, "TOML"),
        (["run", "in.jsonl", "--out", "in.jsonl"], 2, "--out"),
        (["run", "table.csv", "--out", "x"], 2, "--source"),
        (["run", "missing.jsonl", "--out", "x"], 3, "missing.jsonl"),
        (["run", "cut.jsonl.gz", "--out", "x"], 3, "cut.jsonl.gz"),
        (["run", "in.jsonl", "--out", "x", "--geo", "in.jsonl", "--policy", "policy.toml"], 3, "in.jsonl"),
    ],
)
def test_the_exit_status_tells_bad_usage_from_unreadable_input(world: Path, arguments: list[str], status: int, word: str) -> None:
    (world / "wrong.toml").write_text("[rules.nonsense]\n")
    (world / "broken.toml").write_text("= 1")
    (world / "table.csv").write_text("a,b\n")
    (world / "cut.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00")
    done = vigie(world, *arguments)
    assert done.returncode == status, done.stderr
    assert word in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not (world / "x" / "summary.json").exists()


def test_a_period_is_given_in_days_of_paris_or_in_instants(world: Path) -> None:
    by_day = vigie(world, "run", "in.jsonl", "--out", "days", "--from", "2026-01-10", "--to", "2026-01-20")
    by_instant = vigie(world, "run", "in.jsonl", "--out", "instants", "--from", "2026-01-09T23:00:00Z", "--to", "2026-01-20T00:00:00+01:00")
    assert by_day.returncode == by_instant.returncode == 0
    assert files(world / "days") == files(world / "instants")
    assert b"outside the period" in by_day.stdout


def test_every_command_explains_itself(world: Path) -> None:
    for command in ("run", "explain", "schema", "geo"):
        done = vigie(world, command, "--help")
        assert done.returncode == 0, done.stderr
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert vigie(world, "--version").stdout.decode().split() == ["vigie", version]


def test_the_closing_tables_say_so_when_nothing_was_raised(world: Path) -> None:
    summary = {
        "alerts": {"total": 0, "rules": {}}, "coverage": {}, "suspensions": {"active": 0, "lifted": 0}, "exempted": {}, "counts": {},
        "audit_samples": 0,
        "read": 0, "accepted": 0, "duplicates": 0, "dead_letters": 0, "inputs": [],
    }  # fmt: skip
    assert "nothing that these sources can show" in str(closing(summary)[0])
    assert read_policy(world / "policy.toml")["name"] == "test"
