"""The most that a run may spend which an agent starts: the person who starts the server says it."""

from dataclasses import dataclass

from ....tools.errors import InputError
from ...study.file import parse_study
from ...study.sections import Study


@dataclass(frozen=True)
class Caps:
    """Trials, hours of search, and dollars for language models; None is no cap."""

    trials: int = 1000
    hours: float | None = None
    dollars: float | None = None


def capped(study: Study, caps: Caps, trials: int | None, planner: str) -> Study:
    """Return a study with these trials and this planner; what its budget leaves open is what the caps allow.

    Raises:
        InputError: it asks for more.
    """
    budget = study.budget
    wanted = budget.trials if trials is None else trials
    if not 1 <= wanted <= caps.trials:
        raise InputError(f"trials = {wanted} is not between 1 and {caps.trials}", "trimtab mcp --most-trials")
    wall_time_s = _at_most("wall_time_s", budget.wall_time_s, None if caps.hours is None else caps.hours * 3600)
    dollars = _at_most("dollars", budget.dollars, caps.dollars)
    given = {"trials": wanted, "wall_time_s": wall_time_s, "dollars": dollars}
    data = study.model_dump(mode="json", exclude_none=True)
    data["budget"] |= {name: value for name, value in given.items() if value is not None}
    data["planner"] |= {"name": planner}
    return parse_study(data, study.directory / "study.toml", study.text)


def _at_most(name: str, asked: float | None, cap: float | None) -> float | None:
    if asked is not None and cap is not None and asked > cap:
        option = "--most-hours" if name == "wall_time_s" else "--most-dollars"
        raise InputError(f"budget.{name} = {asked:g} is more than the person allowed, {cap:g}", f"trimtab mcp {option}")
    return cap if asked is None else asked
