"""What the pages of policies need of a running console: the text in force at first, history, the question a job is asked."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.db.tables import PolicyDraft, Setting
from console.settings import Settings
from console.trial import policies
from console.trial.history import History, history_of, history_of_log
from console.trial.live import log_of
from console.trial.policy_text import checked, with_whole_paths
from streams import geo_store
from streams.host_policy import geo_table

SCRATCH = ".what-if"


@dataclass(frozen=True)
class Ground:
    """What a what-if stands on.

    Attributes:
        policy: the one in force.
        body: its table.
        history: the events.
        judged_by: name and ``policy_version`` of the policy of the run that was loaded; empty when none was.
    """

    policy: PolicyDraft
    body: dict[str, Any]
    history: History
    judged_by: str

    @property
    def usable(self) -> bool:
        """Whether there is anything to judge again."""
        return bool(self.history.inputs or self.history.log) and self.history.first is not None


def text_at_first(settings: Settings) -> str:
    """The policy in force before anybody published one: the one of earlier publications beside the results, or the file's.

    Raises:
        VigieError: it is no policy, or names a file so that its path cannot be made whole.
        OSError: it cannot be read.
    """
    written = settings.data / policies.POLICY if settings.data is not None else None
    path = written if written is not None and written.is_file() else settings.policy
    return with_whole_paths(path.read_text("utf-8"), path.parent)


def in_force(settings: Settings) -> PolicyDraft:
    """The policy in force; the one that came with the data is taken in at the first look.

    Raises:
        VigieError: it cannot be used.
        OSError: it cannot be read.
    """
    with settings.database.reading() as session:
        known = policies.live(session)
    if known is None:
        text = text_at_first(settings)
        with settings.database.writing() as session:
            known = policies.begin(session, text, settings.now())
    return known


def ground(settings: Settings, length: str = "") -> Ground:
    """The policy in force and the history.

    Args:
        settings: of the console.
        length: of a live console, how much of the log is judged: a name of ``console.trial.live.RANGES``.

    Raises:
        VigieError: a file of ``--history``, the broker or the policy cannot be used.
        OSError: the policy cannot be read.
    """
    policy = in_force(settings)
    body, _ = checked(policy.body)
    if settings.kafka is not None:
        log = log_of(settings, length)
        return Ground(policy, body, history_of_log(log, settings.now()), log.policy_version)
    with settings.database.reading() as session:
        row = session.get(Setting, "summary")
        summary = row.value if row is not None else None
    history = history_of(summary, settings.history, body.get("sources", {}), any(databases(settings, body)))
    return Ground(policy, body, history, str((summary or {}).get("policy", {}).get("policy_version", "")))


def databases(settings: Settings, body: dict[str, Any]) -> tuple[Path | None, Path | None]:
    """Country databases, found as ``vigie run`` finds them."""
    table = geo_table(body)
    if table.country_db or table.second_db:
        named = [settings.policy.parent / name if name else None for name in (table.country_db, table.second_db)]
        return settings.geo or named[0], named[1]
    return settings.geo or geo_store.default_database(), None if settings.geo else geo_store.second_database()


def question(settings: Settings, on: Ground, after: str) -> dict[str, Any]:
    """What ``console.trial.worker`` is asked, but for its directories.

    Raises:
        VigieError: the changed policy cannot be used.
    """
    body, _ = checked(after)
    if on.history.log is not None:
        return {"kafka": settings.kafka, "prefix": settings.prefix, "since": on.history.log.since, "before": on.body, "after": body}
    country_db, second_db = databases(settings, on.body)
    return {
        "inputs": [[one.path, one.source] for one in on.history.inputs],
        "before": on.body,
        "after": body,
        "policy_base": str(settings.policy.parent),
        "country_db": str(country_db) if country_db else "",
        "second_db": str(second_db) if second_db else "",
        "period": list(on.history.period),
    }


def scratch(settings: Settings) -> Path:
    """Where states that are thrown away lie: beside the results, or in a directory of this process alone."""
    if settings.data is not None:
        return settings.data / SCRATCH
    made = Path(tempfile.mkdtemp(prefix="vigie-what-if-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
