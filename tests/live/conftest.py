"""One broker and one Redis for all tests on real ones; a test keeps out of another's way by its prefix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import xxhash

from vigie.dev.broker import Broker
from vigie.dev.redis import Redis


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running Kafka; a test that stops or kills it starts it again."""
    with Broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running
    # The log stays for whoever looks into a failure; a million records need not.
    shutil.rmtree(running.directory / "data")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A running Redis, shared: use keys with ``prefix``."""
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """In front of this test's topics, groups and keys."""
    return f"t{xxhash.xxh3_64_hexdigest(request.node.nodeid.encode())}."
