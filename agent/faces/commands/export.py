"""`trimtab export`: a stored study as CSV, JSON, or an Optuna study."""

import csv as csv_writer
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ....tools.errors import InputError
from ....tools.text import cell
from ...memory.store.rows import StoredStudy
from ...run.result import numbered
from ...study.apply import write
from ...study.sections import Study
from ...trials.history import History
from ...trials.trial import Trial
from .show import open_stored


def export_study(
    key: str, store_url: str | None, *, csv: Path | None, json_file: Path | None, optuna_url: str | None
) -> None:
    """Export a study to each place that is named."""
    _store, stored, study, history = open_stored(key, store_url)
    if csv is not None:
        _emit(csv, as_csv(study, history))
    if json_file is not None:
        _emit(json_file, as_json(stored, history))
    if optuna_url is not None:
        count = to_optuna(optuna_url, stored, study, history)
        typer.echo(f"added {count} trials to the Optuna study {stored.key!r}", err=True)


def print_json(key: str, number: int | None, store_url: str | None) -> None:
    """Print a stored study as `as_json` has it, or one of its trials with its evaluations and their logs.

    Raises:
        InputError: there is no such study or trial.
    """
    store, stored, study, history = open_stored(key, store_url)
    if number is None:
        typer.echo(as_json(stored, history), nl=False)
        return
    trial = numbered(stored, history, number)
    evaluations = [
        {"seed": each.seed, **each.measurement.model_dump(mode="json")}
        for each in store.evaluations(stored.id, "tune", number)
    ]
    typer.echo(json.dumps({"study": stored.key, **_trial(trial, study), "evaluations": evaluations}, indent=2))


def as_csv(study: Study, history: History) -> str:
    """Return one line a trial: number, source, state, parameters, metrics, reason, duration.

    Text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    metrics = list(dict.fromkeys(name for trial in history.trials for name in trial.metrics))
    out = io.StringIO()
    writer = csv_writer.writer(out)
    parameters = list(dict.fromkeys([*study.parameters, *(name for t in history.trials for name in t.configuration)]))
    heading = ["trial", "source", "state", *parameters, *metrics, "duration_s", "reason", "rationale"]
    writer.writerow(map(cell, heading))
    for trial in history.trials:
        values = [trial.configuration.get(name, "") for name in parameters]
        measured = [trial.metrics.get(name, "") for name in metrics]
        tail = [trial.duration_s, trial.reason or "", trial.rationale]
        writer.writerow(map(cell, [trial.number, trial.source.label, trial.state, *values, *measured, *tail]))
    return out.getvalue()


def as_json(stored: StoredStudy, history: History) -> str:
    """Return the whole study: definition, environment, trials, result."""
    whole = {
        "study": stored.key,
        "definition": stored.definition,
        "definition_version": stored.definition_version,
        "environment": stored.environment,
        "state": stored.state,
        "trials": [_trial(trial, history.study) for trial in history.trials],
        "result": stored.result,
    }
    return json.dumps(whole, indent=2) + "\n"


def _trial(trial: Trial, study: Study) -> dict[str, Any]:
    """Return a trial in the words of exports: who proposed it by label and author, the configuration by itself."""
    rest = asdict(trial)
    patch = rest.pop("candidate")["patch"]
    return {
        **rest,
        "source": trial.source.label,
        "author": trial.source.author,
        "configuration": study.wording.plain(trial.configuration),
        **({} if patch is None else {"patch": patch}),
    }


def to_optuna(url: str, stored: StoredStudy, study: Study, history: History) -> int:
    """Add the finished trials to a new study in an Optuna storage, for optuna-dashboard; return their number.

    Raises:
        InputError: the storage cannot be used, or has a study of this name; or it is not known what is good.
    """
    wanted = {each.metric for each in study.objectives}
    if any(trial.state == "complete" and not wanted <= trial.metrics.keys() for trial in history.trials):
        raise InputError(f"{stored.key}: its objectives cannot be read by this trimtab", "export --json or --csv")
    import optuna
    from optuna.trial import TrialState, create_trial

    states = {"complete": TrialState.COMPLETE, "infeasible": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
    try:
        created = optuna.create_study(
            storage=url,
            study_name=stored.key,
            directions=[each.sense for each in study.objectives],
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise InputError(f"the Optuna storage has a study {stored.key!r} already", "name another storage") from None
    except Exception as error:  # optuna lets errors of any database driver through
        raise InputError(
            f"the Optuna storage {url!r} cannot be used: {error}", "for example sqlite:///trials.db"
        ) from error
    trials = []
    for trial in history.finished:
        values = None
        known = {name: value for name, value in trial.configuration.items() if name in study.parameters}
        if trial.metrics:
            values = [each.metric_of(each.loss(trial.metrics[each.metric])) for each in study.objectives]
        trials.append(
            create_trial(
                state=states.get(trial.state, TrialState.FAIL),
                params=study.space.to_optuna(known),
                distributions={name: study.space.distributions[name] for name in known},
                values=values,
                user_attrs={"source": trial.source.label, "reason": trial.reason, "metrics": trial.metrics},
            )
        )
    created.add_trials(trials)
    return len(trials)


def _emit(file: Path, text: str) -> None:
    if str(file) == "-":
        typer.echo(text, nl=False)
    else:
        write(file, text)
