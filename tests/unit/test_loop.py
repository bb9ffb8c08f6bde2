"""The loop thread: results and exceptions come back, everything ends with it, nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from ecfleet.loop import LoopError, LoopThread


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    raise ValueError("as asked")


def test_results_come_back() -> None:
    with LoopThread() as thread:
        assert thread.run(answer()) == 42
        assert thread.call(threading.current_thread) is not threading.current_thread()
        assert thread.running
    assert not thread.running


def test_exceptions_come_back() -> None:
    def divide() -> float:
        return 1 / 0

    with LoopThread() as thread:
        with pytest.raises(ValueError, match="as asked"):
            thread.run(fail())
        with pytest.raises(ZeroDivisionError):
            thread.call(divide)
        assert thread.run(answer()) == 42


def test_the_thread_is_gone_after_stop() -> None:
    before = threading.active_count()
    thread = LoopThread("gone")
    for _ in range(3):
        thread.start()
        loop = thread.loop
        thread.stop()
        assert loop.is_closed()
        assert threading.active_count() == before
    thread.stop()


def test_tasks_that_are_left_are_cancelled_and_awaited() -> None:
    ended: list[str] = []

    async def linger(begun: asyncio.Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        begun = asyncio.Event()
        tasks.append(asyncio.create_task(linger(begun)))
        await begun.wait()

    with LoopThread() as thread:
        thread.run(begin())
    assert ended == ["ended"]
    assert tasks[0].cancelled()


def test_time_limit_cancels_and_waits_for_the_end() -> None:
    ended = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with LoopThread() as thread:
        with pytest.raises(TimeoutError):
            thread.run(linger(), timeout=0.01)
        assert ended.is_set()
        assert thread.run(answer()) == 42


def test_a_time_limit_before_the_coroutine_began_leaves_nothing_behind() -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait()

    began: list[bool] = []

    async def work() -> None:
        began.append(True)

    with LoopThread() as thread:
        thread.loop.call_soon_threadsafe(hold)
        held.wait()
        # The loop is busy, so the time is up before it turns to the coroutine; then it must be cancelled.
        timer = threading.Timer(0.05, release.set)
        timer.start()
        with pytest.raises(TimeoutError):
            thread.run(work(), timeout=0.001)
        timer.join()
    assert began == []
    gc.collect()


def test_what_goes_wrong_aside_is_raised_at_the_end() -> None:
    def callback() -> None:
        raise ValueError("in a callback")

    thread = LoopThread()
    thread.start()
    thread.loop.call_soon_threadsafe(callback)
    thread.run(answer())
    with pytest.raises(ExceptionGroup) as caught:
        thread.stop()
    assert [str(error) for error in caught.value.exceptions] == ["in a callback"]
    assert not thread.running
    with thread:
        pass


def test_a_task_that_fails_in_its_cancellation_is_told() -> None:
    async def stubborn(begun: asyncio.Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on the way out")

    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        begun = asyncio.Event()
        tasks.append(asyncio.create_task(stubborn(begun)))
        await begun.wait()

    thread = LoopThread()
    thread.start()
    thread.run(begin())
    with pytest.raises(ExceptionGroup, match="went wrong on the loop thread"):
        thread.stop()


def test_misuse_is_told_in_one_line() -> None:
    thread = LoopThread("mine")
    with pytest.raises(LoopError, match="'mine' is not running"):
        thread.run(answer())
    with pytest.raises(LoopError, match="'mine' is not running"):
        thread.call(len, "x")
    with thread:
        with pytest.raises(LoopError, match="runs already"):
            thread.start()

        async def from_inside() -> None:
            with pytest.raises(LoopError, match="await the coroutine"):
                thread.run(answer())
            with pytest.raises(LoopError, match="cannot stop itself"):
                thread.stop()
            assert thread.call(len, "four") == 4

        thread.run(from_inside())
