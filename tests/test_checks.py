import json

import keras
import numpy as np
import pytest

from kdl.checks import (
    check_axis,
    check_boolean,
    check_choice,
    check_exclusive,
    check_integer,
    check_integers,
    check_number,
    check_number_or_schedule,
    check_optional,
    check_part,
    check_seed,
    check_shard,
    check_targets,
    check_weights,
    shown,
)

pytestmark = pytest.mark.one_backend


class TestCheckNumber:
    @pytest.mark.parametrize(
        ("value", "interval"),
        [
            (0, "[0, 1)"),
            (np.float32(0.5), "(0, 1)"),
            (1e300, "(0, inf)"),
            (1, "[0, 1]"),
        ],
    )
    def test_returns_a_float(self, value, interval):
        result = check_number("a", value, interval)
        assert type(result) is float and result == value

    @pytest.mark.parametrize(
        ("value", "interval"),
        [
            (0, "(0, 1]"),
            (1, "[0, 1)"),
            (float("inf"), "[0, inf)"),
            (float("nan"), "[0, inf)"),
            (True, "[0, 1]"),
            ("1", "[0, 1]"),
            (None, "[0, 1]"),
            (1j, "[0, 1]"),
        ],
    )
    def test_refuses(self, value, interval):
        with pytest.raises(ValueError) as error:
            check_number("a", value, interval)
        assert str(error.value) == (
            f"`a` must be a number in {interval}. Received: a={value!r}"
        )


class TestCheckNumberOrSchedule:
    def test_returns_a_float(self):
        result = check_number_or_schedule("a", np.float32(0.5), "[0, 1)")
        assert type(result) is float and result == 0.5

    def test_returns_a_schedule_also_from_its_config(self):
        schedule = keras.optimizers.schedules.CosineDecay(2.0, 10)
        assert check_number_or_schedule("a", schedule, "[0, 1)") is schedule
        text = json.dumps(keras.saving.serialize_keras_object(schedule))
        revived = check_number_or_schedule("a", json.loads(text), "[0, 1)")
        assert type(revived) is type(schedule)
        assert revived.get_config() == schedule.get_config()

    @pytest.mark.parametrize(
        "value",
        [
            1,
            True,
            float("nan"),
            "0.5",
            None,
            {},
            {"a": 1},
            keras.optimizers.schedules.CosineDecay,
            keras.saving.serialize_keras_object(keras.regularizers.L1()),
        ],
    )
    def test_refuses(self, value):
        with pytest.raises(ValueError) as error:
            check_number_or_schedule("a", value, "[0, 1)")
        assert str(error.value) == (
            "`a` must be a number in [0, 1) or a LearningRateSchedule. "
            f"Received: a={value!r}"
        )


class TestCheckInteger:
    def test_returns_an_int(self):
        result = check_integer("a", np.int64(3), "[1, inf)")
        assert type(result) is int and result == 3

    @pytest.mark.parametrize("value", [0, 1.0, True, "1", None])
    def test_refuses(self, value):
        with pytest.raises(ValueError) as error:
            check_integer("a", value, "[1, inf)")
        assert str(error.value) == (
            f"`a` must be an integer in [1, inf). Received: a={value!r}"
        )


class TestCheckOptional:
    def test_returns_none_or_what_the_check_returns(self):
        assert check_optional(check_integer, "size", None, "[1, inf)") is None
        value = check_optional(check_integer, "size", np.int64(3), "[1, inf)")
        assert type(value) is int and value == 3

    def test_refuses_what_the_check_refuses(self):
        with pytest.raises(ValueError) as error:
            check_optional(check_integer, "size", 0, "[1, inf)")
        message = "`size` must be an integer in [1, inf). Received: size=0"
        assert str(error.value) == message


class TestCheckAxis:
    @pytest.mark.parametrize(
        ("value", "desired"), [(None, None), (np.int64(-1), -1), ((0, 1), [0, 1])]
    )
    def test_returns_what_a_config_can_hold(self, value, desired):
        result = check_axis("a", value)
        assert type(result) is type(desired) and result == desired

    @pytest.mark.parametrize("value", [0.5, True, "0", []])
    def test_refuses(self, value):
        for received in (value, [0, value]):
            with pytest.raises(ValueError) as error:
                check_axis("a", received)
            assert str(error.value) == (
                f"`a` must be an integer in (-inf, inf). Received: a={value!r}"
            )


class TestCheckChoice:
    def test_returns_the_value(self):
        assert check_choice("a", "x", ("x", "y")) == "x"
        assert check_boolean("a", False) is False

    @pytest.mark.parametrize("value", [True, 1.0, "1", None, np.ones(2)])
    def test_refuses_equal_values_of_other_types(self, value):
        with pytest.raises(ValueError) as error:
            check_choice("a", value, (1, 2))
        assert str(error.value) == f"`a` must be one of 1, 2. Received: a={value!r}"

    def test_names_the_only_choice(self):
        with pytest.raises(ValueError) as error:
            check_choice("a", "x", ("y",))
        assert str(error.value) == "`a` must be 'y'. Received: a='x'"


class TestCheckTargets:
    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ((6, 4), (6, 4)),
            ((6, 4, 1), (6, 4)),
            ((6,), (6, 1)),
            ((6, 1), (None, 1)),
            ((6, 4), (None, None)),
        ],
    )
    def test_may_lack_or_have_a_last_axis_of_size_one(self, shape, expected):
        values = keras.ops.ones(shape)
        rank = len(check_targets(values, expected, "targets").shape)
        assert rank == len(expected)

    @pytest.mark.parametrize("shape", [(4, 6), (24,), (1, 5), (6, 4, 2), (6, 1, 4)])
    def test_are_refused_in_another_shape(self, shape):
        with pytest.raises(ValueError) as error:
            check_targets(keras.ops.ones(shape), (None, 4), "targets")
        assert str(error.value) == (
            f"`y_true` must be targets of shape (None, 4). Received: shape={shape}"
        )


