"""An asyncio loop in a thread of its own, so that a fleet runs while synchronous code goes on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

__all__ = ["LoopError", "LoopThread", "new_event_loop"]

T = TypeVar("T")
P = ParamSpec("P")


class LoopError(RuntimeError):
    """The loop is not running, or cannot be waited for from where the call came; one clear line."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new event loop: uvloop's where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class LoopThread:
    """A loop that runs in a thread from :meth:`start` to :meth:`stop`; also usable with ``with``.

    What goes wrong on the loop outside of :meth:`run` and :meth:`call` (a protocol's callback, a task that
    nobody awaits) is kept and raised by :meth:`stop`, so that it is not lost in a log.

    :param name: of the thread.
    """

    def __init__(self, name: str = "ecfleet") -> None:
        self.name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._errors: list[Exception] = []

    @property
    def running(self) -> bool:
        """Whether the loop takes work."""
        return self._thread is not None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop.

        :raises LoopError: when it has not been started or has been stopped.
        """
        if self._loop is None:
            raise LoopError(f"the loop thread {self.name!r} is not running; start it first")
        return self._loop

    def start(self) -> None:
        """Start the thread; returns when the loop runs.

        :raises LoopError: when it runs already.
        """
        if self._thread is not None:
            raise LoopError(f"the loop thread {self.name!r} runs already")
        loop = new_event_loop()
        loop.set_exception_handler(self._keep)
        ready = threading.Event()

        def main() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(ready.set)
            try:
                loop.run_forever()
                self._finish(loop)
            finally:
                asyncio.set_event_loop(None)
                loop.close()

        # A daemon, so that a program that forgets to stop its fleet still ends.
        thread = threading.Thread(target=main, name=self.name, daemon=True)
        thread.start()
        ready.wait()
        self._loop, self._thread, self._errors = loop, thread, []

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Run a coroutine on the loop and return its result, or raise its exception.

        When the wait is interrupted (Ctrl-C) or its time is up, the coroutine is cancelled and ends before
        this returns.

        :param timeout: seconds; default no limit.
        :raises LoopError: when the loop does not run, or when called on the loop itself.
        :raises TimeoutError: when the time is up.
        """
        try:
            loop = self.loop
            if threading.current_thread() is self._thread:
                raise LoopError(
                    f"run() would wait for its own thread {self.name!r}; await the coroutine instead"
                )
        except LoopError:
            coroutine.close()
            raise
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(end)

        def end(task: asyncio.Task[T]) -> None:
            if task.cancelled():
                future.set_exception(concurrent.futures.CancelledError())
            elif (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        loop.call_soon_threadsafe(begin)
        try:
            return future.result(timeout)
        except BaseException:
            if not future.done():
                loop.call_soon_threadsafe(lambda: tasks[0].cancel())
                concurrent.futures.wait([future])
            raise

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the loop's thread and return its result, for what must not run beside the loop.

        Called on the loop itself, it is a plain call.

        :raises LoopError: when the loop does not run.
        """
        if threading.current_thread() is self._thread:
            return function(*args, **kwargs)
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self.loop.call_soon_threadsafe(work)
        return future.result()

    def stop(self) -> None:
        """Cancel what still runs, close the loop and join the thread.  Stopping twice is no error.

        :raises LoopError: when called on the loop itself.
        :raises ExceptionGroup: of what went wrong on the loop outside of :meth:`run` and :meth:`call`.
        """
        if self._thread is None:
            return
        if threading.current_thread() is self._thread:
            raise LoopError(f"the loop thread {self.name!r} cannot stop itself")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._loop = self._thread = None
        errors, self._errors = self._errors, []
        if errors:
            raise ExceptionGroup(f"went wrong on the loop thread {self.name!r}", errors)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _keep(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self._errors.append(error)
        elif error is None:
            self._errors.append(LoopError(context.get("message", "unknown trouble on the loop")))

    @staticmethod
    def _finish(loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks that are left and let them end; runs in the loop's thread."""
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                loop.call_exception_handler(
                    {"message": "a task failed while it was cancelled", "exception": error, "task": task}
                )
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
