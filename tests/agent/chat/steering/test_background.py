import asyncio

from trimtab.agent.chat.steering.background import Background


def test_closing_lets_a_cancelled_coroutine_finish_what_it_must() -> None:
    """A sandboxed program that is just being started can only be killed once it has started."""
    background = Background()
    done = []

    async def start() -> None:
        await asyncio.sleep(0.1)
        done.append("started")

    async def evaluate() -> None:
        starting = asyncio.ensure_future(start())
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting
            done.append("killed")
            raise

    future = background.submit(evaluate())
    background.call(done.append, "running")
    background.close()
    assert done == ["running", "started", "killed"]
    assert future.cancelled()


def test_closing_does_not_wait_for_tasks_that_nobody_ends() -> None:
    background = Background()

    async def leave_behind() -> "asyncio.Task[None]":
        return asyncio.create_task(asyncio.sleep(1000))

    left = background.submit(leave_behind()).result(timeout=10)
    background.close()
    assert left.cancelled()
