"""Patience: a database that refuses is asked again, and everybody is told once."""

import asyncio
import logging
import sqlite3

import pytest

from hq import patience
from hq.database import FAILURES
from hq.patience import Patience


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(patience, "RETRY_S", 0)


def database(*answers):
    """Work whose database answers so: an exception is raised, anything else returned."""
    coming = iter(answers)

    async def work(word):
        answer = next(coming)
        if isinstance(answer, Exception):
            raise answer
        return word, answer

    return work


FULL = sqlite3.OperationalError("database or disk is full")


async def test_what_the_database_refuses_is_done_again_until_it_works_and_told_once_each_way(caplog):
    caplog.set_level(logging.INFO)
    seen = []
    one = Patience(lambda: seen.append(one.failing))
    assert await one.over(database(FULL, FULL, 7))("word") == ("word", 7)
    assert seen == [True, False]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "database or disk is full" in caplog.text


async def test_what_is_given_up_counts_as_failing_until_its_like_succeeds():
    seen = []
    one = Patience(lambda: seen.append(one.failing))
    work = one.over(database(FULL, FULL, 1), attempts=2)
    other = one.over(database(2))
    with pytest.raises(FAILURES):
        await work("first")
    assert await other("word") == ("word", 2)
    assert one.failing
    assert await work("second") == ("second", 1)
    assert seen == [True, False]


async def test_other_mistakes_are_nobodys_patience():
    one = Patience(lambda: None)
    with pytest.raises(ValueError):
        await one.over(database(ValueError()))("word")
    assert not one.failing


async def test_who_waits_can_be_told_to_stop():
    failing = asyncio.Event()
    one = Patience(failing.set)
    task = asyncio.create_task(one.over(database(*[FULL] * 1000))("word"))
    await asyncio.wait_for(failing.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
