"""The supervisor: what breaks runs again, and is told once."""

import asyncio
import logging

import pytest

from agent.supervisor import Supervisor


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO)

    def levels() -> list[str]:
        return [record.levelname for record in caplog.records if record.name == "agent.supervisor"]

    return levels


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0)


async def test_a_task_that_raises_runs_again_and_is_told_once_each_way(told):
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts < 5:
            raise RuntimeError("gone")
        await asyncio.Event().wait()

    supervisor = Supervisor(first_s=0.001, lasted_s=0.02)
    supervisor.keep("link", work)
    await until(lambda: told() == ["ERROR", "INFO"])
    assert starts == 5
    assert supervisor.alive()
    await supervisor.stop()


async def test_a_task_that_returns_has_broken_too():
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1

    supervisor = Supervisor(first_s=0.001)
    supervisor.keep("ladder", work)
    await until(lambda: starts > 3)
    await supervisor.stop()


async def test_back_off_doubles_to_its_ceiling_and_is_drawn_from_zero(told):
    drawn: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0

    async def work() -> None:
        raise RuntimeError

    supervisor = Supervisor(jitter=jitter)
    supervisor.keep("panel", work)
    await until(lambda: len(drawn) > 8)
    await supervisor.stop()
    assert drawn[:8] == [(0, 0.1), (0, 0.2), (0, 0.4), (0, 0.8), (0, 1.6), (0, 3.2), (0, 5.0), (0, 5.0)]
    assert told() == ["ERROR"]


async def test_back_off_is_forgotten_only_after_the_task_has_lasted(told):
    drawn: list[float] = []
    ends: list[asyncio.Future[None]] = []

    def jitter(low: float, high: float) -> float:
        drawn.append(high)
        return low

    async def work() -> None:
        ends.append(asyncio.get_running_loop().create_future())
        await ends[-1]

    supervisor = Supervisor(jitter=jitter, lasted_s=0.02)
    supervisor.keep("panel", work)
    await until(lambda: len(ends) == 1)
    ends[0].set_exception(OSError("unplugged"))
    await until(lambda: len(ends) == 2)
    ends[1].set_exception(OSError("unplugged"))
    await until(lambda: told() == ["ERROR", "INFO"])
    ends[2].set_exception(OSError("unplugged"))
    await until(lambda: len(ends) == 4)
    await supervisor.stop()
    assert drawn == [0.1, 0.2, 0.1]


async def test_a_task_waiting_to_be_started_again_is_not_alive():
    async def work() -> None:
        raise RuntimeError

    supervisor = Supervisor(jitter=lambda _low, _high: 60)
    supervisor.keep("panel", work)
    assert supervisor.alive("panel")
    await until(lambda: not supervisor.alive("panel"))
    assert not supervisor.alive()
    await supervisor.stop()


async def test_stopping_lets_every_task_tidy_up():
    started, tidied = asyncio.Event(), []

    async def work() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            tidied.append(True)

    supervisor = Supervisor()
    supervisor.keep("one", work)
    await started.wait()
    await supervisor.stop()
    assert tidied == [True]
