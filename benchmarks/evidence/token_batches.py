"""Padding and shapes of batches by quantile buckets and by tokens.

The texts are dates as people write them, by characters, and the paragraphs of Python's
reference, by words, whose lengths differ far more. `max_tokens` is what 64 examples of
median length take, or the longest example if that is more. What counts is the mean of
three epochs. Each shape is a compilation on JAX.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/token_batches.py [--seconds]
"""

import argparse
import time

import keras
import numpy as np

from kdl.data import BucketedBatches, Characters, dates

BATCH = 64
EPOCHS = 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", action="store_true", help="train a GRU")
    options = parser.parse_args()
    for name, tokens in {"dates": characters(), "paragraphs": words()}.items():
        lengths = (tokens > 0).sum(axis=1)
        most = max(BATCH * int(np.median(lengths)), int(lengths.max()))
        print(
            f"{len(tokens)} {name}, lengths from {lengths.min()} to {lengths.max()}, "
            f"median {np.median(lengths):.0f}, {most} tokens a batch\n"
        )
        timed = " first epoch, CPU s | later epoch, CPU s |" if options.seconds else ""
        print(f"| batches | padding | shapes | batches of an epoch |{timed}")
        print("|---|---|---|---|" + (timed and "---|---|"))
        arms = {"one bucket": {"buckets": 1}}
        arms |= {f"{n} buckets": {"buckets": n} for n in (4, 8, 16)}
        arms = {arm: {"batch_size": BATCH, **given} for arm, given in arms.items()}
        arms |= {
            f"`max_tokens`, {n} buckets": {"max_tokens": most, "buckets": n}
            for n in (8, 12, 24)
        }
        for arm, given in arms.items():
            padding, shapes, count = measured(tokens, given)
            cells = [arm, f"{padding:.3f}", str(shapes), str(count)]
            if options.seconds:
                cells += [f"{seconds:.1f}" for seconds in trained(tokens, given)]
            print(f"| {' | '.join(cells)} |", flush=True)
        print()


def characters():
    (texts, _), *_ = dates()
    return Characters(texts).encode(texts)


def words():
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    paragraphs = [part.split() for part in text.split("\n\n") if part.split()]
    number = {}
    tokens = np.zeros((len(paragraphs), max(map(len, paragraphs))), "int32")
    for row, paragraph in zip(tokens, paragraphs, strict=True):
        row[: len(paragraph)] = [
            number.setdefault(word, len(number) + 1) for word in paragraph
        ]
    return tokens


def measured(tokens, given):
    """Mean padding, number of shapes, and of batches of an epoch."""
    padding, shapes = [], set()
    for epoch in range(EPOCHS):
        batches = BucketedBatches(tokens, tokens, epoch=epoch, **given)
        padding.append(batches.padding())
        shapes |= set(batches.shapes())
    return np.mean(padding), len(shapes), len(batches)


def trained(tokens, given):
    """CPU seconds of a first epoch, with its compilations, and of one after it."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(int(tokens.max()) + 1, 32, mask_zero=True)(inputs)
    x = keras.layers.Bidirectional(keras.layers.GRU(32))(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile("adam", "mse")
    batches = BucketedBatches(tokens, np.zeros(len(tokens)), **given)
    seconds = []
    for _ in range(2):
        start = time.process_time()
        model.fit(batches, shuffle=False, verbose=0)
        seconds.append(time.process_time() - start)
    return seconds


if __name__ == "__main__":
    main()
