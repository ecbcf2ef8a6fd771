"""Trains a network on digits and prints a JSON line after every epoch: {"epoch": 3, "loss": 0.41}."""

import argparse
import json

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=27)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--hidden", default="64", help="units of each layer, with commas")
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--alpha", type=float, default=1e-4)
parser.add_argument("--activation", choices=["relu", "tanh", "logistic"], default="relu")
parser.add_argument("--seed", type=int, default=0)
given = parser.parse_args()

pixels, digits = load_digits(return_X_y=True)
split = train_test_split(pixels, digits, test_size=0.4, random_state=given.seed, stratify=digits)
train_x, test_x, train_y, test_y = split
scaler = StandardScaler().fit(train_x)
network = MLPClassifier(
    hidden_layer_sizes=tuple(int(units) for units in given.hidden.split(",")),
    activation=given.activation,
    alpha=given.alpha,
    batch_size=min(given.batch, len(train_x)),
    learning_rate_init=given.lr,
    random_state=given.seed,
)
for epoch in range(1, given.epochs + 1):
    network.partial_fit(scaler.transform(train_x), train_y, classes=range(10))
    loss = log_loss(test_y, network.predict_proba(scaler.transform(test_x)), labels=range(10))
    print(json.dumps({"epoch": epoch, "loss": float(loss)}), flush=True)
