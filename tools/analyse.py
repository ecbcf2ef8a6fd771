"""The tool `analyse`: what the trials so far say, by well-known methods."""

import asyncio
import statistics
import warnings
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from .desk import Desk, Row
from .registry import tool

_MOST_ROWS = 1000
_FEWEST_ROWS = 8


class AnalyseArguments(BaseModel):
    """Which analysis."""

    what: Literal["importance", "sensitivity", "correlations", "failures", "convergence", "predict"]
    configuration: dict[str, Any] | None = Field(None, description="For predict: the configuration.")


@tool(AnalyseArguments)
async def analyse(desk: Desk, arguments: AnalyseArguments) -> str:
    """Analyse the trials: importance of parameters, sensitivity around the best trial, rank correlations with the
    objective, where trials fail, convergence, or a surrogate's prediction for a configuration."""
    rows = [row for row in desk.rows if row.loss is not None][-_MOST_ROWS:]
    match arguments.what:
        case "failures":
            return await asyncio.to_thread(failures, desk)
        case "convergence":
            return convergence(desk, rows)
        case _ if len(rows) < _FEWEST_ROWS:
            return f"only {len(rows)} trials have a result: too few for this analysis (at least {_FEWEST_ROWS})"
        case "importance":
            return await asyncio.to_thread(importance, desk, rows)
        case "sensitivity":
            return await asyncio.to_thread(sensitivity, desk, rows)
        case "correlations":
            return await asyncio.to_thread(correlations, desk, rows)
        case "predict":
            return await asyncio.to_thread(predict, desk, rows, arguments.configuration or {})


def forest(desk: Desk, rows: Sequence[Row]) -> Any:  # scikit-learn is untyped
    """Return a random forest (Breiman, 2001) from configurations to losses."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(n_estimators=100, min_samples_leaf=2, random_state=0)
    return model.fit([desk.encode(row.configuration) for row in rows], [row.loss for row in rows])


def importance(desk: Desk, rows: Sequence[Row]) -> str:
    """Rank parameters by what separates good trials from the rest (PED-ANOVA, Watanabe et al., IJCAI 2023)."""
    import optuna

    study = optuna.create_study()
    for row in rows:
        distributions = {name: desk.distributions[name] for name in row.configuration}
        params = desk.to_optuna(row.configuration)
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=row.loss))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is marked experimental
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    total = sum(found.values()) or 1.0
    lines = [f"{name}: {share / total:.0%}" for name, share in list(found.items())[:15]]
    rest = [name for name in desk.parameters if name not in found]
    lines += [f"not in every trial, so not ranked: {', '.join(rest[:15])}"] if rest else []
    return "\n".join([f"importance for {desk.metric}, {len(rows)} trials:", *lines])


def sensitivity(desk: Desk, rows: Sequence[Row]) -> str:
    """Say how far a forest expects the objective to move when one parameter of the best trial is varied alone."""
    model, best = forest(desk, rows), min(rows, key=lambda row: row.loss or 0.0)
    found = []
    for name in best.configuration:
        values = desk.variations[name]
        losses = model.predict([desk.encode({**best.configuration, name: value}) for value in values])
        at = [desk.to_metric(float(loss)) for loss in losses]
        good, bad = int(losses.argmin()), int(losses.argmax())
        ends = f"best at {values[good]} ({at[good]:.4g}), worst at {values[bad]} ({at[bad]:.4g})"
        found.append((float(losses.max() - losses.min()), f"{name}: {ends}"))
    found.sort(key=lambda pair: -pair[0])
    return "\n".join([f"around trial {best.number}, expected {desk.metric}:", *(line for _, line in found[:12])])


def correlations(desk: Desk, rows: Sequence[Row]) -> str:
    """Give Spearman's rank correlation of each ordered parameter with the loss."""
    from scipy.stats import spearmanr

    losses = [row.loss for row in rows]
    encoded = [desk.encode(row.configuration) for row in rows]
    found = []
    for index, name in enumerate(desk.parameters):
        column = [values[index] for values in encoded]
        if len(set(column)) > 1 and len(set(losses)) > 1:
            found.append((float(spearmanr(column, losses).statistic), name))
    found.sort(key=lambda pair: -abs(pair[0]))
    lines = [f"{name}: {r:+.2f} (a larger value is {'worse' if r > 0 else 'better'})" for r, name in found[:15]]
    return "\n".join(lines) or "no parameter varied yet"


def failures(desk: Desk) -> str:
    """Say which values fail more often than others."""
    rows = list(desk.rows)[-_MOST_ROWS:]
    failed = [row for row in rows if row.state == "failed"]
    if not failed:
        return f"none of {len(rows)} trials failed"
    overall = len(failed) / len(rows)
    found = []
    for name in desk.parameters:
        for value in {row.configuration.get(name) for row in failed}:
            same = [row for row in rows if row.configuration.get(name) == value]
            share = sum(row.state == "failed" for row in same) / len(same)
            if len(same) >= 3 and share > 1.5 * overall:
                found.append((share, f"{name}={value}: {share:.0%} of {len(same)} trials failed"))
    found.sort(reverse=True)
    return "\n".join([f"{overall:.0%} of {len(rows)} trials failed", *(line for _, line in found[:10])])


def convergence(desk: Desk, rows: Sequence[Row]) -> str:
    """Say when the best so far improved last, and by how much."""
    best: list[tuple[int, float]] = []
    for row in rows:
        assert row.loss is not None
        if not best or row.loss < best[-1][1]:
            best.append((row.number, row.loss))
    steps = [f"trial {number}: {desk.to_metric(loss):.5g}" for number, loss in best[-8:]]
    since = rows[-1].number - best[-1][0] if best else 0
    return "\n".join([f"best {desk.metric} so far:", *steps, f"no improvement for {since} trials"])


def predict(desk: Desk, rows: Sequence[Row], configuration: dict[str, Any]) -> str:
    """Predict the objective of a configuration from the forest's trees."""
    model = forest(desk, rows)
    encoded = [desk.encode(configuration)]
    values = [desk.to_metric(float(tree.predict(encoded)[0])) for tree in model.estimators_]
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    return f"{desk.metric}: about {mean:.5g}, spread between trees {spread:.2g} (from {len(rows)} trials)"