class TestCheckPart:
    @pytest.mark.parametrize(
        ("kind", "name", "desired"),
        [
            ("activation", "relu", keras.activations.relu),
            ("activation", np.str_("relu"), keras.activations.relu),
            ("activation", None, keras.activations.linear),
            ("regularizer", None, None),
        ],
    )
    def test_returns_what_keras_has(self, kind, name, desired):
        assert check_part("a", name, kind) is desired

    def test_returns_an_object_also_of_its_config(self):
        part = keras.initializers.Constant(2.0)
        assert check_part("a", part, "initializer") is part
        config = keras.saving.serialize_keras_object(part)
        assert check_part("a", config, "initializer").value == 2.0

    @pytest.mark.parametrize("value", ["reluu", 1, True, {}, [], object()])
    def test_refuses(self, value):
        with pytest.raises(ValueError) as error:
            check_part("a", value, "activation")
        assert str(error.value) == (
            "`a` must be an activation of Keras, its name, or None. "
            f"Received: a={value!r}"
        )

    def test_refuses_no_initializer(self):
        with pytest.raises(ValueError) as error:
            check_part("a", None, "initializer")
        assert str(error.value) == (
            "`a` must be an initializer of Keras or its name. Received: a=None"
        )


class TestPlainValues:
    @pytest.mark.parametrize("make", [np.asarray, lambda value: np.asarray(value)[()]])
    def test_scalars_of_numpy_count_as_python_s(self, make):
        for result, desired in (
            (check_number("a", make(0.5), "[0, 1)"), 0.5),
            (check_number_or_schedule("a", make(0.5), "[0, 1)"), 0.5),
            (check_integer("a", make(3), "[1, inf)"), 3),
            (check_integers("a", [make(3), 2], "[1, inf)", 2), (3, 2)),
            (check_seed("a", make(3)), 3),
            (check_boolean("a", make(True)), True),
            (check_choice("a", make("x"), ("x", "y")), "x"),
        ):
            assert type(result) is type(desired) and result == desired

    def test_an_integer_fits_into_64_bits(self):
        assert check_integer("a", 2**63 - 1, "[1, inf)") == 2**63 - 1
        with pytest.raises(ValueError) as error:
            check_integer("a", 2**63, "[1, inf)")
        assert str(error.value) == (
            "`a` must be an integer in [1, inf) that fits into 64 bits. "
            "Received: a=9223372036854775808"
        )

    def test_a_number_fits_into_a_float(self):
        with pytest.raises(ValueError, match="`a` must be a number in"):
            check_number("a", 10**400, "[0, inf)")

    @pytest.mark.parametrize("value", [-1, 2**32, 1.5, True, "1"])
    def test_a_seed_has_32_bits(self, value):
        assert check_seed("a", 2**32 - 1) == 2**32 - 1 and check_seed("a", None) is None
        with pytest.raises(ValueError, match=r"`a` must be an integer in \[0, 4294967"):
            check_seed("a", value)


class TestCheckExclusive:
    def test_takes_one_or_none(self):
        check_exclusive(a=None, b=False, c=np.ones(3))
        check_exclusive(a=None, b=False)

    def test_refuses_two(self):
        with pytest.raises(ValueError) as error:
            check_exclusive(a=0, b=None, c=True)
        assert str(error.value) == (
            "`a`, `b` and `c` exclude each other. Received: a=0, c=True"
        )


class TestCheckWeights:
    def test_returns_an_array(self):
        for weights in ([1, 0], (1.0, 0.0), np.array([1, 0], "float32")):
            result = check_weights("w", weights, 2)
            assert result.dtype == "float64" and result.tolist() == [1.0, 0.0]

    @pytest.mark.parametrize(
        ("value", "received"),
        [
            (1.0, "w=1.0"),
            ("ab", "w='ab'"),
            (None, "w=None"),
            ([1], "an array of shape (1,)"),
            ([[1, 2]], "an array of shape (1, 2)"),
            ([1, -2], "w[1]=-2.0"),
            ([np.nan, 1], "w[0]=nan"),
            ([0, 0], "nothing but 0"),
        ],
    )
    def test_refuses(self, value, received):
        with pytest.raises(ValueError) as error:
            check_weights("w", value, 2)
        assert str(error.value) == (
            f"`w` must be 2 numbers in [0, inf), not all 0. Received: {received}"
        )


class TestCheckShard:
    def test_returns_a_tuple(self):
        for value in ((1, 2), [1, 2], (np.int64(1), np.array(2))):
            result = check_shard("s", value)
            assert result == (1, 2) and all(type(part) is int for part in result)

    @pytest.mark.parametrize(
        "value", [1, None, (1,), (2, 2), (-1, 2), (0.0, 2), (True, 2), "ab", (0, 0)]
    )
    def test_refuses(self, value):
        with pytest.raises(ValueError) as error:
            check_shard("s", value)
        assert str(error.value) == (
            "`s` must be (index, count), integers with 0 <= index < count. "
            f"Received: s={value!r}"
        )


class TestShown:
    def test_an_array_is_one_short_line(self):
        with pytest.raises(ValueError) as error:
            check_integer("a", np.arange(600).reshape(300, 2), "[0, 9]")
        text = str(error.value)
        assert text.startswith("`a` must be an integer in [0, 9]. Received: a=array([[")
        assert text.endswith("[598, 599]])") and "\n" not in text
        assert len(text) < 300

    def test_a_short_value_is_whole(self):
        assert shown("a b") == "'a b'"
        assert shown([0.5] * 40) == repr([0.5] * 40)
