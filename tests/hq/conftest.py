from collections.abc import Iterator

import pytest
from sqlalchemy import delete, insert
from store_rig import NOW, url_of

from hq import audit, tables
from hq.store import Store


@pytest.fixture(scope="session")
def emptied(postgres) -> str:
    """The URL of a PostgreSQL database that many tests use, one after the other: making one takes a long time."""
    return postgres.url(postgres.create())


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = Store.open(url_of(tmp_path / "hq.db"), wall_ms=lambda: NOW)
    else:
        opened = Store.open(request.getfixturevalue("emptied"), wall_ms=lambda: NOW)
        with opened.database.write() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(delete(table))
            connection.execute(insert(tables.audit).values(number=0, line=b"", chain=audit.START))
    yield opened
    opened.close()


@pytest.fixture
def on_sqlite(tmp_path) -> Iterator[Store]:
    """For what is tested on SQLite alone."""
    opened = Store.open(url_of(tmp_path / "hq.db"), wall_ms=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """An empty database, not opened yet."""
    if request.param == "sqlite":
        return url_of(tmp_path / "empty.db")
    postgres = request.getfixturevalue("postgres")
    found: str = postgres.url(postgres.create())
    return found
