"""One PostgreSQL for all tests of the console; each test that asks for a database gets an empty one, of both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import xxhash
from sqlalchemy import create_engine, text

from console.db.engine import Database, open_database
from console.db.migrate import migrate
from support.console import Clock, Served, serve
from vigie.dev.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, shared."""
    with TemporaryDirectory(prefix="vigie-postgres-") as directory, Postgres(Path(directory)) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'console.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"t{xxhash.xxh3_64_hexdigest(request.node.nodeid.encode())}"
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.url(name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with the schema of this version."""
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    """The console's clock, which a test may turn."""
    return Clock()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database, for tests of pages that do not depend on its kind."""
    opened = open_database(tmp_path / "pages.sqlite")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def served(sqlite: Database, clock: Clock) -> Iterator[Served]:
    """A running console with no people yet."""
    with serve(sqlite, clock) as running:
        yield running
