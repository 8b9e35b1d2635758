"""Which module's code runs now: written where the supervisor can read it when the process stands still."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")
SIZE = 64
"""bytes of the shared memory; a module's id is at most 40."""


class Trace:
    """The module whose code holds the event loop; without shared memory it keeps nothing."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._memory = None if descriptor is None else mmap.mmap(descriptor, SIZE)

    @contextmanager
    def entered(self, module: str) -> Iterator[None]:
        """The block is code of `module` and does not wait; what it interrupts is named again afterwards."""
        if self._memory is None:
            yield
            return
        before = self._memory[:SIZE]
        self._memory[:SIZE] = module.encode()[:SIZE].ljust(SIZE, b"\0")
        try:
            yield
        finally:
            self._memory[:SIZE] = before

    def function(self, module: str, function: Callable[..., T]) -> Callable[..., T]:
        """The function, named while it runs."""

        def run(*given: Any, **named: Any) -> T:
            with self.entered(module):
                return function(*given, **named)

        return run

    def steps(self, module: str, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """The coroutine, named in each of its steps and not while it waits, when other code runs."""
        return work if self._memory is None else _Steps(self, module, work)


class _Steps(Generic[T]):
    """Drives one coroutine, step by step."""

    def __init__(self, trace: Trace, module: str, work: Coroutine[Any, Any, T]) -> None:
        self._trace = trace
        self._module = module
        self._work = work

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = functools.partial(self._work.send, None)
        while True:
            try:
                with self._trace.entered(self._module):
                    waiting = step()
            except StopIteration as end:
                made: T = end.value
                return made
            try:
                sent = yield waiting
            except BaseException as error:
                step = functools.partial(self._work.throw, error)
            else:
                step = functools.partial(self._work.send, sent)


def traced(descriptor: int) -> str:
    """The module that a process names in its shared memory, "" for none."""
    with mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ) as memory:
        return bytes(memory[:SIZE]).rstrip(b"\0").decode(errors="replace")
