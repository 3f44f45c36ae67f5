"""What a training step and sampling of generative models take, beside loops by hand.

Networks are those of the recipes `gan` and `diffusion` for images of 28 x 28 pixels, in
batches of 64.

- A step of `fit` stands beside one of the same loss in a loop by hand, as a user of the
  backend writes it, without metrics, moving averages and random numbers, which are
  drawn before: `jax.jit` of gradients and
  update, a `tf.function` with a tape, and `backward` in PyTorch. 1.10 is wanted.
- 64 samples of 25 steps of `generate`, one compiled call, stand beside a Python loop
  that calls the compiled network 25 times. 1.00 is wanted.

Each ratio is the median of those of several rounds in which the two take turns.

The figures are in docs/benchmarks/recipes.md.

KERAS_BACKEND=jax python benchmarks/generative.py [--rounds 5]
"""

import argparse
import sys
import time

import keras
import numpy as np
from keras import ops

import kdl
from kdl.models.generative.diffusion import Diffusion
from kdl.models.generative.generative_adversarial_network import (
    GenerativeAdversarialNetwork,
)
from kdl.recipes.generative.image_networks import denoiser, discriminator, generator

BACKEND = keras.backend.backend()
SHAPE, BATCH, SIZE, STEPS = (28, 28, 1), 64, 64, 25
REPEATED = 60  # Training steps of a measurement, of which TensorFlow prepares the data.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    x = kdl.data.fashion().train[0][: BATCH * REPEATED]
    network = denoiser(SHAPE, 32, 1)
    print(f"$ KERAS_BACKEND={BACKEND} python {' '.join(sys.argv)}\n")
    print("| what | kdl, ms | by hand, ms | ratio | wanted |")
    print("|---|---|---|---|---|")
    model = Diffusion(network)
    model.compile("adam")
    pair = (
        fitted(model, x),
        looped([network], diffusion_losses, x, x.shape[1:], (1, 1, 1)),
    )
    report("a training step, diffusion", pair, 1.10, options.rounds, REPEATED)
    networks = generator(SHAPE, 1.0, SIZE, 32), discriminator(SHAPE, 1.0, 32)
    model = GenerativeAdversarialNetwork(*networks)
    model.compile("adam")
    pair = fitted(model, x), looped(networks, adversarial_losses, x, (SIZE,))
    report("a training step, GAN", pair, 1.10, options.rounds, REPEATED)
    model = Diffusion(network)
    pair = lambda: model.generate(BATCH, steps=STEPS), sampled(network)
    report("64 samples of 25 steps", pair, 1.00, options.rounds, 1)


def report(what, pair, wanted, rounds, count):
    """Prints the medians of two functions, and of their ratio, per one of `count`."""
    for function in pair:
        function()  # Compiles.
    times = np.array([[seconds(function) for function in pair] for _ in range(rounds)])
    ours, other = 1000 * np.median(times, axis=0) / count
    ratio = np.median(times[:, 0] / times[:, 1])
    verdict = f"{wanted:.2f}: {'met' if ratio <= wanted else 'missed'}"
    print(
        f"| {what} | {ours:.1f} | {other:.1f} | {ratio:.2f} | {verdict} |", flush=True
    )


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def fitted(model, x):
    """A function that makes some training steps by `fit`."""
    return lambda: model.fit(x, batch_size=BATCH, epochs=1, verbose=0, shuffle=False)


def diffusion_losses(networks, x, noise, time):
    """The loss of flow matching, as the list of those of each network."""
    (network,) = networks
    blended = (1 - time) * x + time * noise
    found = network([blended, ops.reshape(time, (-1, 1))], training=True)
    return [ops.mean(ops.square(found - (noise - x)))]


def adversarial_losses(networks, x, codes):
    """The losses of the generator and the discriminator."""
    make, judge = networks
    made = make(codes, training=True)
    real = judge(x, training=True)
    told = judge(ops.stop_gradient(made), training=True)
    discriminating = ops.mean(ops.softplus(-real) + ops.softplus(told))
    return [ops.mean(ops.softplus(-judge(made, training=True))), discriminating]


