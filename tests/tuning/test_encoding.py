import itertools

import keras_tuner
import numpy as np
import pytest

from kdl.tuning.encoding import Encoding

pytestmark = pytest.mark.one_backend


def conditional():
    hp = keras_tuner.HyperParameters()
    hp.Fixed("version", 2)
    hp.Choice("model", ["linear", "deep", "none"])
    with hp.conditional_scope("model", ["deep"]):
        hp.Int("layers", 1, 3)
        hp.Boolean("wide")
        with hp.conditional_scope("wide", [True]):
            hp.Choice("factor", [2, 4])
    with hp.conditional_scope("model", ["linear", "deep"]):
        hp.Float("rate", 1e-4, 1e-1, sampling="log", step=10)
    return hp


def one(declare):
    hp = keras_tuner.HyperParameters()
    declare(hp)
    return Encoding(hp.space)


KINDS = {
    "float": lambda hp: hp.Float("a", -1.0, 3.0),
    "log": lambda hp: hp.Float("a", 1e-5, 1e-1, sampling="log"),
    "reverse_log": lambda hp: hp.Float("a", 0.1, 0.99, sampling="reverse_log"),
    "step": lambda hp: hp.Float("a", 0.0, 1.0, step=0.25),
    "log_step": lambda hp: hp.Float("a", 1e-4, 1e-1, sampling="log", step=10),
    "int": lambda hp: hp.Int("a", 3, 9),
    "int_step": lambda hp: hp.Int("a", 3, 10, step=3),
    "int_log": lambda hp: hp.Int("a", 16, 256, sampling="log"),
    "int_log_step": lambda hp: hp.Int("a", 16, 256, sampling="log", step=2),
    "many": lambda hp: hp.Int("a", 0, 10**9),
    "ordered": lambda hp: hp.Choice("a", [32, 16, 64]),
    "unordered": lambda hp: hp.Choice("a", ["x", "y", "z"]),
    "boolean": lambda hp: hp.Boolean("a"),
}


class TestEncoding:
    @pytest.mark.parametrize("kind", KINDS)
    def test_what_it_decodes_is_allowed_and_encodes_back(self, kind):
        encoding = one(KINDS[kind])
        parameter = encoding.parameters[0]
        for u in np.linspace(0, 1, 101):
            values = encoding.decode(np.array([u]))
            again = encoding.decode(encoding.encode(values))
            is_number = isinstance(values["a"], float)
            assert again == (pytest.approx(values, rel=1e-9) if is_number else values)
            if hasattr(parameter, "min_value"):
                assert parameter.min_value <= values["a"] <= parameter.max_value
            else:
                assert values["a"] in parameter.values
            assert type(values["a"]) is type(parameter.default)

    @pytest.mark.parametrize(
        "kind", set(KINDS) - {"float", "log", "reverse_log", "many"}
    )
    def test_each_value_has_its_stretch(self, kind):
        encoding = one(KINDS[kind])
        levels = [values["a"] for values in encoding.points()]
        drawn = [encoding.decode(np.array([u]))["a"] for u in np.linspace(0, 1, 2001)]
        assert set(drawn) == set(levels)

    def test_an_integer_by_the_logarithm_stays_in_its_range(self):
        """KerasTuner's search proposes 257 for this one."""
        encoding = one(KINDS["int_log"])
        assert encoding.decode(np.ones(1)) == {"a": 256}

    def test_equal_ratios_are_equally_far_apart(self):
        encoding = one(lambda hp: hp.Int("a", 1, 64, sampling="log"))
        places = [
            encoding.features(encoding.encode({"a": a})[None])[0][0, 0]
            for a in (1, 8, 64)
        ]
        assert np.diff(places) == pytest.approx(np.diff(places)[0])

    def test_any_two_values_of_an_unordered_choice_are_at_distance_one(self):
        encoding = one(KINDS["unordered"])
        cube = np.array([encoding.encode({"a": a}) for a in "xyz"])
        features, _ = encoding.features(cube)
        for i, j in itertools.combinations(range(3), 2):
            assert np.linalg.norm(features[i] - features[j]) == pytest.approx(1)
        assert list(encoding.groups) == [0, 0, 0]

    def test_what_has_no_effect_is_at_one_place(self):
        encoding = Encoding(conditional().space)
        rng = np.random.default_rng(0)
        cube = rng.random((200, encoding.size))
        features, active = encoding.features(cube)
        names = [parameter.name for parameter in encoding.parameters]
        for point, row, mask in zip(cube, features, active, strict=True):
            values = encoding.decode(point)
            assert {n for n, a in zip(names, mask, strict=True) if a} == (
                values.keys() - {"version"}
            )
            # The same features come from values alone, whatever else was drawn.
            (again,), _ = encoding.features(encoding.encode(values)[None])
            np.testing.assert_allclose(again, row)

    def test_counts_each_combination_once(self):
        encoding = Encoding(conditional().space)
        points = list(encoding.points())
        # linear: 4 rates; deep: 3 layers, of which wide ones have 2 factors, 4 rates.
        assert len(points) == 4 + 3 * (2 + 1) * 4 + 1
        assert len({tuple(sorted(values.items())) for values in points}) == len(points)
        cube = encoding.combinations(1000)
        assert [encoding.decode(point) for point in cube] == points
        assert encoding.combinations(100) is None

    def test_continuous_hyperparameters_have_no_combinations(self):
        assert one(KINDS["float"]).combinations(10**6) is None
        assert one(KINDS["many"]).combinations(10**6) is None

    def test_what_cannot_vary_has_no_coordinate(self):
        encoding = one(
            lambda hp: (hp.Fixed("a", 1), hp.Choice("b", [3]), hp.Int("c", 2, 2))
        )
        assert encoding.size == 0
        assert encoding.decode(np.empty(0)) == {"a": 1, "b": 3, "c": 2}


def test_branches_are_the_values_on_which_others_hang():
    encoding = Encoding(conditional().space)
    names = [encoding.parameters[index].name for index, _ in encoding.branches]
    assert names == ["model"] * 3 + ["wide"] * 2
    cube = np.random.default_rng(0).random((200, encoding.size))
    values = [encoding.decode(point) for point in cube]
    wanted = [("model", value) for value in ("linear", "deep", "none")]
    wanted += [("wide", value) for value in (False, True)]
    for branch, (name, value) in zip(encoding.branches, wanted, strict=True):
        expected = [some.get(name) == value for some in values]
        assert (encoding.is_in(branch, cube) == expected).all()
    assert one(KINDS["unordered"]).branches == []
