"""The contract test of targets; `trimtab.agent.testing` is where others import it from."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from ..expressions import Value
from ..sandbox import choose_sandbox
from .base import Measurement, Target, Workplace
from .journal import Journal
from .preparation.lifecycle import Bare, applied, measured

_PATIENCE_S = 60.0


class TargetContract:
    """What every target must do. Set `build` to its factory, and a configuration that works.

    `bad` is a configuration with which applying or measuring fails, None where there is none. A target that changes a
    system overrides `state`. Everything happens in the folder of the workplace.
    """

    build: ClassVar[Callable[[Workplace], Target]]
    good: ClassVar[Mapping[str, Value]]
    bad: ClassVar[Mapping[str, Value] | None] = None
    required: ClassVar[tuple[str, ...]] = ()

    def state(self, folder: Path) -> object:  # noqa: ARG002
        """Return what the system looks like now, as something that compares."""
        return None

    def workplace(self, folder: Path) -> Workplace:
        """Return where the target works: in `folder`, with a journal beside it."""
        folder.mkdir(exist_ok=True)
        return Workplace(choose_sandbox(), folder, journal=Journal(folder.with_suffix(".journal")))

    @asynccontextmanager
    async def built(self, folder: Path) -> AsyncIterator[Target]:
        """Yield a target that is restored at the end, and look whether the system is as before."""
        async with asyncio.timeout(_PATIENCE_S):
            target, before = type(self).build(self.workplace(folder)), self.state(folder)
            try:
                yield target
            finally:
                await target.restore()
            assert self.state(folder) == before

    async def once(self, target: Target, configuration: Mapping[str, Value], *required: str) -> Measurement:
        """Apply a configuration and measure it once."""
        failed = await applied(target, Bare(configuration))
        return failed or await measured(target, 1, None, (*self.required, *required), None)

    async def test_measures_what_is_required(self, tmp_path: Path) -> None:
        """Several times after one `apply`, and again after another: nothing of one disturbs the next."""
        async with self.built(tmp_path / "system") as target:
            await target.prepare()
            for _ in range(2):
                await target.apply(Bare(self.good))
                for seed in (1, 2):
                    found = await target.measure(seed, required=self.required)
                    assert found.state == "complete", found.reason
                    assert set(self.required) <= set(found.metrics)

    async def test_a_failure_is_a_measurement(self, tmp_path: Path) -> None:
        """It has a reason in one line; what comes next is measured."""
        async with self.built(tmp_path / "system") as target:
            await target.prepare()
            failed = [await self.once(target, self.good, "a metric that nothing reports")]
            failed += [await self.once(target, self.bad)] if self.bad is not None else []
            for each in failed:
                assert (each.state, each.metrics) == ("failed", {})
                assert each.reason
                assert "\n" not in each.reason
            assert (await self.once(target, self.good)).state == "complete"

    async def test_restores_what_was_not_prepared(self, tmp_path: Path) -> None:
        """A run that ends before its first evaluation restores too."""
        async with self.built(tmp_path / "system") as target:
            assert target.restore_s > 0

    async def test_restores_once_what_is_restored_twice(self, tmp_path: Path) -> None:
        """A second restore changes nothing."""
        async with self.built(tmp_path / "system") as target:
            await target.prepare()
            await self.once(target, self.good)
            await target.restore()

    async def test_restores_what_was_cut_short(self, tmp_path: Path) -> None:
        """Whether preparing, applying or measuring was cancelled, at any moment."""
        for moments in range(1, 6):
            async with self.built(tmp_path / "system") as target:
                await _cut_short(target.prepare(), moments)
            async with self.built(tmp_path / "system") as target:
                await target.prepare()
                await _cut_short(target.apply(Bare(self.good)), moments)
                await _cut_short(target.measure(1, required=self.required), 2**moments)

    async def test_another_process_restores_from_the_journal_alone(self, tmp_path: Path) -> None:
        """After a kill, that is: whether it came after preparing, applying or measuring, or while it was restored."""
        folder = tmp_path / "system"
        self.workplace(folder)
        killed = type(self).build(self.workplace(folder))  # looked at only once it was built: it may need its files
        before = self.state(folder)
        for steps in range(4):
            killed = type(self).build(self.workplace(folder))
            await killed.prepare()
            if steps > 0:
                await killed.apply(Bare(self.good))
            if steps > 1:
                await killed.measure(1, required=self.required)
            if steps > 2:
                await _cut_short(killed.restore(), 1)
            after = type(self).build(self.workplace(folder))
            await after.restore()
            assert self.state(folder) == before


async def _cut_short(call: Awaitable[object], moments: int) -> None:
    """Cancel a call after so many turns of the event loop."""
    task = asyncio.ensure_future(call)
    for _ in range(moments):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
