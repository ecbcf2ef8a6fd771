"""The screen rests while nothing happens, and what a person types comes before the study."""

from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.pace import APART_S, LONGEST_S, TYPING_S, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def paced() -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(clock), clock


def test_after_work_there_is_one_more_look_and_then_rest() -> None:
    pace, _clock = paced()
    assert pace.awake(busy=True)
    assert [pace.awake(busy=False) for _ in range(3)] == [True, False, False]


def test_looks_are_apart_and_the_one_that_was_put_off_comes() -> None:
    pace, clock = paced()
    assert pace.due()
    assert not pace.due()
    pace.awake(busy=False)
    pace.due()
    assert pace.awake(busy=False)
    clock.now += APART_S
    assert pace.due()


def test_a_study_waits_for_who_types_but_not_for_ever() -> None:
    pace, clock = paced()
    assert pace.due()
    clock.now += APART_S
    pace.key()
    assert not pace.due()
    clock.now += TYPING_S + 0.01
    assert pace.due()
    began = clock.now
    while clock.now - began < LONGEST_S - 0.05:
        pace.key()
        assert not pace.due()
        clock.now += 0.1
    clock.now += 0.1
    pace.key()
    assert pace.due()


async def test_an_application_at_rest_looks_at_nothing(app: ChatApp, tuned: str) -> None:
    async with app.run_test() as pilot:
        while not app._loaded:
            await pilot.pause(0.05)
        app._command(f"/study {tuned}")
        await pilot.pause(1.0)
        looks: list[bool] = []
        app._refresh_study = lambda *, force=False: looks.append(force)  # type: ignore[method-assign]
        await pilot.pause(1.0)
        assert looks == []
        app._notes.append("something has happened")
        await pilot.pause(1.5)
        assert looks in ([False], [False, False]), "once, and perhaps once more after it"
        seen = len(looks)
        await pilot.pause(1.0)
        assert len(looks) == seen
