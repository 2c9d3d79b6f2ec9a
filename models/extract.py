"""Files of events in, a file of features out: the stages of ``vigie run`` with the extractor in the place of the rules."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from detectors.policy import Policy
from detectors.registry import installed
from models.features import only_features
from models.parquet import Rows, Written, line_of_features, line_of_weeks, write
from streams import embedded
from streams.errors import UsageError
from streams.progress import Progress
from streams.summary import Tally, summarise


def extract(
    settings: embedded.Settings, target: Path, progress: Progress | None = None, rows: Rows = "day"
) -> tuple[Written, dict[str, Any]]:
    """Write the features of every licence-day, or licence-week, that closed.

    Args:
        settings: inputs, policy, databases and period; its ``out`` is where intermediate files go, and is removed.
        target: the Parquet file.
        progress: a listener.
        rows: of days, or of weeks.

    Returns:
        What the file holds, and the accounts of the run as in ``summary.json``.

    Raises:
        UsageError: ``target`` cannot be such a file, or the inputs cannot be judged together.
        InputUnreadable: an input cannot be read; nothing is written then.
        PolicyError: the policy is not usable.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(f"{target}: cannot be written; --out names a file in a directory that exists")
    settings = msgspec.structs.replace(settings, jobs=1, resume=False)
    keep = line_of_features if rows == "day" else line_of_weeks
    try:
        with embedded.judged(settings, progress, only_features(), keep) as done:
            period = settings.since, settings.before, settings.until
            summary = summarise(done.journal, done.snapshots, Tally(), period, {"geo": done.located})
            zone = Policy(settings.policy, installed()).merged("", "").general.day_zone
            return write(done.said(), done.work, target, rows=rows, day_zone=zone), summary
    finally:
        shutil.rmtree(settings.out, ignore_errors=True)