def looped(networks, losses, x, *drawn):
    """A function that makes as many training steps in a loop by hand.

    Args:
        networks: Sequence of `keras.Model`, of which clones are trained.
        losses: Function of the networks, a batch and what is drawn for it.
        x: Array of all batches.
        *drawn: Shapes of what is drawn for an example.
    """
    networks = [keras.models.clone_model(network) for network in networks]
    optimizers = [keras.optimizers.Adam() for _ in networks]
    for network, optimizer in zip(networks, optimizers, strict=True):
        optimizer.build(network.trainable_variables)
    step = {"jax": of_jax, "tensorflow": of_tensorflow, "torch": of_torch}[BACKEND]
    step = step(networks, optimizers, losses)
    rng = np.random.default_rng(0)
    parts = [
        [
            ops.convert_to_tensor(part, "float32")
            for part in (some, *(rng.uniform(size=(BATCH, *shape)) for shape in drawn))
        ]
        for some in np.split(x, REPEATED)
    ]

    def loop():
        for part in parts:
            last = step(*part)
        ops.convert_to_numpy(last)

    return loop


def of_torch(networks, optimizers, losses):
    import torch

    def step(*batch):
        # Gradients first: an update would change what the graph of the other holds.
        found = losses(networks, *batch)
        gradients = [
            torch.autograd.grad(
                loss,
                [variable.value for variable in network.trainable_variables],
                retain_graph=True,
            )
            for loss, network in zip(found, networks, strict=True)
        ]
        with torch.no_grad():
            for some, network, optimizer in zip(
                gradients, networks, optimizers, strict=True
            ):
                optimizer.apply(some, network.trainable_variables)
        return found[0].detach()

    return step


def of_tensorflow(networks, optimizers, losses):
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def step(*batch):
        with tf.GradientTape(persistent=True) as tape:
            found = losses(networks, *batch)
        for loss, network, optimizer in zip(found, networks, optimizers, strict=True):
            variables = network.trainable_variables
            gradients = tape.gradient(loss, [v.value for v in variables])
            optimizer.apply(gradients, variables)
        return found[0]

    return step


def of_jax(networks, optimizers, losses):
    import jax

    state = {
        "trained": [[v.value for v in n.trainable_variables] for n in networks],
        "others": [[v.value for v in n.non_trainable_variables] for n in networks],
        "optimizers": [[v.value for v in o.variables] for o in optimizers],
    }

    def loss(trained, others, batch, index):
        mapping = [
            (variable, value)
            for network, *values in zip(networks, trained, others, strict=True)
            for variables, some in zip(
                (network.trainable_variables, network.non_trainable_variables),
                values,
                strict=True,
            )
            for variable, value in zip(variables, some, strict=True)
        ]
        with keras.StatelessScope(mapping):
            return losses(networks, *batch)[index]

    @jax.jit
    def update(state, batch):
        trained, kept = list(state["trained"]), list(state["optimizers"])
        for index, optimizer in enumerate(optimizers):

            def own(mine, index=index):
                some = [*state["trained"]]
                some[index] = mine
                return loss(some, state["others"], batch, index)

            value, gradients = jax.value_and_grad(own)(state["trained"][index])
            trained[index], kept[index] = optimizer.stateless_apply(
                kept[index], gradients, trained[index]
            )
        return {**state, "trained": trained, "optimizers": kept}, value

    def step(*batch):
        nonlocal state
        state, value = update(state, batch)
        return value

    return step


def sampled(network):
    """A function that makes as many samples in a Python loop of compiled steps."""
    call = lambda x, time: network([x, time], training=False)  # noqa: E731
    if BACKEND == "jax":
        import jax

        call = jax.jit(call)
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        call = tf.function(call, jit_compile=True)
    start = np.random.default_rng(0).normal(size=(BATCH, *SHAPE)).astype("float32")

    def loop():
        x = ops.convert_to_tensor(start)
        for step in range(STEPS):
            here = ops.full((BATCH, 1), 1 - step / STEPS)
            x = x - call(x, here) / STEPS
        return ops.convert_to_numpy(x)

    if BACKEND == "torch":
        import torch

        return torch.no_grad()(loop)
    return loop


if __name__ == "__main__":
    main()
