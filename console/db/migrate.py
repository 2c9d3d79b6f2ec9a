"""Bringing a database up to the schema of this version, and saying where it stands."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from console.db.engine import Database
from console.errors import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number of ours; two consoles that start together must not migrate together.
LOCK = 7_615_243


def migrate(database: Database) -> list[str]:
    """Apply what is missing; several consoles may do it at once. Returns the names of the steps taken, oldest first.

    Raises:
        DatabaseError: the database was made by a newer vigie.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    with database.engine.execution_options(vigie_writes=True).begin() as connection:
        if database.kind == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        known = {step.revision for step in script.walk_revisions()}
        here = MigrationContext.configure(connection).get_current_revision()
        if here is not None and here not in known:
            raise DatabaseError(f"the database's schema ({here}) is newer than this vigie; install the version that made it")
        steps = [step for step in script.iterate_revisions("head", here or "base") if step.revision != here]
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return [f"{step.revision} {step.doc}" for step in reversed(steps)]
