"""Runs in the sandbox: trains one scikit-learn model and measures its error. Never imports trimtab."""

import os
from typing import Any

from sklearn import datasets
from sklearn.base import is_classifier
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

DATA = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}
MODELS = {
    "random_forest": (RandomForestClassifier, RandomForestRegressor),
    "svm": (SVC, SVR),
    "decision_tree": (DecisionTreeClassifier, DecisionTreeRegressor),
    "mlp": (MLPClassifier, MLPRegressor),
    "adaboost": (AdaBoostClassifier, AdaBoostRegressor),
}
HELD_OUT_SEEDS = 100
"""Seeds above this measure on the held-out part."""


def evaluate(configuration: dict[str, Any], seed: int) -> dict[str, float]:
    """Return the error: 1 - accuracy, or the mean squared error over the variance of the target."""
    inputs, target = DATA[os.environ["TASK_DATA"]](return_X_y=True)
    regression = os.environ["TASK_DATA"] == "diabetes"
    if regression:
        target = (target - target.mean()) / target.std()
    train_x, test_x, train_y, test_y = train_test_split(
        inputs, target, test_size=0.2, random_state=0, stratify=None if regression else target
    )
    model = MODELS[os.environ["TASK_MODEL"]][regression]
    settings = {**configuration, **({"solver": "sgd"} if os.environ["TASK_MODEL"] == "mlp" else {})}
    if "random_state" in model().get_params():
        settings["random_state"] = seed
    pipeline = make_pipeline(StandardScaler(), model(**settings))
    if seed <= HELD_OUT_SEEDS:
        scoring = "neg_mean_squared_error" if regression else "accuracy"
        score = float(cross_val_score(pipeline, train_x, train_y, cv=5, scoring=scoring, error_score="raise").mean())
        return {"error": -score if regression else 1 - score}
    predicted = pipeline.fit(train_x, train_y).predict(test_x)
    if is_classifier(pipeline):
        return {"error": 1 - float(accuracy_score(test_y, predicted))}
    return {"error": float(mean_squared_error(test_y, predicted))}
