"""Takes measurements that were made elsewhere into the store, as trials: a search goes on from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.errors import InputError
from ...tools.targets import Measurement
from ..memory.store import Store
from ..memory.store.rows import StoredEvaluation
from ..study.sections import Study
from ..trials.proposal import Accepted, Proposal, Refused, review
from ..trials.source import DEFAULT, PERSON
from .proposals.opening import resume_study, start_study
from .record import Record

_MOST_MISTAKES = 20


@dataclass(frozen=True)
class Given:
    """A measurement from elsewhere: where it stands ('runs.csv:3'), the values as written, and what came of it."""

    where: str
    values: dict[str, Any]
    measurement: Measurement


@dataclass(frozen=True)
class Imported:
    """What became of an import: the study's key, its new trials, and measurements of trials that were there."""

    key: str
    trials: int
    repeated: int
    left: int


def import_trials(study: Study, store: Store, given: Sequence[Given], *, resume: bool) -> Imported:
    """Store measurements as trials of a new study, or with `resume` of the latest one of its name.

    Measurements of one configuration are the repeats of one trial. In a new study the default comes first.

    Raises:
        InputError: values that the space does not have, each with its place; or nobody measured the default.
    """
    groups = _grouped(study, given)
    default = next(
        (key for key, (accepted, _) in groups.items() if accepted.configuration == study.space.default), None
    )
    if not resume and default is None:
        hint = "add its measurement, or measure it here first: trimtab tune STUDY --trials 1, then import with --resume"
        raise InputError("none of the measurements is of the default configuration", hint)
    stored = resume_study(store, study) if resume else start_study(store, study)
    try:
        record = Record(study, store, stored)
        order = sorted(groups, key=lambda key: key != default)  # stable: the default first, the rest as given
        fresh = [key for key in order if key not in record.history.seen]
        for key in fresh:
            accepted, measurements = groups[key]
            _store(record, accepted, measurements)
        left = study.budget.trials - len(record.history.trials)
    finally:
        store.release(stored.id, "interrupted")
    repeated = sum(len(groups[key][1]) for key in groups if key not in fresh)
    return Imported(stored.key, len(fresh), repeated, left)


def _grouped(study: Study, given: Sequence[Given]) -> dict[str, tuple[Accepted, list[Measurement]]]:
    """Return the measurements by candidate, in the order in which candidates appear."""
    groups: dict[str, tuple[Accepted, list[Measurement]]] = {}
    wrong: list[str] = []
    for each in given:
        found = review(Proposal(each.values, PERSON, f"measured elsewhere: {each.where}"), study.space, {})
        if isinstance(found, Refused):
            wrong.append(f"{each.where}: {found.reason}")
        else:
            groups.setdefault(found.candidate.key, (found, []))[1].append(each.measurement)
    if wrong:
        more = [f"and {len(wrong) - _MOST_MISTAKES} more"] if len(wrong) > _MOST_MISTAKES else []
        raise InputError("\n".join([*wrong[:_MOST_MISTAKES], *more]))
    return groups


def _store(record: Record, accepted: Accepted, measurements: Sequence[Measurement]) -> None:
    proposal = accepted.proposal
    if record.history.default is None:
        proposal = Proposal(proposal.values, DEFAULT, proposal.rationale)
    trial = record.begin(Accepted(accepted.candidate, proposal, accepted.changes))
    seeds = record.study.evaluation.tuning_seeds
    evaluations = [
        StoredEvaluation("tune", trial.number, position, seeds[position % len(seeds)], each)
        for position, each in enumerate(measurements)
    ]
    for each in evaluations[:-1]:
        record.add(each)
    record.finish(trial, measurements, evaluations[-1])
