import keras
import numpy as np
import pytest
from contracts import array
from exports import exported
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from kdl.evaluation import ensemble
from kdl.layers import Clock, DropConnectDense
from kdl.models import Student, cnn
from kdl.regularizers import ElasticNet
from kdl.schedules import OneCycle

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 5)).astype("float32")
Y = RNG.integers(0, 3, 20)


def member(units=3, activation=None, name="same"):
    inputs = keras.Input((5,), name="x")
    hidden = keras.layers.Dense(4, "tanh", name="hidden")(inputs)
    outputs = keras.layers.Dense(units, activation, name="outputs")(hidden)
    model = keras.Model(inputs, outputs, name=name)
    from_logits = activation is None
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def predicted(model, x=X):
    return np.asarray(model.predict(x, verbose=0), "float64")


def reloaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


class TestSoftVotes:
    def test_are_the_weighted_mean_of_probabilities(self, tmp_path):
        models = [member() for _ in range(3)]
        weights = [2, 1, 0.5]
        together = ensemble(models, weights=weights)
        each = [softmax(predicted(model), -1) for model in models]
        mean = np.average(each, axis=0, weights=weights)
        np.testing.assert_allclose(np.exp(predicted(together)), mean, rtol=1e-5)
        loaded = reloaded(together, tmp_path)
        np.testing.assert_allclose(predicted(loaded), predicted(together), atol=1e-6)
        scores = loaded.evaluate(X, Y, verbose=0, return_dict=True)
        loss = -np.log(mean[np.arange(20), Y]).mean()
        assert scores["loss"] == pytest.approx(loss, rel=1e-5)
        accuracy = np.mean(mean.argmax(-1) == Y)
        assert scores["accuracy"] == pytest.approx(accuracy)

    def test_are_exported(self, tmp_path):
        together = ensemble([member() for _ in range(2)])
        found = array(exported(together, tmp_path)(X))
        np.testing.assert_allclose(found, predicted(together), atol=1e-5)

    @pytest.mark.one_backend
    def test_of_probabilities_are_probabilities(self):
        models = [member(activation="softmax") for _ in range(2)]
        together = ensemble(models, from_logits=False)
        mean = np.mean([predicted(model) for model in models], 0)
        np.testing.assert_allclose(predicted(together), mean, rtol=1e-5)

    @pytest.mark.one_backend
    def test_of_both_are_probabilities(self):
        models = [member(), member(activation="softmax")]
        together = ensemble(models, from_logits=[True, False])
        mean = (softmax(predicted(models[0]), -1) + predicted(models[1])) / 2
        np.testing.assert_allclose(predicted(together), mean, rtol=1e-5)
        # The loss of the first one takes logits.
        loss = -np.log(mean[np.arange(20), Y]).mean()
        assert together.evaluate(X, Y, verbose=0)[0] == pytest.approx(loss, rel=1e-5)

    @pytest.mark.one_backend
    def test_of_one_score_are_log_odds(self):
        models = [member(1), member(1)]
        mean = np.mean([expit(predicted(model)) for model in models], 0)
        together = ensemble(models, weights=[1, 1])
        np.testing.assert_allclose(predicted(together), logit(mean), rtol=1e-4)
        plain = ensemble([member(1, "sigmoid")], from_logits=False)
        assert predicted(plain).shape == (20, 1)

    @pytest.mark.one_backend
    def test_do_not_underflow(self):
        """The probabilities of far logits are zero in float32."""
        models = [member(), member()]
        for model in models:
            kernel, bias = model.get_layer("outputs").get_weights()
            model.get_layer("outputs").set_weights([kernel * 1e3, bias])
        each = [log_softmax(predicted(model), -1) for model in models]
        desired = np.logaddexp(*each) - np.log(2)
        assert desired.min() < -110
        np.testing.assert_allclose(predicted(ensemble(models)), desired, rtol=1e-4)


class TestHardVotes:
    def test_are_shares_of_the_votes(self, tmp_path):
        models = [member() for _ in range(3)]
        weights = [3, 2, 2]
        votes = np.array([np.eye(3)[predicted(m).argmax(-1)] for m in models])
        shares = np.average(votes, axis=0, weights=weights)
        together = reloaded(ensemble(models, "hard", weights), tmp_path)
        found = np.exp(predicted(together))
        np.testing.assert_allclose(found, np.maximum(shares, 1e-7), rtol=1e-5)

    @pytest.mark.one_backend
    def test_of_one_score_count_the_second_class(self):
        models = [member(1, "sigmoid") for _ in range(3)]
        shares = np.mean([predicted(model) > 0.5 for model in models], 0)
        together = ensemble(models, "hard", from_logits=False)
        np.testing.assert_allclose(predicted(together), shares, rtol=1e-6)
        models = [member(1) for _ in range(3)]
        shares = np.mean([predicted(model) > 0 for model in models], 0)
        found = predicted(ensemble(models, "hard"))
        desired = logit(np.clip(shares, 1e-7, 1 - 1e-7))
        np.testing.assert_allclose(found, desired, rtol=2e-2)


