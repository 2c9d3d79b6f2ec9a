"""The analysts' guide, from top to bottom: what stands in docs/analysts.md is what is run, in the order of the page."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "analysts.md").read_text("utf-8")
#: A command has a line of its own in a fenced block.
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
TEN = PAGE.partition("## Ten commands")[2].partition("\n## ")[0]

#: What "Smaller" on the page says: another size, and a recipe that learns from less.
SIZE = "--customers 18 --days 42"
LESS = {
    "bootstrap_rounds = 400": "bootstrap_rounds = 40",
    "calibration_share = 0.15": "calibration_share = 0.2",
    "threshold_share = 0.15": "threshold_share = 0.2",
    "test_share = 0.25": "test_share = 0.3",
    "least_positives = 20": "least_positives = 5",
    "max_iter = 150": "max_iter = 20",
    "min_samples_leaf = 20": "min_samples_leaf = 5",
    "embargo_days = 7": "embargo_days = 1",
    "test_customers = 0.4": "test_customers = 0.35",
    '"level:breach" = 0.5\n': "\n",
}


class Done:
    """The page, run."""

    def __init__(self, out: Path, printed: dict[str, str]) -> None:
        self.out, self.printed = out, printed

    def said(self, words: str) -> str:
        """What the first command with these words printed."""
        return next(text for command, text in self.printed.items() if words in command)

    def alerts(self, directory: str, rule: str = "autodial") -> Iterator[dict[str, Any]]:
        """Statements of a rule, of a run."""
        with (self.out / directory / "alerts.jsonl").open(encoding="utf-8") as file:
            yield from (alert for alert in map(json.loads, file) if alert["rule"] == rule)

    def moves(self) -> list[dict[str, Any]]:
        """The events of the moves."""
        return [json.loads(line) for line in (self.out / "moves.jsonl").read_text("utf-8").splitlines()]


def smaller(command: str, out: Path) -> str:
    """A command of the page as it is run here."""
    command = command.replace("--out out/town", f"--out out/town {SIZE}") if "make_town" in command else command
    if "models compare" in command or "models shadow" in command:
        command += " --recipe recipes/autodial.toml"
    if "--to VERSION" in command:
        version = next(path.name for path in (out / "models" / "autodial").iterdir())
        command = command.replace("VERSION", version)
    return command


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    place = tmp_path_factory.mktemp("analysts")
    (place / "samples").symlink_to(REPOSITORY / "samples")
    (place / "recipes").mkdir()
    recipe = (REPOSITORY / "recipes" / "autodial.toml").read_text("utf-8")
    for before, after in LESS.items():
        assert before in recipe, f"the recipe has no more {before}: see LESS"
        recipe = recipe.replace(before, after)
    (place / "recipes" / "autodial.toml").write_text(re.sub(r'\s*"\w+_mean_7d",', "", recipe), "utf-8")
    # A terminal as wide as this cuts no version in two.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}

    def run(line: str) -> str:
        ran = subprocess.run(["bash", "-euc", line], cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr

    printed = {command: run(smaller(command, place / "out")) for command in COMMANDS}
    again(place / "out")
    again_command = next(command for command in COMMANDS if "out/scored" in command)
    run(again_command.replace("out/town/events", "out/again").replace("out/scored", "out/restored"))
    return Done(place / "out", printed)


def again(out: Path) -> None:
    """The events of the last days alone: step 10, run again, has to judge no more than that."""
    (out / "again").mkdir()
    (out / "again" / "facts.jsonl").write_bytes((out / "town" / "events" / "facts.jsonl").read_bytes())
    with gzip.open(out / "town" / "events" / "calls.jsonl.gz", "rt") as calls:
        late = [line for line in calls if re.search(r'"time":"2026-10-(2[5-9]|3)', line)]
    (out / "again" / "calls.jsonl").write_text("".join(late), "utf-8")


def test_from_labels_to_promotion_are_ten_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", TEN, re.MULTILINE | re.DOTALL)
    assert [len(block.splitlines()) for block in blocks] == [1] * 10
    assert re.findall(r"^\*\*(\d+)\.", TEN, re.MULTILINE) == [str(n) for n in range(1, 11)]


def test_each_command_of_the_page_does_what_it_says_without_a_warning(done: Done) -> None:
    assert len(done.printed) == len(COMMANDS)
    assert not [text for text in done.printed.values() if "Warning" in text or "error:" in text]
    assert "audit" in done.said("labels export")
    assert "good enough to ask" in done.said("models shadow")
    assert "is champion" in done.said("models approve")


def test_the_model_ranks_customers_it_never_saw_better_than_the_rules_alone(done: Done) -> None:
    metrics = json.loads(next((done.out / "models" / "autodial").glob("*/manifest.json")).read_bytes())["metrics"]
    assert metrics["average_precision"][0] > metrics["rules_average_precision"][0]


def test_alerts_after_the_promotion_carry_the_score_of_the_promoted_model(done: Done) -> None:
    promoted = done.moves()[0]
    assert promoted["role"] == "champion"
    before = [alert for alert in done.alerts("scored") if alert["issued_at"] < promoted["time"]]
    after = [alert for alert in done.alerts("scored") if alert["issued_at"] > promoted["time"]]
    assert {(alert["score"], alert["model_version"]) for alert in before} == {(None, None)}
    assert {alert["model_version"] for alert in after if alert["state"] != "closed"} == {promoted["version"]}
    assert any(alert["score"] is not None for alert in after)


def test_a_score_orders_alerts_and_changes_none(done: Done) -> None:
    def verdicts(directory: str) -> list[tuple[Any, ...]]:
        fields = ("alert_id", "level", "state")
        return [tuple(alert[name] for name in fields) for alert in done.alerts(directory) if alert["update"] == 1]

    assert verdicts("scored") == verdicts("judged")


def test_going_back_stops_the_scores_and_going_forth_brings_them_back(done: Done) -> None:
    promoted, retired, restored = done.moves()
    assert (retired["role"], restored["role"], restored["version"]) == ("none", "champion", promoted["version"])
    told = [alert for alert in done.alerts("restored") if alert["state"] != "closed"]
    between = [alert for alert in told if retired["time"] < alert["issued_at"] < restored["time"]]
    since = [alert for alert in told if alert["issued_at"] > restored["time"]]
    assert {alert["model_version"] for alert in between} == {None}
    assert {alert["model_version"] for alert in since} == {promoted["version"]}
    assert re.search(rf"{promoted['version']}\W+champion", done.said("models list"))
