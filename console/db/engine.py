"""Opening the database, and the two ways of using it: reading, and writing in one transaction.

    with database.reading() as session: ...
    with database.writing() as session: ...    # commits at the end, rolls back on an exception

On SQLite a writing transaction takes the write lock as it begins (``BEGIN IMMEDIATE``): one that read first and wrote later would
fail with "database is locked" the moment another had written in between, without waiting. Pages that read never wait (WAL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from console.errors import DatabaseError

#: A writer waits this long for another one; the longest write of ours, a bulk decision, takes some tenths of a second.
BUSY_S = 15
#: SQLite's file when the console shows a directory of results.
FILE = "console.sqlite"


class Database:
    """An open database. Safe to share between threads; sessions are not.

    Attributes:
        engine: SQLAlchemy's engine.
        kind: ``sqlite`` or ``postgresql``.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.kind = engine.dialect.name
        self._read = sessionmaker(engine, expire_on_commit=False)
        self._write = sessionmaker(engine.execution_options(vigie_writes=True), expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries; what it changes is thrown away."""
        with self._read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in one transaction, committed at the end of the block."""
        with self._write.begin() as session:
            yield session

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()


def open_database(url: str | Path) -> Database:
    """Open a database by its URL, or a SQLite file by its path. Makes no tables: see ``console.db.migrate``.

    Raises:
        DatabaseError: the URL is not one of ``sqlite:///FILE`` and ``postgresql+psycopg://…``, or nobody answers there.
    """
    try:
        parsed = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url)
    except ArgumentError:
        raise DatabaseError("that is no database URL; write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseError(f"{parsed.drivername}: vigie keeps its console in sqlite or postgresql+psycopg")
    if parsed.drivername == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_S, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        # Checked before use: a console outlives restarts of its database. Threads of the pool of pages are 40.
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=30, connect_args={"connect_timeout": 10})
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        engine.dispose()
        reason = getattr(error, "orig", None) or error
        raise DatabaseError(f"{parsed.render_as_string(hide_password=True)}: {str(reason).strip()}; check --database") from None
    return Database(engine)


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    # The driver's own transactions begin late and never immediately; ours begin in `_begin_sqlite`.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL", f"busy_timeout={BUSY_S * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("vigie_writes") else "BEGIN")
