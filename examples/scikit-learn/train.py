"""Cross-validated error of a gradient boosting classifier; the parameters of the study are its arguments."""

from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score


def error(
    learning_rate: float,
    max_iter: int,
    max_leaf_nodes: int,
    min_samples_leaf: int,
    l2_regularization: float,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share of digits that are told wrongly."""
    pixels, digits = load_digits(return_X_y=True)
    model = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=min_samples_leaf,
        l2_regularization=l2_regularization,
        random_state=0,
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return {"error": 1 - float(cross_val_score(model, pixels[:600], digits[:600], cv=folds).mean())}