@pytest.mark.one_backend
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_is_the_voting_classifier_of_scikit_learn(voting):
    """Its members as models that look their probabilities up."""
    kinds = [LogisticRegression(), GaussianNB(), DecisionTreeClassifier(max_depth=2)]
    named = [(str(n), kind) for n, kind in enumerate(kinds)]
    weights = [1, 2, 1.5]
    reference = VotingClassifier(named, voting=voting, weights=weights).fit(X, Y)
    models = []
    for fitted in reference.estimators_:
        table = keras.layers.Embedding(20, 3)
        models.append(keras.Sequential([keras.Input((), dtype="int32"), table]))
        table.set_weights([fitted.predict_proba(X)])
    together = ensemble(models, voting, weights, from_logits=False)
    found = predicted(together, np.arange(20))
    np.testing.assert_array_equal(found.argmax(-1), reference.predict(X))
    if voting == "soft":
        np.testing.assert_allclose(found, reference.predict_proba(X), atol=1e-6)


@pytest.mark.one_backend
def test_mean_is_of_numbers_in_any_shape():
    models = []
    for n in range(2):
        layers = [
            keras.Input((5,)),
            keras.layers.Dense(6),
            keras.layers.Reshape((3, 2)),
        ]
        models.append(keras.Sequential(layers, name=f"m{n}"))
    found = predicted(ensemble(models, "mean", [1, 3]))
    desired = predicted(models[0]) / 4 + predicted(models[1]) * 3 / 4
    np.testing.assert_allclose(found, desired, rtol=1e-5, atol=1e-6)


