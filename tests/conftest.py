"""Fixtures every room's tests may use."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import Postgres

# A machine that is busy with other tests is no reason to fail one.
settings.register_profile("test", max_examples=500, deadline=None)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a test process; each test takes a database of its own."""
    server = Postgres()
    yield server
    server.stop()
