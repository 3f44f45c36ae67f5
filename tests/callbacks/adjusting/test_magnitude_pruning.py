import keras
import numpy as np
import pytest
from contracts import CallbackContract, array, same
from keras.optimizers.schedules import PolynomialDecay

from kdl.callbacks import MagnitudePruning, Resume

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(24, 3)).astype("float32")


class TestMagnitudePruning(CallbackContract):
    component = MagnitudePruning
    arguments = {
        "sparsity": 0.5,
        "begin": 2,
        "end": 7,
        "every": 2,
        "scope": "layer",
        "pattern": ".*dense.*kernel",
    }
    refused = [
        (
            {"sparsity": 1.0},
            "`sparsity` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: sparsity=1.0",
        ),
        ({"begin": -1}, "`begin` must be an integer in [0, inf). Received: begin=-1"),
        ({"end": 2}, "`end` must be an integer in (2, inf). Received: end=2"),
        ({"every": 0}, "`every` must be an integer in [1, inf). Received: every=0"),
        (
            {"scope": "all"},
            "`scope` must be one of 'global', 'layer'. Received: scope='all'",
        ),
        (
            {"pattern": "("},
            "`pattern` must be a regular expression. Received: pattern='('",
        ),
        (
            {"sparsity": PolynomialDecay(0.0, 9, 0.5)},
            "`begin` and `end` must be left out where `sparsity` is a schedule. "
            "Received: begin=2, end=7",
        ),
    ]

    @pytest.mark.parametrize("scope", ["global", "layer"])
    def test_chooses_as_pytorch_does(self, scope):
        import torch
        from torch.nn.utils import prune

        model = network()
        pruning = MagnitudePruning(0.37, scope=scope)
        before = [array(kernel) for kernel in kernels(model)]
        # Nothing is learned, so that the first choice can be seen.
        fit(model, [pruning], rate=0.0)
        modules = []
        for kernel in before:
            module = torch.nn.Module()
            module.weight = torch.nn.Parameter(torch.tensor(kernel))
            modules.append(module)
        method = prune.L1Unstructured
        if scope == "global":
            pairs = [(module, "weight") for module in modules]
            prune.global_unstructured(pairs, method, amount=0.37)
        else:
            for module in modules:
                prune.l1_unstructured(module, "weight", amount=0.37)
        for kernel, module in zip(kernels(model), modules, strict=True):
            np.testing.assert_array_equal(array(kernel), module.weight.detach().numpy())

    def test_follows_the_cubic_of_the_paper_batch_by_batch(self):
        model, seen = network(), []
        pruning = MagnitudePruning(0.8, begin=2, end=8, every=1)

        class Count(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                values = [array(kernel) for kernel in kernels(self.model)]
                flat = np.concatenate([np.ravel(value) for value in values])
                seen.append(int((flat == 0).sum()))

        fit(model, [pruning, Count()], epochs=4)
        whole = sum(array(kernel).size for kernel in kernels(model))
        t = np.clip((np.arange(12) - 2) / 6, 0, 1)
        assert seen == [round(whole * 0.8 * (1 - (1 - each) ** 3)) for each in t]

    def test_the_compiled_steps_see_the_pruned_model(self):
        """As one that is trained by hand, where each gradient meets zeros."""
        model, other = network(), network()
        fit(model, [MagnitudePruning(0.5)], rate=0.1)
        weights = [array(weight) for weight in other.trainable_variables]
        flat = np.sort(np.abs(np.concatenate([np.ravel(w) for w in weights[::2]])))
        least = flat[len(flat) // 2]
        masks = [np.abs(weight) >= least for weight in weights[::2]]
        for n in range(0, 24, 8):
            x, y = X[n : n + 8].astype("float64"), Y[n : n + 8]
            a, b = (w * mask for w, mask in zip(weights[::2], masks, strict=True))
            hidden = x @ a + weights[1]
            error = 2 * (hidden @ b + weights[3] - y) / y.size
            grads = [x.T @ (error @ b.T), (error @ b.T).sum(0)]
            grads += [hidden.T @ error, error.sum(0)]
            weights = [
                w - 0.1 * grad
                for w, grad in zip([a, weights[1], b, weights[3]], grads, strict=True)
            ]
        for n, mask in zip((0, 2), masks, strict=True):
            weights[n] = weights[n] * mask
        for actual, desired in zip(model.trainable_variables, weights, strict=True):
            np.testing.assert_allclose(array(actual), desired, rtol=1e-4, atol=1e-5)

    def test_takes_a_schedule(self):
        model = network()
        schedule = PolynomialDecay(0.0, 4, 0.5)
        fit(model, [MagnitudePruning(schedule, every=1)], epochs=2)
        assert zeros(model) == pytest.approx(0.5, abs=0.02)

    def test_refuses_what_a_schedule_may_not_be(self):
        schedule = PolynomialDecay(0.0, 1, 2.0)
        message = (
            r"`sparsity` must be a schedule of numbers in \[0, 1\). Received: 2 at "
            "batch 1"
        )
        with pytest.raises(ValueError, match=message):
            fit(network(), [MagnitudePruning(schedule, every=1)])

    def test_refuses_a_pattern_of_nothing(self):
        message = (
            "`pattern` must be that of a variable of the model, such as "
            "'model/first/kernel'. Received: pattern='none'"
        )
        with pytest.raises(ValueError) as error:
            fit(network(), [MagnitudePruning(0.5, pattern="none")])
        assert str(error.value) == message

    def test_validation_and_the_end_see_zeros(self):
        model, seen = network(), []
        look = keras.callbacks.LambdaCallback(
            on_test_begin=lambda logs: seen.append(zeros(model))
        )
        fit(model, [MagnitudePruning(0.5), look], epochs=2, validation_data=(X, Y))
        assert [*seen, zeros(model)] == pytest.approx([0.5] * 3, abs=0.02)

    def test_resumes_exactly(self, tmp_path):
        def pruning():
            return MagnitudePruning(0.6, end=8, every=2)

        whole = network()
        fit(whole, [pruning()], epochs=4)
        resume = Resume(tmp_path / "fit.npz")
        fit(network(), [pruning(), resume], epochs=2)
        model = network()
        fit(model, [pruning(), Resume(tmp_path / "fit.npz")], epochs=4)
        assert same(
            [array(weight) for weight in model.weights],
            [array(weight) for weight in whole.weights],
        )


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, name="first"),
            keras.layers.Dense(3, name="last"),
        ],
        name="model",
    )


def fit(model, callbacks, epochs=1, rate=0.1, **options):
    model.compile(keras.optimizers.SGD(rate), "mse")
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **options)


def kernels(model):
    return [layer.kernel for layer in model.layers]


def zeros(model):
    flat = np.concatenate([np.ravel(array(kernel)) for kernel in kernels(model)])
    return float(np.mean(flat == 0))
