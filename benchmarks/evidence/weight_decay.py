"""L2 in Adam's gradient against decoupled weight decay.

A network learns the digits of some writers, three tenths of them with a label drawn
anew, and is tested on others. Each arm has the strength that is best in validation, on
right labels, and "none" the best of four trainings. Expected, after Loshchilov and
Hutter: decoupled decay generalizes better, since Adam divides the gradient of an L2
penalty by the same root mean square as that of the loss.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/weight_decay.py [--seeds 10]
"""

import argparse

import keras
from comparison import chosen, compare
from network import steps, train

from kdl.regularizers import ElasticNet

EPOCHS = 30


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    arms = {
        "L2": lambda seed: chosen(
            lambda alpha: train(
                seed,
                adam(),
                epochs=EPOCHS,
                noise=0.3,
                kernel_regularizer=ElasticNet(alpha, 0.0),
            ),
            [1e-4, 1e-3, 1e-2, 1e-1],
        ),
        "decoupled": lambda seed: chosen(
            lambda decay: train(
                seed, adam(weight_decay=decay), epochs=EPOCHS, noise=0.3
            ),
            [0.1, 0.3, 1.0, 3.0],
        ),
        "none": lambda seed: chosen(
            lambda draw: train(seed, adam(), epochs=EPOCHS, noise=0.3, draw=draw),
            range(4),
        ),
    }
    title = "Accuracy on digits after noisy labels, Adam with a cosine from 0.003"
    compare(title, arms, parser.parse_args().seeds, digits=4)


def adam(**options):
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps(EPOCHS))
    return keras.optimizers.Adam(rate, **options)


if __name__ == "__main__":
    main()
