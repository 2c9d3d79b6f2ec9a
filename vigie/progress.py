"""The progress bar: events, rate and time left. Silent when nobody looks."""

from __future__ import annotations

from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Bar:
    """Draws what a host tells; nothing when ``console`` is no terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[events]:>12,} events"),
            TextColumn("{task.fields[rate]:>9,}/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._total = 0

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._finish()
        self._progress.stop()

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        """See ``streams.progress.Progress``."""
        self._finish()
        self._total = total
        self._task = self._progress.add_task(name, total=total or None, events=0, rate=0)

    def advance(self, done: int, events: int) -> None:
        """See ``streams.progress.Progress``."""
        if self._task is not None:
            elapsed = self._progress.tasks[self._task].elapsed or 0
            rate = round(events / elapsed) if elapsed > 0.1 else 0
            self._progress.update(self._task, completed=done, events=events, rate=rate)

    def _finish(self) -> None:
        if self._task is not None and self._total:
            self._progress.update(self._task, completed=self._total)
