"""The trials and evaluations of the store, recorded before anything else happens with them."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from ...trials.trial import Trial
from .attempts import count_attempt
from .rows import StoredEvaluation, evaluation_of, evaluation_row, trials_of
from .schema import EVALUATIONS, TRIALS
from .subject import Subject

# Built once: putting a statement together costs more than running it.
_START_TRIAL = insert(TRIALS)
_FINISH_TRIAL = update(TRIALS).where(
    TRIALS.c.study_id == bindparam("of_study"), TRIALS.c.number == bindparam("of_number")
)
_ADD_EVALUATION = insert(EVALUATIONS)

_PROPOSAL = ("rationale", "because", "changes", "predicted", "gate", "fidelity", "continues", "parent")


class Trials(Subject):
    """Trials and evaluations in the store. Writing them for a study that another process took over is refused."""

    def start_trial(self, study_id: int, trial: Trial) -> None:
        """Record that a trial was started. A power cut may undo it, with the evaluation that it was to begin."""
        proposal = {name: value for name in _PROPOSAL if (value := getattr(trial, name))}
        said = {"author": trial.source.author, "patch": trial.candidate.patch}
        proposal |= {name: value for name, value in said.items() if value}
        row = {
            "study_id": study_id,
            "number": trial.number,
            "source": trial.source.label,
            "configuration": json.dumps(trial.configuration),
            "proposal": json.dumps(proposal),
            "state": trial.state,
            "metrics": "{}",
            "started": trial.started,
            "duration_s": 0.0,
        }
        with self._database.writing(power_safe=False) as connection:
            self._leases.fence(connection, study_id)
            connection.execute(_START_TRIAL, row)

    def finish_trial(
        self, study_id: int, trial: Trial, search_s: float, evaluation: StoredEvaluation | None = None
    ) -> None:
        """Record a trial's result, together with its last evaluation and the study's search time so far."""
        details = {name: value for name in ("values", "steps") if (value := getattr(trial, name))}
        row = {
            "of_study": study_id,
            "of_number": trial.number,
            "state": trial.state,
            "metrics": json.dumps(trial.metrics),
            "reason": trial.reason,
            "finished": trial.finished,
            "duration_s": trial.duration_s,
            "details": json.dumps(details) if details else None,
        }
        with self._database.writing() as connection:
            self._leases.fence(connection, study_id, search_s)
            if evaluation is not None:
                _add(connection, evaluation_row(study_id, evaluation), evaluation)
            connection.execute(_FINISH_TRIAL, row)

    def trials(self, study_id: int, since: int = 0) -> list[Trial]:
        """Return the trials of a study in order, from number `since` on."""
        wanted = (TRIALS.c.study_id == study_id, TRIALS.c.number >= since)
        query = select(TRIALS).where(*wanted).order_by(TRIALS.c.number)
        with self._database.reading() as connection:
            return trials_of(connection.execute(query).all())

    def complete_trials(self, study_ids: Collection[int]) -> dict[int, list[Trial]]:
        """Return the complete trials of some studies in order, by study; studies without any are left out."""
        wanted = (TRIALS.c.study_id.in_(study_ids), TRIALS.c.state == "complete")
        return self._by_study(select(TRIALS).where(*wanted))

    def ended_trials(self, study_ids: Collection[int], most: int) -> dict[int, list[Trial]]:
        """Return of each study the first `most` trials that ended with a result or failed, in order."""
        wanted = (TRIALS.c.study_id.in_(study_ids), TRIALS.c.number < most)
        ended = TRIALS.c.state.in_(("complete", "infeasible", "failed"))
        return self._by_study(select(TRIALS).where(*wanted, ended))

    def _by_study(self, query: Select[Any]) -> dict[int, list[Trial]]:
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(TRIALS.c.study_id, TRIALS.c.number)).all()
        found: dict[int, list[Trial]] = {}
        for row, trial in zip(rows, trials_of(rows), strict=True):
            found.setdefault(row.study_id, []).append(trial)
        return found

    def add_evaluation(self, study_id: int, evaluation: StoredEvaluation, configuration: str | None = None) -> None:
        """Record a finished evaluation. `configuration` (JSON) is given when it is not its trial's own."""
        row = evaluation_row(study_id, evaluation)
        with self._database.writing() as connection:
            self._leases.fence(connection, study_id)
            _add(connection, {**row, "configuration": configuration}, evaluation)

    def purposes(self, study_id: int) -> list[str]:
        """Return the phases of the final check that a study has evaluations of."""
        query = select(EVALUATIONS.c.purpose).distinct()
        query = query.where(EVALUATIONS.c.study_id == study_id, EVALUATIONS.c.purpose != "tune")
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def evaluations(self, study_id: int, purpose: str, trial: int | None = None) -> list[StoredEvaluation]:
        """Return the evaluations of a study for one purpose in order; those of one trial when given."""
        query = select(EVALUATIONS).where(EVALUATIONS.c.study_id == study_id, EVALUATIONS.c.purpose == purpose)
        if trial is not None:
            query = query.where(EVALUATIONS.c.trial == trial)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(EVALUATIONS.c.trial, EVALUATIONS.c.position))
            return [evaluation_of(row) for row in rows]


def _add(connection: Connection, row: dict[str, Any], evaluation: StoredEvaluation) -> None:
    """Add an evaluation's row, and count the attempt that it came from where it has a number."""
    connection.execute(_ADD_EVALUATION, row)
    if evaluation.measurement.attempt:
        count_attempt(connection, row, evaluation.measurement.attempt)
