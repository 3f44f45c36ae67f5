"""Argument checks, kept in one place so that every error reads alike."""

import numbers

import keras


def check_number(name, value, interval):
    """Returns `value` as a float, provided it is a number in `interval`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        interval: String. Interval notation, such as `"[0, 1)"` or `"(0, inf)"`.

    Returns:
        A Python float, which any config can hold.

    Raises:
        ValueError: If `value` is not a real number in `interval`.
    """
    if not isinstance(value, numbers.Real) or not _within(value, interval):
        raise ValueError(
            f"`{name}` must be a number in {interval}. Received: {name}={value!r}"
        )
    return float(value)


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
    if not isinstance(value, numbers.Real) or not _within(value, interval):
        raise ValueError(
            f"`{name}` must be a number in {interval} or a LearningRateSchedule. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def check_integer(name, value, interval):
    """Returns `value` as an int, provided it is an integer in `interval`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument. NumPy's integers count, `2.0` does not.
        interval: String. Interval notation, such as `"[1, inf)"`.

    Returns:
        A Python int, which any config can hold.

    Raises:
        ValueError: If `value` is not an integer in `interval`.
    """
    if not isinstance(value, numbers.Integral) or not _within(value, interval):
        raise ValueError(
            f"`{name}` must be an integer in {interval}. Received: {name}={value!r}"
        )
    return int(value)


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
    return None if value is None else check_integer(name, value, "(-inf, inf)")


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


def check_boolean(name, value):
    """Returns `value`, provided it is `True` or `False`.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else.
    """
    return check_choice(name, value, (True, False))


def check_choice(name, value, choices):
    """Returns `value`, provided it is one of `choices` and of the same type.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        choices: Sequence of the values allowed.

    Raises:
        ValueError: If `value` is not among `choices`.
    """
    for choice in choices:
        # By type as well, since `1 == True`.
        if type(value) is type(choice) and value == choice:
            return value
    allowed = ", ".join(map(repr, choices))
    raise ValueError(f"`{name}` must be one of {allowed}. Received: {name}={value!r}")


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
