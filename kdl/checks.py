"""Argument checks, kept in one place so that every error reads alike."""

import numbers

import keras
import numpy as np

# Far above any size or count, and what arrays can be indexed by.
_LARGEST = 2**63 - 1

# Characters of a value that an error shows.
_SHOWN = 200


def shown(value):
    """Returns the `repr` of a value, on one line and cut in the middle if it is long.

    An error shows it of what it received, which may be an array.
    """
    text = " ".join(repr(value).split())
    if len(text) <= _SHOWN:
        return text
    half = _SHOWN // 2
    return f"{text[:half]} ... {text[-half:]}"


def check_number(name, value, interval):
    """Returns `value` as a float, provided it is a number in `interval`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument. NumPy's scalars and arrays of no axes count.
        interval: String. Interval notation, such as `"[0, 1)"` or `"(0, inf)"`.

    Returns:
        A Python float, which any config can hold.

    Raises:
        ValueError: If `value` is not a real number in `interval`.
    """
    plain = _plain(value)
    if not _is_number(plain) or not _within(plain, interval):
        raise ValueError(
            f"`{name}` must be a number in {interval}. Received: {name}={shown(value)}"
        )
    return float(plain)


def check_number_or_schedule(name, value, interval):
    """Returns `value` as a float or a schedule, provided it is a number or a schedule.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument. What `keras.saving.serialize_keras_object` made
            of a schedule counts as that schedule, so that a config can hold it.
        interval: String. Interval notation for a number, such as `"[0, 1)"`. The
            values of a schedule are not known beforehand and not checked.

    Returns:
        A Python float or a `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        ValueError: If `value` is neither a real number in `interval` nor a schedule.
    """
    schedule = value
    if isinstance(value, dict):
        schedule = keras.saving.deserialize_keras_object(value)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return schedule
    plain = _plain(value)
    if not _is_number(plain) or not _within(plain, interval):
        raise ValueError(
            f"`{name}` must be a number in {interval} or a LearningRateSchedule. "
            f"Received: {name}={shown(value)}"
        )
    return float(plain)


def check_integer(name, value, interval):
    """Returns `value` as an int, provided it is an integer in `interval`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument. NumPy's integers, and arrays of one without
            axes, count; `2.0` does not.
        interval: String. Interval notation, such as `"[1, inf)"`.

    Returns:
        A Python int, which any config can hold.

    Raises:
        ValueError: If `value` is not an integer in `interval`, or does not fit into
            64 bits.
    """
    plain = _plain(value)
    if not isinstance(plain, numbers.Integral) or not _within(plain, interval):
        raise ValueError(
            f"`{name}` must be an integer in {interval}. "
            f"Received: {name}={shown(value)}"
        )
    if abs(plain) > _LARGEST:
        raise ValueError(
            f"`{name}` must be an integer in {interval} that fits into 64 bits. "
            f"Received: {name}={shown(value)}"
        )
    return int(plain)


def check_optional(check, name, value, *options):
    """Returns `value`, provided it is `None` or passes a check.

    Args:
        check: Function of a name, a value and options, such as `check_integer`.
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        *options: Further arguments of `check`.

    Raises:
        ValueError: If `value` is not `None`, and the check raises it.
    """
    return None if value is None else check(name, value, *options)


def check_seed(name, value):
    """Returns `value` as an int or `None`, provided Keras takes it for a seed.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: `None`, or an integer of 32 bits.

    Raises:
        ValueError: If `value` is anything else.
    """
    return check_optional(check_integer, name, value, "[0, 4294967295]")


def check_seed_or_generator(name, value):
    """Returns what Keras's initializers take for a seed, provided it is that.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: as of `check_seed`, or a
            `keras.random.SeedGenerator` or the config of one.

    Raises:
        ValueError: If `value` is anything else.
    """
    if isinstance(value, keras.random.SeedGenerator) or (
        isinstance(value, dict) and value
    ):
        return value
    return check_seed(name, value)


def check_integers(name, value, interval, count):
    """Returns an integer, or a tuple of `count` of them, provided they are in interval.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: an integer, or a list or tuple of so many.
        interval: String. Interval notation, such as `"[1, inf)"`.
        count: Integer. Such as 2 for height and width.

    Raises:
        ValueError: If `value`, or an element of it, is anything else.
    """
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                f"`{name}` must be an integer in {interval}, or {count} of them. "
                f"Received: {name}={shown(value)}"
            )
        return tuple(check_integer(name, part, interval) for part in value)
    return check_integer(name, value, interval)


def check_part(name, value, kind):
    """Returns the function or the object of Keras that `value` stands for.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: an object or a function, its name, its config, or
            `None` for none, of which there is none for an initializer.
        kind: String: `"activation"`, `"constraint"`, `"initializer"` or
            `"regularizer"`.

    Raises:
        ValueError: If Keras has nothing of that kind for `value`.
    """
    value = _plain(value)
    is_optional = kind != "initializer"
    is_known = isinstance(value, (str, dict)) or callable(value)
    if (is_known and value != {}) or (value is None and is_optional):
        try:
            return getattr(keras, f"{kind}s").get(value)
        except (TypeError, ValueError):
            # A config that was not read says itself what is wrong with it.
            if isinstance(value, dict):
                raise
    article = "an" if kind[0] in "aeiou" else "a"
    end = ", its name, or None" if is_optional else " or its name"
    raise ValueError(
        f"`{name}` must be {article} {kind} of Keras{end}. "
        f"Received: {name}={shown(value)}"
    )