class TestMembers:
    def test_with_clocks_and_schedules_predict_as_they_did(self, tmp_path):
        models = []
        for n in range(2):
            rate = OneCycle(0.5, 10)
            inputs = keras.Input((5,))
            x = Clock(name="clock")(inputs)
            x = DropConnectDense(
                4, rate=rate, kernel_regularizer=ElasticNet(OneCycle(0.1, 10))
            )(x)
            x = keras.layers.BatchNormalization()(x)
            models.append(keras.Model(inputs, keras.layers.Dense(3)(x)))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            models[n].compile("sgd", loss)
            models[n].train_on_batch(X, Y)
        before = [predicted(model) for model in models]
        together = reloaded(ensemble(models), tmp_path)
        mean = np.mean([softmax(part, -1) for part in before], 0)
        np.testing.assert_allclose(np.exp(predicted(together)), mean, rtol=1e-5)
        # Penalties, which a clock would have to drive, are none of it.
        loss = -np.log(mean[np.arange(20), Y]).mean()
        assert together.evaluate(X, Y, verbose=0) == pytest.approx(loss, rel=1e-5)
        np.testing.assert_array_equal(predicted(models[0]), before[0])

    @pytest.mark.one_backend
    def test_are_copies(self):
        model = member()
        together = ensemble([model, model])
        before = predicted(together)
        model.set_weights([0 * weight for weight in model.get_weights()])
        np.testing.assert_array_equal(predicted(together), before)

    @pytest.mark.one_backend
    def test_of_weight_0_are_left_out(self):
        models = [member() for _ in range(3)]
        together = ensemble(models, weights=[1, 0, 1])
        names = [layer.name for layer in together.layers]
        assert "member_1" in names and "member_2" not in names
        assert together.count_params() == 2 * models[0].count_params()

    def test_may_be_subclassed(self, tmp_path):
        models = [Own(name="own"), member()]
        models[0](X)
        together = ensemble(models)
        mean = np.mean([softmax(array(model(X)), -1) for model in models], 0)
        np.testing.assert_allclose(np.exp(predicted(together)), mean, rtol=1e-5)
        loaded = reloaded(together, tmp_path)
        np.testing.assert_allclose(predicted(loaded), predicted(together), atol=1e-6)

    @pytest.mark.one_backend
    def test_may_be_of_layers_and_have_a_call(self, tmp_path):
        inputs = keras.Input((5,))
        clocked = DropConnectDense(3, rate=OneCycle(0.5, 10))(Clock()(inputs))
        student = Student(inputs, clocked, name="student")
        twice = Twice(inputs, keras.layers.Dense(3)(inputs), name="twice")
        together = reloaded(ensemble([student, twice]), tmp_path)
        both = [softmax(predicted(model), -1) for model in (student, twice)]
        np.testing.assert_allclose(np.exp(predicted(together)), np.mean(both, 0), 1e-5)

    @pytest.mark.one_backend
    def test_may_take_named_inputs_and_be_ensembles(self):
        models = []
        for _ in range(2):
            inputs = {n: keras.Input((1,), name=n) for n in ("b", "a")}
            x = keras.layers.Concatenate()([inputs["a"], inputs["b"]])
            models.append(keras.Model(inputs, keras.layers.Dense(3)(x)))
        x = {"a": X[:, :1], "b": X[:, 1:2]}
        inner = ensemble(models)
        mean = np.mean([softmax(predicted(model, x), -1) for model in models], 0)
        np.testing.assert_allclose(np.exp(predicted(inner, x)), mean, rtol=1e-5)
        outer = ensemble([inner, models[0]], weights=[2, 1])
        three = np.average([mean, softmax(predicted(models[0], x), -1)], 0, [2, 1])
        np.testing.assert_allclose(np.exp(predicted(outer, x)), three, rtol=1e-5)

    @pytest.mark.one_backend
    def test_may_be_of_several_families(self):
        one = cnn((8, 8, 1), 10, filters=(4,))
        layers = [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
        other = keras.Sequential(layers)
        x = RNG.uniform(size=(3, 8, 8, 1)).astype("float32")
        mean = (softmax(predicted(one, x), -1) + softmax(predicted(other, x), -1)) / 2
        found = predicted(ensemble([one, other]), x)
        np.testing.assert_allclose(np.exp(found), mean, rtol=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class Twice(keras.Model):
    """A functional model that predicts otherwise than its layers do."""

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


@keras.saving.register_keras_serializable(package="tests")
class Own(keras.Model):
    """A model with a `call` of its own, and maybe a clock."""

    def __init__(self, clock=False, **kwargs):
        super().__init__(**kwargs)
        self.has_clock = clock
        self.dense = keras.layers.Dense(3)
        if clock:
            self.clock = Clock()

    def call(self, x, training=None):
        if self.has_clock:
            x = self.clock(x, training=training)
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "clock": self.has_clock}


@pytest.mark.one_backend
class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"models": []}, "`models` must have a model at least. Received: none"),
            (
                {"models": 3},
                "`models` must be a list of keras.Model. Received: models=3",
            ),
            (
                {"models": [3]},
                "`models` must be a list of keras.Model. Received: 3 among them",
            ),
            (
                {"voting": "loud"},
                "`voting` must be one of 'soft', 'hard', 'mean'. Received: "
                "voting='loud'",
            ),
            (
                {"weights": [1, 2]},
                "`weights` must be 1 numbers in [0, inf), not all 0. Received: an "
                "array of shape (2,)",
            ),
            (
                {"from_logits": [True, False]},
                "`from_logits` must be a boolean, or 1 of them. Received: "
                "from_logits=[True, False]",
            ),
            (
                {"from_logits": 2},
                "`from_logits` must be one of True, False. Received: from_logits=2",
            ),
        ],
    )
    def test_of_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            ensemble(**{"models": [member()], **arguments})
        assert str(error.value) == message

    def refusal(self, *models, **arguments):
        with pytest.raises(ValueError) as error:
            ensemble(list(models), **arguments)
        return str(error.value)

    def test_of_other_classes(self):
        message = self.refusal(member(), member(4, name="four"))
        assert message == (
            "`models` must have the same classes. Received: outputs of shape (None, 3) "
            "of 'same' and (None, 4) of 'four'"
        )
        message = self.refusal(member(), member(4, name="four"), voting="mean")
        assert message.startswith("`models` must have the same numbers. ")

    def test_of_other_inputs(self):
        layers = [keras.Input((6,)), keras.layers.Dense(3)]
        message = self.refusal(member(), keras.Sequential(layers, name="six"))
        assert message == (
            "`models` must take the same inputs. Received: float32 (None, 5) of 'same' "
            "and float32 (None, 6) of 'six'"
        )

    def test_of_probabilities_for_logits(self):
        assert self.refusal(member(activation="softmax")) == (
            "`from_logits` must be False for the model 'same', whose loss takes "
            "probabilities. Received: from_logits=True"
        )
        assert self.refusal(member(), from_logits=False) == (
            "`from_logits` must be True for the model 'same', whose loss takes logits. "
            "Received: from_logits=False"
        )

    def test_of_several_outputs(self):
        inputs = keras.Input((5,))
        outputs = [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)]
        message = self.refusal(keras.Model(inputs, outputs, name="two"))
        assert message == (
            "`models` must return one tensor. Received: a structure of several of 'two'"
        )

    def test_of_models_that_cannot_be_copied(self):
        assert self.refusal(Own(name="new")) == (
            "The model 'new' must have been called on an input, or on a dict of them, "
            "so that their shapes are known."
        )
        own = Own(clock=True, name="ticking")
        own(X)
        assert self.refusal(own) == (
            "The model 'ticking' has a `kdl.layers.Clock` within its `call`, which "
            "cannot be left out. Build it of layers: `keras.Model(inputs, outputs)`."
        )
