import asyncio
import threading

import pytest

from hq.own_loop import OwnLoop


async def test_work_runs_in_a_thread_of_its_own_and_may_block_it():
    begun, freed = threading.Event(), threading.Event()
    names: list[str] = []

    async def work():
        names.append(threading.current_thread().name)
        begun.set()
        assert freed.wait(10)

    running = asyncio.create_task(OwnLoop("ingest-urgent").run(work))
    assert await asyncio.to_thread(begun.wait, 10)
    freed.set()
    await running
    assert names == ["ingest-urgent"]


async def test_what_the_work_raises_comes_out():
    async def work():
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await OwnLoop("broken").run(work)


async def test_a_cancellation_reaches_the_work_and_waits_for_its_last_words():
    said: list[str] = []
    begun = threading.Event()

    async def work():
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            said.append("goodbye")

    running = asyncio.create_task(OwnLoop("ended").run(work))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert said == ["goodbye"]


async def test_a_call_from_another_thread_happens_on_the_loop_and_nowhere_else():
    lane = OwnLoop("called")
    heard: list[str] = []
    lane.call(heard.append, "too early")

    async def work():
        told = asyncio.Event()

        def hear():
            heard.append(threading.current_thread().name)
            told.set()

        await asyncio.to_thread(lane.call, hear)
        await told.wait()

    await lane.run(work)
    lane.call(heard.append, "too late")
    assert heard == ["called"]
