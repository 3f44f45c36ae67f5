"""What decoders cost, beside Keras's layers and beside decoding without a cache.

The figures are in docs/benchmarks/sequences.md.

KERAS_BACKEND=jax OMP_NUM_THREADS=1 python benchmarks/sequences.py [--pairs 15]

Training: seconds of CPU for an epoch of 20 batches of 64 sequences of 20 tokens of 28,
without compilation. Decoding: seconds of CPU for 16 sequences.
"""

import argparse
import time

import keras
import numpy as np
from keras import ops
from paired import report

from kdl.layers import Clock
from kdl.models import Feeding, ProfessorForcing, RecurrentDecoder, TransformerDecoder
from kdl.schedules import InverseSigmoidDecay

BATCH, LENGTH, SIZE, BATCHES = 64, 20, 28, 20
UNITS, EMBEDDING = 96, 32
TOKENS = np.random.default_rng(0).integers(0, SIZE, (BATCH * BATCHES, LENGTH))
DECAY = InverseSigmoidDecay(k=1000)


def epoch(decoder):
    """A function that trains a model of a decoder for an epoch, and takes its time."""
    tokens = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(tokens, decoder(Clock()(tokens)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return timed(
        lambda: model.fit(TOKENS, TOKENS, batch_size=BATCH, shuffle=False, verbose=0)
    )


def timed(perform):
    """A function that takes the seconds of CPU of another, which is compiled before."""

    def seconds():
        start = time.process_time()
        perform()
        return time.process_time() - start

    perform()
    return seconds


def stock():
    """Keras's layers, fed the true tokens."""
    return keras.Sequential(
        [
            keras.layers.Embedding(SIZE + 1, EMBEDDING),
            keras.layers.GRU(UNITS, return_sequences=True),
            keras.layers.Dense(SIZE),
        ]
    )


def recurrent(epsilon, **options):
    cell = keras.layers.GRUCell(UNITS)
    return RecurrentDecoder(cell, SIZE, EMBEDDING, Feeding(epsilon, **options))


def transformer(epsilon, size=SIZE, width=64, layers=2):
    shape = size, width, layers, 4, 4 * width
    return TransformerDecoder(*shape, dropout=0.0, feeding=Feeding(epsilon))


def train(pairs):
    target = 1.6 if keras.backend.backend() == "torch" else 1.0
    others = {
        "scheduled sampling, argmax": epoch(recurrent(DECAY)),
        "scheduled sampling, drawn": epoch(recurrent(DECAY, temperature=1.0)),
        "always own": epoch(recurrent(0.0)),
    }
    report("Keras's GRU, teacher forcing", epoch(stock()), others, target, pairs)
    others = {
        "teacher forcing": epoch(recurrent(1.0)),
        "professor forcing": epoch(recurrent(1.0, professor=ProfessorForcing(64))),
    }
    report("Without a target", epoch(stock()), others, None, pairs)
    others = {"two passes": epoch(transformer(DECAY))}
    report("Transformer, one pass", epoch(transformer(1.0)), others, 1.3, pairs)


def decode(pairs):
    """Greedy decoding of 128 tokens, and the time of a token by its place."""
    length, count, size = 128, 16, 64
    decoder = transformer(1.0, size=size, width=128, layers=4)
    tokens = keras.Input((length,), dtype="int32")
    model = keras.Model(tokens, decoder(tokens))

    class Naive(keras.Model):
        """Computes all tokens anew for each one."""

        def call(self, start):
            def write(step, tokens):
                logits = ops.take(model(tokens), step, axis=1)
                chosen = ops.cast(ops.argmax(logits, -1), "int32")
                return ops.slice_update(tokens, (0, step), chosen[:, None])

            return ops.fori_loop(0, length, write, start)

    naive, start = Naive(), np.zeros((count, length), "int32")
    with_cache = decoder.generate(length, count=count).tokens
    without = naive.predict(start, verbose=0)
    assert (with_cache == without).mean() > 0.99, "They are to write the same."
    others = {"with a cache": timed(lambda: decoder.generate(length, count=count))}
    base = timed(lambda: naive.predict(start, verbose=0))
    report("Decoding 128 tokens without a cache", base, others, 1 / 5, pairs)
    print("| decoder | tokens | ms of CPU a token |\n|---|---|---|")
    cell = recurrent(1.0)
    cell(TOKENS[:1])
    for name, one in (("recurrent", cell), ("Transformer", decoder)):
        for length in (64, 128, 256, 512):
            seconds = timed(lambda n=length, d=one: d.generate(n, count=count))
            median = np.median([seconds() for _ in range(pairs)])
            print(f"| {name} | {length} | {1000 * median / length:.3f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    train(pairs)
    decode(pairs)


if __name__ == "__main__":
    main()
