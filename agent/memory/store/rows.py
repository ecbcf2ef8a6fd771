"""Studies, trials and evaluations between Python and the rows of the store."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, get_args

from sqlalchemy import Row

from ....tools.targets import Measurement
from ....tools.targets.base import LONGEST_REASON
from ....tools.text import neutral, one_line
from ...trials.candidate import Candidate
from ...trials.source import Source
from ...trials.trial import State, Trial
from .db import StoreError

_STATES = frozenset(get_args(State))


@dataclass(frozen=True)
class StoredStudy:
    """A study as stored. `project` is the folder whose studies share a memory; `memory` how it uses one."""

    id: int
    key: str
    name: str
    definition: dict[str, Any]
    definition_version: int
    directory: str
    environment: dict[str, Any]
    state: str
    created: float
    search_s: float
    result: dict[str, Any] | None
    project: str = ""
    memory: str = "on"


@dataclass(frozen=True)
class StoredEvaluation:
    """One evaluation as stored. `purpose` is 'tune', or the phase of the final check it belongs to."""

    purpose: str
    trial: int
    position: int
    seed: int
    measurement: Measurement


Rows = TypeVar("Rows")
Read = TypeVar("Read")


def _may_be_damaged(what: str) -> Callable[[Callable[[Rows], Read]], Callable[[Rows], Read]]:
    """Turn every way in which rows can be other than trimtab wrote them into words."""

    def wrap(read: Callable[[Rows], Read]) -> Callable[[Rows], Read]:
        @wraps(read)
        def reading(rows: Rows) -> Read:
            try:
                return read(rows)
            except (ValueError, TypeError, AttributeError, LookupError) as error:
                why = one_line(str(error), 120) or type(error).__name__
                raise StoreError(f"the store is damaged: a {what} cannot be read: {why}", "see --store") from error

        return reading

    return wrap


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError(f"no JSON object: {text[:60]!r}")
    return found


def _numbers(found: dict[str, Any]) -> dict[str, float]:
    return {one_line(name): float(value) for name, value in found.items()}


@_may_be_damaged("study")
def study_of(row: Row[Any]) -> StoredStudy:
    """Return the study of a row."""
    return StoredStudy(
        id=row.id,
        key=one_line(row.key),
        name=one_line(row.name),
        definition=_object(row.definition),
        definition_version=row.definition_version,
        directory=row.directory,
        environment=neutral(_object(row.environment)),
        state=one_line(row.state),
        created=float(row.created),
        search_s=float(row.search_s),
        result=_object(row.result) if row.result else None,
        project=row.project or "",
        memory=one_line(str(row.memory)),
    )


@_may_be_damaged("trial")
def trials_of(rows: Sequence[Row[Any]]) -> list[Trial]:
    """Return the trials of rows. Their text is made plain once more: another program may have written it."""
    columns = zip(*((row.configuration, row.proposal, row.metrics, row.details or "{}") for row in rows), strict=True)
    decoded = [json.loads(f"[{','.join(column)}]") for column in columns]  # a fifth of the time of one by one
    return [_trial_of(row, *parts) for row, *parts in zip(rows, *decoded, strict=True)]


def _trial_of(
    row: Row[Any],
    configuration: dict[str, Any],
    proposal: dict[str, Any],
    metrics: dict[str, Any],
    details: dict[str, Any],
) -> Trial:
    if row.state not in _STATES or not all(isinstance(each, dict) for each in (configuration, metrics)):
        raise ValueError(f"number {row.number}")
    patch = proposal.pop("patch", None)  # is applied as it is
    proposal = neutral(proposal) if proposal else proposal
    return Trial(
        number=int(row.number),
        source=Source.of(one_line(row.source), proposal.pop("author", "")),
        candidate=Candidate(configuration, patch),
        state=row.state,
        metrics=_numbers(metrics),
        reason=None if row.reason is None else one_line(row.reason, LONGEST_REASON),
        started=row.started,
        finished=row.finished,
        duration_s=float(row.duration_s),
        values=details.get("values", []),
        steps={int(step): value for step, value in details.get("steps", {}).items()},
        predicted={metric: tuple(values) for metric, values in proposal.pop("predicted", {}).items()},
        **proposal,
    )


def evaluation_row(study_id: int, evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return the row of an evaluation that ended now."""
    return {
        "study_id": study_id,
        "purpose": evaluation.purpose,
        "trial": evaluation.trial,
        "position": evaluation.position,
        "seed": evaluation.seed,
        "configuration": None,
        "finished": time.time(),
        **evaluation.measurement.model_dump(exclude={"metrics", "notice", "attempt"}),
        "metrics": json.dumps(evaluation.measurement.metrics),
    }


@_may_be_damaged("evaluation")
def evaluation_of(row: Row[Any]) -> StoredEvaluation:
    """Return the evaluation of a row."""
    measurement = Measurement(
        state=row.state,
        metrics=_numbers(_object(row.metrics)),
        reason=row.reason,
        duration_s=row.duration_s,
        log=row.log,
        host=one_line(row.host or ""),
    )
    return StoredEvaluation(row.purpose, row.trial, row.position, row.seed, measurement)
