"""What-ifs as jobs: rows that say how far they are, worked on one after another by a process beside the console.

    queued ─▶ running ─▶ done | failed | cancelled

A thread starts the process, writes its progress into the row and ends it when somebody asks, from whichever console: the question is
in the row. A row whose console died is found by its ``beat_at``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from console import audit
from console.db.engine import Database
from console.db.tables import Job, PolicyDraft
from console.people.secrets import new_token

log = logging.getLogger(__name__)
WHAT_IF, SHADOW = "what_if", "shadow"
#: Looking whether somebody cancelled, and saying that the work goes on.
LOOK_S = 0.3
#: A console that has not said so for this long is gone, and its work with it.
LOST_MS = 60_000


class Runner:
    """Works on jobs, one at a time: each takes a processor for as long as ``vigie run`` would.

    Args:
        database: where the rows are.
        now: milliseconds UTC.
        scratch: a directory for states that are thrown away.
    """

    def __init__(self, database: Database, now: Callable[[], int], scratch: Path) -> None:
        self._database, self._now, self._scratch = database, now, scratch
        self._one_at_a_time = threading.Lock()

    def start(self, job_id: str, question: dict[str, Any]) -> None:
        """Begin to work on a row that is queued; ``question`` is what ``console.trial.worker`` is asked."""
        threading.Thread(target=self._work, args=(job_id, question), name=f"job {job_id}", daemon=True).start()

    def _work(self, job_id: str, question: dict[str, Any]) -> None:
        try:
            while not self._one_at_a_time.acquire(timeout=LOOK_S):
                if self._beat(job_id, None):
                    self._end(job_id, "cancelled")
                    return
            try:
                self._run(job_id, question)
            finally:
                self._one_at_a_time.release()
        except Exception:
            # A thread has nobody to raise to; the row is what a person sees.
            log.exception("job %s", job_id)
            self._end(job_id, "failed", error="the console made a mistake; its log has the reason")

    def _run(self, job_id: str, question: dict[str, Any]) -> None:
        if self._beat(job_id, 0):
            self._end(job_id, "cancelled")
            return
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A worker that was killed leaves its state behind; nobody else works here while this one does.
        for old in self._scratch.glob("job-*"):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="job-", dir=self._scratch, ignore_cleanup_errors=True) as scratch:
            asked = {**question, "scratch": scratch}
            if "inputs" in question:
                asked["baseline"] = str(self._scratch / f"baseline-{_digest(question)}")
            state, result, error = self._watch(job_id, asked)
        # Only now: who sees it done may look for what it left.
        self._end(job_id, state, result=result, error=error)

    def _watch(self, job_id: str, asked: dict[str, Any]) -> tuple[str, dict[str, Any] | None, str]:
        """Run the process; gives the state it ended in, what it found, and what went wrong."""
        command = [sys.executable, "-m", "console.trial.worker"]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked, default=str).encode() + b"\n")
            process.stdin.flush()
            last: dict[str, Any] = {}
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                while "result" not in last and "error" not in last:
                    if ready.select(LOOK_S):
                        line = process.stdout.readline()
                        if not line:
                            break
                        last = json.loads(line)
                    if self._beat(job_id, last.get("done")):
                        process.kill()
                        return "cancelled", None, ""
            if "result" in last:
                return "done", last["result"], ""
            if "error" in last:
                return "failed", None, last["error"]
            errors.seek(0)
            log.error("job %s: %s", job_id, errors.read().decode(errors="replace")[-4000:])
            return "failed", None, "the process that judged ended early; the console's log has the reason"

    def _beat(self, job_id: str, done: int | None) -> bool:
        """Say that the work goes on; True when somebody asked to end it, or the row is gone."""
        now = self._now()
        with self._database.writing() as session:
            job = session.get(Job, job_id)
            if job is None or job.cancel_asked or job.state not in ("queued", "running"):
                return True
            job.beat_at = now
            if done is not None:
                job.state, job.done, job.started_at = "running", max(job.done, done), job.started_at or now
        return False

    def _end(self, job_id: str, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        with self._database.writing() as session:
            job = session.get(Job, job_id)
            if job is None or job.state not in ("queued", "running"):
                return
            job.state, job.result, job.error, job.finished_at = state, result, error, self._now()
            if state == "done":
                job.done = job.total
                if job.kind == SHADOW:
                    _shadowed(session, job, self._now())


def _shadowed(session: Session, job: Job, now: int) -> None:
    draft = session.get(PolicyDraft, job.asked["policy_id"])
    # Only what was replayed may go on: a draft is never changed, so its version says that it is the one.
    if draft is not None and draft.state == "checked" and draft.version == job.asked["version"]:
        draft.state = "shadow"
        draft.checks = {**(draft.checks or {}), "shadow": job.job_id}
        new = {"version": draft.version, "job": job.job_id}
        audit.append(session, at=now, who="vigie", what="policy.shadow", subject=f"policy/{draft.policy_id}", new=new)


def _digest(question: dict[str, Any]) -> str:
    """Names the results of the policy in force over this history, so that a second question need not judge it again."""
    stamps = [(path, source, Path(path).stat().st_size, Path(path).stat().st_mtime_ns) for path, source in question["inputs"]]
    rest = {name: question[name] for name in ("before", "policy_base", "country_db", "second_db", "period")}
    return hashlib.sha256(json.dumps([stamps, rest], default=str, sort_keys=True).encode()).hexdigest()[:16]


def queue(session: Session, kind: str, user_id: int, asked: dict[str, Any], now: int) -> Job:
    """A new row that is queued; the person's own earlier ones of that kind that still wait are cancelled: the last answer counts."""
    waiting = Job.user_id == user_id, Job.kind == kind, Job.state == "queued"
    session.execute(update(Job).where(*waiting).values(cancel_asked=True))
    job = Job(job_id=f"jo-{new_token()[:20]}", kind=kind, user_id=user_id, asked=asked, total=1000, created_at=now, beat_at=now)
    job.state, job.done, job.cancel_asked = "queued", 0, False
    session.add(job)
    session.flush()
    return job


def find_lost(session: Session, now: int) -> None:
    """Jobs whose console died have failed."""
    lost = Job.state.in_(("queued", "running")), Job.beat_at < now - LOST_MS
    session.execute(update(Job).where(*lost).values(state="failed", finished_at=now, error="the console that worked on it was stopped"))
