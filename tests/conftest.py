"""Fixtures every room's tests may use."""

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a test process; each test takes a database of its own."""
    server = Postgres()
    yield server
    server.stop()
