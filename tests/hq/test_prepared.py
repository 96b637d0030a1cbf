import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from hq.prepared import Prepared
from hq.tables import workers

NEW = Prepared(insert(workers), columns=("worker", "beat_ms"))
FIND = Prepared(select(workers).where(workers.c.worker == bindparam("of")))
BEAT = Prepared(
    update(workers).where(workers.c.worker == bindparam("of"), workers.c.beat_ms < 50).values(beat_ms=bindparam("at"))
)


def test_rows_come_by_the_names_of_their_columns(store):
    with store.database.write() as connection:
        assert NEW.run(connection, {"worker": "a", "beat_ms": 1}) == 1
        assert FIND.one(connection, {"of": "a"}).beat_ms == 1
        assert [row.worker for row in FIND.all(connection, {"of": "a"})] == ["a"]
        assert FIND.one(connection, {"of": "b"}) is None
        assert FIND.all(connection, {"of": "b"}) == []


def test_a_value_that_stands_in_the_statement_needs_not_be_given(store):
    with store.database.write() as connection:
        NEW.run(connection, {"worker": "a", "beat_ms": 1})
        assert BEAT.run(connection, {"of": "a", "at": 60}) == 1
        assert BEAT.run(connection, {"of": "a", "at": 70}) == 0
        assert FIND.one(connection, {"of": "a"}).beat_ms == 60


def test_it_is_undone_with_its_transaction(store):
    with pytest.raises(ZeroDivisionError), store.database.write() as connection:
        NEW.run(connection, {"worker": "a", "beat_ms": 1}) / 0
    with store.database.read() as connection:
        assert FIND.one(connection, {"of": "a"}) is None


def test_the_drivers_error_comes_out_as_sqlalchemys(store):
    with store.database.write() as connection:
        NEW.run(connection, {"worker": "a", "beat_ms": 1})
    with pytest.raises(IntegrityError), store.database.write() as connection:
        NEW.run(connection, {"worker": "a", "beat_ms": 2})


def test_a_parameter_left_out_is_an_error_and_never_a_null(store):
    with pytest.raises((KeyError, ProgrammingError), match="beat_ms"), store.database.write() as connection:
        NEW.run(connection, {"worker": "a"})
