"""The process that judges history twice, once under each policy: ``python -m console.trial.worker``.

A process of its own, because judging keeps a processor busy for minutes and the console has pages to answer; it can be ended at any
moment, and its console's end ends it, too (standard input closes). It reads what is asked from standard input, one line of JSON, and
writes lines ``{"done": 0…1000}`` and at last ``{"result": …}`` or ``{"error": …}``. The rules are those of ``vigie run``, and so is
the evaluator: ``streams.embedded``, or over a broker's log ``streams.live.history``. Nothing but the scratch directory is written.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, Literal

from console.trial import live
from console.trial.compare import compare
from console.trial.history import history_of_log, not_covered_under
from detectors.errors import VigieError
from streams import embedded
from streams.outputs import ALERTS, SUMMARY, SUSPENSIONS
from streams.sources import Input

#: Where in a run its stages begin and end, in thousandths: judging takes most of it.
STAGES = {"reading": (0, 350), "ordering": (350, 600), "judging": (600, 1000)}
KEPT = (ALERTS, SUSPENSIONS, SUMMARY)


class Told:
    """Passes a run's progress on as thousandths of the whole work, when they change.

    Args:
        runs: how many runs the work has.
    """

    def __init__(self, runs: int) -> None:
        self._runs, self._at, self._total, self._stage, self._last = runs, 0, 0, (0, 0), -1

    def next_run(self) -> None:
        """A run is over."""
        self._at += 1
        self.thousandths(0)

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        """See ``streams.progress.Progress``."""
        self._stage, self._total = STAGES.get(name, (0, 0)), total

    def advance(self, done: int, events: int) -> None:
        """See ``streams.progress.Progress``."""
        begin, end = self._stage
        self.thousandths(begin + (end - begin) * min(done, self._total) // self._total if self._total else begin)

    def thousandths(self, thousandths: int) -> None:
        """So much of the present run is done."""
        done = (self._at * 1000 + thousandths) // self._runs
        if done > self._last:
            self._last = done
            say({"done": done})


def say(line: dict[str, Any]) -> None:
    """Write a line to whoever started this."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def work(asked: dict[str, Any]) -> dict[str, Any]:
    """Judge under both policies and compare.

    Args:
        asked: ``before`` and ``after`` (parsed policies) and ``scratch``. Of a live console ``kafka``, ``prefix`` and ``since``. Of one
            that shows a run ``inputs`` (path and source), ``policy_base`` (directory of relative paths), ``country_db``,
            ``second_db``, ``period``, and ``baseline``, the name under which results of the policy in force are kept for the next
            question.

    Raises:
        VigieError: an input or the policy cannot be used.
    """
    scratch = Path(asked["scratch"])
    if "kafka" in asked:
        told = Told(1)
        over, log = live.replay(asked, scratch, told.thousandths)
        dark = not_covered_under(history_of_log(log, over["last"]), asked["before"], asked["after"])
        return {**compare(scratch / "before", scratch / "after", over["since"]), **over, "dark": sorted(dark)}
    baseline = Path(asked["baseline"])
    fresh = not (baseline / SUMMARY).is_file()
    told = Told(2 if fresh else 1)
    if fresh:
        run = scratch / "before"
        embedded.run(_settings(asked, asked["before"], run), told)
        told.next_run()
        _keep(run, baseline)
    embedded.run(_settings(asked, asked["after"], scratch / "after"), told)
    result = compare(baseline, scratch / "after")
    result["events"] = json.loads((scratch / "after" / SUMMARY).read_bytes())["accepted"]
    return result


def _settings(asked: dict[str, Any], policy: dict[str, Any], out: Path) -> embedded.Settings:
    since, before, until = asked["period"]
    return embedded.Settings(
        inputs=[Input(path, source) for path, source in asked["inputs"]],
        out=out,
        policy=policy,
        base=Path(asked["policy_base"]),
        country_db=Path(asked["country_db"]) if asked["country_db"] else None,
        second_db=Path(asked["second_db"]) if asked["second_db"] else None,
        since=since,
        before=before,
        until=until,
    )


def _keep(run: Path, baseline: Path) -> None:
    # By a rename, so that a kill in between leaves no half of a baseline; of earlier ones only the newest is worth its room.
    new = run.parent / "keep"
    new.mkdir()
    for name in KEPT:
        if (run / name).is_file():
            shutil.move(run / name, new / name)
    for other in baseline.parent.glob("baseline-*"):
        shutil.rmtree(other, ignore_errors=True)
    os.rename(new, baseline)


def _end_with_the_console() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Read what is asked, and answer."""
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_console, daemon=True).start()
    os.nice(10)
    try:
        say({"result": work(asked)})
    except VigieError as error:
        say({"error": str(error)})
    except KeyError as error:
        say({"error": f"the policy has no table [sources.{error.args[0]}], which an input of the history needs"})


if __name__ == "__main__":
    main()