def check_axis(name, value):
    """Returns `value` as `None`, an int or a list of ints, provided it names axes.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: `None`, an integer, or a list or tuple of one or
            more.

    Raises:
        ValueError: If `value`, or an element of it, is anything else.
    """
    if isinstance(value, (list, tuple)) and value:
        return [check_integer(name, axis, "(-inf, inf)") for axis in value]
    return check_optional(check_integer, name, value, "(-inf, inf)")


def check_targets(y_true, shape, what):
    """Returns targets of a shape, with or without a last axis of size 1.

    Args:
        y_true: Tensor. Keras adds a last axis to targets, or leaves it.
        shape: Tuple of integers, and of `None` where a size is not known.
        what: String. What the targets are, such as `"integer labels"`.

    Raises:
        ValueError: If `y_true` has another shape.
    """
    actual, shape = tuple(y_true.shape), tuple(shape)
    if _alike(actual, shape):
        return y_true
    if actual[-1:] == (1,) and _alike(actual[:-1], shape):
        return keras.ops.squeeze(y_true, -1)
    if shape[-1:] == (1,) and _alike(actual, shape[:-1]):
        return keras.ops.expand_dims(y_true, -1)
    raise ValueError(
        f"`y_true` must be {what} of shape {shape}. Received: shape={actual}"
    )


def are_shares(y_true, y_pred, axis=-1):
    """Whether targets are shares of two or more classes, rather than labels.

    Args:
        y_true: Tensor or array of targets.
        y_pred: Tensor or array of scores.
        axis: Integer. Axis of the classes. Defaults to `-1`.
    """
    true, scores = np.shape(y_true), np.shape(y_pred)
    return len(true) == len(scores) and true[axis] == scores[axis] != 1


def check_boolean(name, value):
    """Returns `value`, provided it is `True` or `False`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else.
    """
    return check_choice(name, value, (True, False))


def check_name(name, value):
    """Returns `value` as a string or `None`, provided it is one of these.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else, or empty.
    """
    if value is not None and not (isinstance(value, str) and value):
        raise ValueError(
            f"`{name}` must be a string, or None. Received: {name}={shown(value)}"
        )
    return value and str(value)


def check_dtype(name, value):
    """Returns what Keras takes for a dtype: its name, a policy, a config, or `None`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is none of these.
    """
    value = _plain(value)
    kinds = (str, dict, keras.DTypePolicy)
    if value is not None and not (isinstance(value, kinds) and value):
        raise ValueError(
            f"`{name}` must be a dtype, such as 'float32', or None. "
            f"Received: {name}={shown(value)}"
        )
    try:
        keras.dtype_policies.get(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be a dtype. {error}") from None
    return value


def check_choice(name, value, choices):
    """Returns `value`, provided it is one of `choices` and of the same type.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        choices: Sequence of the values allowed.

    Raises:
        ValueError: If `value` is not among `choices`.
    """
    plain = _plain(value)
    for choice in choices:
        # By type as well, since `1 == True`.
        if type(plain) is type(choice) and plain == choice:
            return plain
    allowed = ", ".join(map(repr, choices))
    one_of = "one of " if len(choices) > 1 else ""
    raise ValueError(
        f"`{name}` must be {one_of}{allowed}. Received: {name}={shown(value)}"
    )


def check_exclusive(**options):
    """Refuses more than one of some options.

    Args:
        **options: Values of arguments by name. `None` and `False` are not given.

    Raises:
        ValueError: If two or more are given.
    """
    given = {
        name: value
        for name, value in options.items()
        if value is not None and value is not False
    }
    if len(given) > 1:
        *first, last = (f"`{name}`" for name in options)
        received = ", ".join(f"{n}={shown(v)}" for n, v in given.items())
        raise ValueError(
            f"{', '.join(first)} and {last} exclude each other. Received: {received}"
        )


def check_weights(name, value, count):
    """Returns `value` as a float array, provided it holds a weight for each example.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        count: Integer. Number of examples.

    Raises:
        ValueError: If `value` is not that many finite numbers in `[0, inf)`, or if all
            are 0.
    """
    allowed = f"`{name}` must be {count} numbers in [0, inf), not all 0. Received: "
    try:
        weights = np.asarray(value, "float64")
    except (TypeError, ValueError):
        raise ValueError(f"{allowed}{name}={shown(value)}") from None
    if weights.ndim == 0:
        raise ValueError(f"{allowed}{name}={shown(value)}")
    if weights.shape != (count,):
        raise ValueError(f"{allowed}an array of shape {weights.shape}")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(f"{allowed}{name}[{first}]={float(weights[first])}")
    if not weights.any():
        raise ValueError(f"{allowed}nothing but 0")
    return weights


def check_shard(name, value):
    """Returns `value` as a tuple, provided it tells a process and how many there are.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: a tuple or list `(index, count)`.

    Raises:
        ValueError: If `value` is anything else, or `index` is not in `[0, count)`.
    """
    if isinstance(value, (list, tuple)) and len(value) == 2:
        index, count = map(_plain, value)
        if all(type(part) is int for part in (index, count)) and 0 <= index < count:
            return index, count
    raise ValueError(
        f"`{name}` must be (index, count), integers with 0 <= index < count. "
        f"Received: {name}={shown(value)}"
    )


def _plain(value):
    """The Python value of a NumPy scalar, or of an array without axes."""
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        return value.item()
    return value


def _is_number(value):
    """Whether a value is a number that a float can hold."""
    if not isinstance(value, numbers.Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _within(value, interval):
    low, high = map(float, interval[1:-1].split(","))
    return (
        not isinstance(value, bool)
        and low <= value <= high
        and not (interval[0] == "(" and value == low)
        and not (interval[-1] == ")" and value == high)
    )


def _alike(shape, other):
    """Whether two shapes may be the same, as far as they are known."""
    return len(shape) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(shape, other, strict=True)
    )
