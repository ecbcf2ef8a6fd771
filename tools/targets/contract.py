"""The contract test of targets; `trimtab.agent.testing` is where others import it from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from ..expressions import Value
from .base import Target

_PATIENCE_S = 60.0


class TargetContract:
    """What every target must do. Set `build` to its factory, which gets an empty folder, and two configurations.

    `bad` is one with which a measurement fails, None where there is none. A target that changes a system overrides
    `state`.
    """

    build: ClassVar[Callable[[Path], Target]]
    good: ClassVar[Mapping[str, Value]]
    bad: ClassVar[Mapping[str, Value] | None] = None
    required: ClassVar[tuple[str, ...]] = ()

    def state(self, folder: Path) -> object:  # noqa: ARG002
        """Return what the system looks like now, as something that compares."""
        return None

    @asynccontextmanager
    async def built(self, folder: Path) -> AsyncIterator[Target]:
        """Yield a target that is restored at the end, and look whether the system is as before."""
        async with asyncio.timeout(_PATIENCE_S):
            target, before = type(self).build(folder), self.state(folder)
            try:
                yield target
            finally:
                await target.restore()
            assert self.state(folder) == before

    async def test_measures_what_is_required(self, tmp_path: Path) -> None:
        """Twice, with several seeds: nothing of one evaluation disturbs the next."""
        async with self.built(tmp_path) as target:
            await target.prepare()
            for seed in (1, 2):
                found = await target.evaluate(self.good, seed=seed, required=self.required)
                assert found.state == "complete", found.reason
                assert set(self.required) <= set(found.metrics)

    async def test_a_failure_is_a_measurement(self, tmp_path: Path) -> None:
        """It has a reason in one line; what comes next is measured."""
        async with self.built(tmp_path) as target:
            await target.prepare()
            required = (*self.required, "a metric that nothing reports")
            failed = [await target.evaluate(self.good, seed=1, required=required)]
            failed += [await target.evaluate(self.bad, seed=1)] if self.bad is not None else []
            for each in failed:
                assert (each.state, each.metrics) == ("failed", {})
                assert each.reason
                assert "\n" not in each.reason
            assert (await target.evaluate(self.good, seed=1, required=self.required)).state == "complete"

    async def test_restores_what_was_not_prepared(self, tmp_path: Path) -> None:
        """A run that ends before its first evaluation restores too."""
        async with self.built(tmp_path):
            pass

    async def test_restores_once_what_is_restored_twice(self, tmp_path: Path) -> None:
        """A second restore changes nothing."""
        async with self.built(tmp_path) as target:
            await target.prepare()
            await target.evaluate(self.good, seed=1, required=self.required)
            await target.restore()

    async def test_restores_what_was_cut_short(self, tmp_path: Path) -> None:
        """Whether preparing or evaluating was cancelled, at any moment."""
        for moments in range(1, 6):
            async with self.built(tmp_path) as target:
                await _cut_short(target.prepare(), moments)
            async with self.built(tmp_path) as target:
                await target.prepare()
                await _cut_short(target.evaluate(self.good, seed=1, required=self.required), 2**moments)


async def _cut_short(call: object, moments: int) -> None:
    """Cancel a call after so many turns of the event loop."""
    task = asyncio.ensure_future(call)  # type: ignore[call-overload]
    for _ in range(moments):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
