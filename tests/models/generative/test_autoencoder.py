import keras
import numpy as np
import pytest
from contracts import Contract, array, assert_close, same
from sklearn.decomposition import PCA

from kdl.layers import Corruption
from kdl.models import Autoencoder
from kdl.regularizers import KLSparsity

RNG = np.random.default_rng(0)
# Data near a plane in six dimensions.
X = (RNG.normal(size=(64, 2)) @ RNG.normal(size=(2, 6))).astype("float32")
X += RNG.normal(0, 0.05, X.shape).astype("float32")


def encoder(size=2, activation=None):
    layers = [keras.Input((6,)), keras.layers.Dense(size, activation)]
    return keras.Sequential(layers, name="encoder")


def decoder(size=2, out=6):
    layers = [keras.Input((size,)), keras.layers.Dense(out)]
    return keras.Sequential(layers, name="decoder")


class TestAutoencoder(Contract):
    component = Autoencoder
    arguments = {
        "encoder": encoder(),
        "decoder": decoder(),
        "corruption": Corruption("masking", 0.5),
        "sparsity": keras.regularizers.L1(0.1),
    }
    refused = [
        (
            {"corruption": 0.3},
            "`corruption` must be a layer, such as kdl.layers.Corruption, or None. "
            "Received: corruption=0.3",
        ),
        (
            {"decoder": decoder(3)},
            "`encoder` must return codes of the shape that `decoder` takes, (3,). "
            "Received: an encoder that returns (2,)",
        ),
        (
            {"decoder": decoder(2, 5)},
            "`decoder` must return data of shape (6,), as `encoder` takes. Received: "
            "a decoder that returns (5,)",
        ),
    ]

    def test_learns_from_data_alone_what_targets_would_teach(self):
        found = []
        for targets in ((), (X,)):
            keras.utils.set_random_seed(0)
            model = Autoencoder(encoder(), decoder())
            model.compile("adam", "mse", metrics=["mae"])
            logs = model.train_on_batch(X, *targets, return_dict=True)
            found.append([*map(float, logs.values()), *model.get_weights()])
        assert same(*found)
        assert list(logs) == ["loss", "mae"]

    def test_pca_is_the_optimum_of_linear_networks(self):
        pca = PCA(2).fit(X)
        model, axes = Autoencoder(encoder(), decoder()), pca.components_
        model.encoder.set_weights([axes.T, -pca.mean_ @ axes.T])
        model.decoder.set_weights([axes, pca.mean_])
        restored = pca.inverse_transform(pca.transform(X))
        np.testing.assert_allclose(model.reconstruct(X), restored, atol=1e-5)
        np.testing.assert_allclose(model.encode(X), pca.transform(X), atol=1e-5)
        model.compile(keras.optimizers.SGD(1.0), "mse")
        before = [array(weight) for weight in model.trainable_weights]
        least = np.mean((restored - X) ** 2)
        np.testing.assert_allclose(model.train_on_batch(X), least, rtol=1e-4)
        # There is nothing to improve.
        for actual, desired in zip(model.trainable_weights, before, strict=True):
            assert_close(actual, desired)

    def test_corrupts_inputs_in_training_alone(self):
        model = Autoencoder(encoder(), decoder(), Corruption("gaussian", 10.0))
        plain = Autoencoder(model.encoder, model.decoder)
        assert_close(model(X), plain(X))
        assert not np.allclose(array(model(X, training=True)), array(plain(X)))
        assert_close(model.reconstruct(X), plain(X))

    def test_penalizes_codes(self):
        penalty = KLSparsity(0.1, 2.0)
        coded = encoder(activation="sigmoid")
        model, plain = (
            Autoencoder(coded, decoder(), sparsity=sparsity)
            for sparsity in (penalty, None)
        )
        plain.decoder.set_weights(model.decoder.get_weights())
        losses = []
        for each in (model, plain):
            each.compile("adam", "mse")
            losses.append(each.evaluate(X, batch_size=64, verbose=0))
        np.testing.assert_allclose(
            losses[0] - losses[1], float(array(penalty(coded(X)))) / 64, rtol=1e-4
        )

    def test_is_saved_and_goes_on(self, tmp_path):
        model = self.make()
        model.compile("adam", "mse")
        model.train_on_batch(X)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(again.predict(X, verbose=0), model.predict(X, verbose=0))
        assert same(again.get_config(), model.get_config())
        again.train_on_batch(X)

    @pytest.mark.one_backend
    def test_codes_go_both_ways(self):
        model = Autoencoder(encoder(), decoder())
        codes = model.encode(X)
        assert codes.shape == (64, 2)
        assert_close(model.decode(codes), model.reconstruct(X))
        way = model.interpolate(X[:3], X[3:6], steps=5)
        assert way.shape == (3, 5, 6)
        assert_close(way[:, 0], model.reconstruct(X[:3]))
        assert_close(way[:, -1], model.reconstruct(X[3:6]))
        # Linear networks go straight.
        assert_close(way[:, 2], (way[:, 0] + way[:, -1]) / 2)
        with pytest.raises(ValueError, match="`steps` must be an integer"):
            model.interpolate(X, X, steps=1)
