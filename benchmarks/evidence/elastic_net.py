"""Elastic net against L2 and no penalty, where most features say nothing.

A linear model learns the ten features of scikit-learn's diabetes data among 190 of
noise, from 265 examples. Each penalty has the strength that is best in validation.
The score is R² on the test set. Expected: both penalties beat none, and the elastic
net, which can leave features out, beats L2.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/elastic_net.py [--seeds 10]
"""

import argparse

import keras
import numpy as np
from comparison import chosen, compare
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from kdl.regularizers import ElasticNet

STRENGTHS = np.geomspace(0.01, 1, 5)
STEPS = 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    arms = {
        "L2": lambda seed: score(seed, [ElasticNet(a, 0.0) for a in STRENGTHS]),
        "none": lambda seed: score(seed, [None]),
        "elastic net, 0.5": lambda seed: score(
            seed, [ElasticNet(a, 0.5) for a in STRENGTHS]
        ),
        "elastic net, 0.95": lambda seed: score(
            seed, [ElasticNet(a, 0.95) for a in STRENGTHS]
        ),
    }
    title = "R² of a linear model with 10 features and 190 of noise"
    compare(title, arms, parser.parse_args().seeds)


def score(seed, penalties):
    (x, y), validation, test = data(seed)

    def train(penalty):
        dense = keras.layers.Dense(1, kernel_regularizer=penalty)
        model = keras.Sequential([keras.Input((x.shape[1],)), dense])
        rate = keras.optimizers.schedules.CosineDecay(0.03, STEPS)
        # Half the mean squared error, as in scikit-learn.
        loss = lambda y_true, y_pred: keras.ops.square(y_pred - y_true) / 2  # noqa: E731
        model.compile(keras.optimizers.Adam(rate), loss)
        # An epoch of many steps, each on all of the data.
        inputs, targets = np.tile(x, (STEPS, 1)), np.tile(y, (STEPS, 1))
        model.fit(inputs, targets, batch_size=len(x), shuffle=False, verbose=0)
        return tuple(
            r2_score(targets, model.predict(inputs, verbose=0))
            for inputs, targets in (validation, test)
        )

    return chosen(train, penalties)


def data(seed):
    """Training, validation and test sets of 265, 88 and 89 examples."""
    x, y = load_diabetes(return_X_y=True)
    noise = np.random.default_rng(seed).normal(size=(len(x), 190))
    x = np.concatenate([x / x.std(axis=0), noise], axis=1).astype("float32")
    y = ((y - y.mean()) / y.std()).astype("float32")[:, np.newaxis]
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=seed)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.25, random_state=seed)
    return (x, y), (x_val, y_val), (x_test, y_test)


if __name__ == "__main__":
    main()
