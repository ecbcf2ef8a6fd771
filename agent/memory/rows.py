"""Studies, trials and evaluations between Python and the rows of the store."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from ...tools.targets import Measurement
from ...tools.targets.base import LONGEST_REASON
from ...tools.text import neutral, one_line
from ..trials.candidate import Candidate
from ..trials.source import Source
from ..trials.trial import Trial


@dataclass(frozen=True)
class StoredStudy:
    """A study as stored."""

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


@dataclass(frozen=True)
class StoredEvaluation:
    """One evaluation as stored. `purpose` is 'tune', or the phase of the final check it belongs to."""

    purpose: str
    trial: int
    position: int
    seed: int
    measurement: Measurement


def study_of(row: Row[Any]) -> StoredStudy:
    """Return the study of a row."""
    return StoredStudy(
        id=row.id,
        key=row.key,
        name=row.name,
        definition=json.loads(row.definition),
        definition_version=row.definition_version,
        directory=row.directory,
        environment=neutral(json.loads(row.environment)),
        state=row.state,
        created=row.created,
        search_s=row.search_s,
        result=json.loads(row.result) if row.result else None,
    )


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
    patch = proposal.pop("patch", None)  # is applied as it is
    proposal = neutral(proposal) if proposal else proposal
    return Trial(
        number=row.number,
        source=Source.of(row.source, proposal.pop("author", "")),
        candidate=Candidate(configuration, patch),
        state=row.state,
        metrics=neutral(metrics),
        reason=None if row.reason is None else one_line(row.reason, LONGEST_REASON),
        started=row.started,
        finished=row.finished,
        duration_s=row.duration_s,
        values=details.get("values", []),
        steps={int(step): value for step, value in details.get("steps", {}).items()},
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
        **evaluation.measurement.model_dump(exclude={"metrics", "notice"}),
        "metrics": json.dumps(evaluation.measurement.metrics),
    }


def evaluation_of(row: Row[Any]) -> StoredEvaluation:
    """Return the evaluation of a row."""
    measurement = Measurement(
        state=row.state,
        metrics=json.loads(row.metrics),
        reason=row.reason,
        duration_s=row.duration_s,
        log=row.log,
    )
    return StoredEvaluation(row.purpose, row.trial, row.position, row.seed, measurement)
