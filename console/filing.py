"""Sending to files: reviews and exemptions of a console over a run's results go to ``reviews.jsonl``, for the next run to read.

A line that was written while the process died is written again: both have one id, and a run takes the first of them.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

from console import outbox
from console.review import lapse
from console.settings import Settings

log = logging.getLogger(__name__)
FILE = "reviews.jsonl"
#: Seconds between looks into the outbox.
EVERY_S = 0.5


def send(settings: Settings) -> int:
    """Write what is due; returns how many lines."""
    assert settings.data is not None
    with settings.database.reading() as session:
        if not outbox.due(session, settings.now()):
            return 0
    with settings.database.writing() as session:
        rows = outbox.due(session, settings.now())
        if rows:
            _append(settings.data / FILE, [json.dumps(row.body, ensure_ascii=False, separators=(",", ":")) for row in rows])
            outbox.sent(session, rows, settings.now())
    return len(rows)


def _append(path: Path, lines: list[str]) -> None:
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                # The process died within a line: the rest of it comes again, whole.
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write("".join(line + "\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


class FileSender:
    """Looks into the outbox, and for what ends by its time, in a thread of its own, from ``start`` to ``stop``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reviews to a file", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is due and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            stopping = self._stop.wait(EVERY_S)
            try:
                send(self._settings)
                lapse.run(self._settings.database, self._settings.now())
            except Exception:
                # The rows are still there, and the next look tries again: a full disk is no reason to lose a decision.
                log.exception("reviews could not be written to %s", self._settings.data)
            if stopping:
                return
