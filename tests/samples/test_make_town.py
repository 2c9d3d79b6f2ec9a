"""The town: the same bytes each time, lines of the contracts, a truth that is never read as an event, and a team that judges it."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ContractRefused
from streams.wire import Wire

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = ("events/facts.jsonl", "events/registrations.jsonl.gz", "events/calls.jsonl.gz", "town.mmdb", "truth.jsonl")


def script(name: str, *arguments: object, salt: str = "0") -> None:
    environment = {**os.environ, "PYTHONHASHSEED": salt}
    subprocess.run([sys.executable, SAMPLES / name, *map(str, arguments)], check=True, env=environment, capture_output=True)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("town")
    script("make_town.py", "--out", out, "--customers", 7, "--days", 12)
    return out


def test_the_same_arguments_give_the_same_bytes_in_every_process(town: Path, tmp_path: Path) -> None:
    script("make_town.py", "--out", tmp_path, "--customers", 7, "--days", 12, salt="1")
    assert [(town / name).read_bytes() for name in FILES] == [(tmp_path / name).read_bytes() for name in FILES]


def test_nearly_all_lines_are_of_the_contracts_and_no_number_belongs_to_two_licences(town: Path) -> None:
    wire, facts = Wire(), records(town / FILES[0])
    packed = [line for name in FILES[1:3] for line in gzip.decompress((town / name).read_bytes()).splitlines()]
    refused = 0
    for line in packed:
        try:
            wire.decode(line)
        except ContractRefused:
            refused += 1
    assert refused < len(packed) / 1_000
    numbers = [number for fact in facts if fact["kind"] == "licence" for number in fact["numbers"]]
    assert len(numbers) == len(set(numbers)) > 30


def test_the_truth_is_of_licences_that_exist_and_of_days_in_order(town: Path) -> None:
    known = {(fact["tenant"], fact["licence"]) for fact in records(town / FILES[0]) if fact["kind"] == "licence"}
    truth = records(town / "truth.jsonl")
    assert {one["kind"] for one in truth} >= {"dialler"}
    assert all((one["tenant"], one["licence"]) in known and one["from"] < one["to"] for one in truth)


def test_the_scripts_know_nothing_of_the_rules() -> None:
    for name in ("make_town.py", "make_verdicts.py"):
        source = (SAMPLES / name).read_text("utf-8")
        assert not any(f"{word} {room}" in source for room in ("detectors", "streams", "models", "vigie") for word in ("import", "from"))


def test_a_team_judges_by_the_truth_the_morning_after_and_is_now_and_then_wrong(tmp_path: Path) -> None:
    alert = {
        "rule": "autodial", "tenant": "t", "update": 1, "crossed_at": "2026-10-06T09:00:00.000Z", "issued_at": "2026-10-06T09:00:00.000Z",
    }  # fmt: skip
    alerts = [{**alert, "alert_id": f"al-{n}", "licence": str(n % 2)} for n in range(1_000)]
    truth = {"tenant": "t", "licence": "1", "from": "2026-10-05T22:00:00.000Z", "to": "2026-10-06T22:00:00.000Z", "kind": "dialler"}
    (tmp_path / "alerts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [*alerts, {**alert, "rule": "long-call"}]), "utf-8")
    (tmp_path / "truth.jsonl").write_text(json.dumps(truth) + "\n", "utf-8")
    script("make_verdicts.py", tmp_path / "alerts.jsonl", tmp_path / "truth.jsonl")
    reviews = records(tmp_path / "reviews.jsonl")
    firsts = {review["alert_id"]: review for review in reversed(reviews)}
    assert len(firsts) == 1_000, "limits that are only counted need no opinion"
    assert {review["time"][:10] for review in reviews} == {"2026-10-07"}
    assert len({review["reviewer"] for review in reviews}) == 3
    right = Counter(review["verdict"] == ("breach" if review["licence"] == "1" else "no_breach") for review in reviews)
    assert 0.92 <= right[True] / len(reviews) <= 0.98
    wire = Wire()
    assert {wire.decode(json.dumps(review).encode()).__class__.__name__ for review in reviews} == {"Review"}
