"""The trace names the module whose code holds the event loop, never one that waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest

from wangge.modules.trace import SIZE, Trace, traced


@pytest.fixture
def memory() -> Iterator[int]:
    """Shared memory as the supervisor makes it."""
    descriptor = os.memfd_create("trace")
    os.truncate(descriptor, SIZE)
    yield descriptor
    os.close(descriptor)


async def test_modules_that_wait_at_the_same_time_are_each_named_in_their_own_steps(memory: int) -> None:
    trace = Trace(memory)
    seen: dict[str, list[str]] = {"dogs": [], "food": []}

    async def work(module: str) -> str:
        for _ in range(3):
            seen[module].append(traced(memory))
            await asyncio.sleep(0)
        return module

    done = asyncio.gather(*(trace.steps(module, work(module)) for module in seen))
    between = []
    while not done.done():
        await asyncio.sleep(0)
        between.append(traced(memory))
    assert await done == ["dogs", "food"]
    assert seen == {"dogs": ["dogs"] * 3, "food": ["food"] * 3}
    assert set(between) == {""}


async def test_errors_pass_through_a_traced_coroutine_in_both_directions(memory: int) -> None:
    trace = Trace(memory)
    caught: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            caught.append(traced(memory))
            raise KeyError("left") from None

    async def run() -> None:
        await trace.steps("dogs", work())

    running = asyncio.create_task(run())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(KeyError, match="left"):
        await running
    assert (caught, traced(memory)) == (["dogs"], "")


def test_a_function_that_calls_another_module_gives_the_name_back(memory: int) -> None:
    trace = Trace(memory)
    inner: Callable[[], str] = trace.function("food", lambda: traced(memory))
    outer = trace.function("dogs", lambda: (traced(memory), inner(), traced(memory)))
    assert outer() == ("dogs", "food", "dogs")
    assert traced(memory) == ""


async def test_without_shared_memory_everything_runs_unnamed() -> None:
    async def work() -> int:
        return 7

    assert await Trace().steps("dogs", work()) == 7
    assert Trace().function("dogs", lambda: 8)() == 8
