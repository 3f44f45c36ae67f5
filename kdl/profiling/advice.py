"""What to do about a profile, in three sentences."""

_MUCH = 0.1  # Share of a step that is worth saving.
_LONG = 10  # Steps that the first may take before it is worth a word.
_FASTER = 1.1  # What counts as faster, as steps vary.


def advice(profile):
    """Returns three sentences on a `kdl.profiling.Profile`, each with its number."""
    return [_of_parts(profile), _of_layers(profile), _of_batch_size(profile)]


def _of_parts(profile):
    parts = {name: profile.shares[name] for name in _WAYS}
    name = max(parts, key=parts.get)
    what, way = _WAYS[name]
    if parts[name] >= _MUCH:
        return f"{what} {_percent(parts[name])} of a step: {way}."
    waits = sum(profile.shares[name] for name in ("data", "transfer"))
    return (
        f"Batches and their transfer take {_percent(waits)} of a step: there is little "
        "to gain outside of the model."
    )


# What a part of a step is, and what helps.
_WAYS = {
    "data": (
        "The batches take",
        "make them cheaper, by less augmentation or smaller files, or ahead, by "
        "`workers` of a `keras.utils.PyDataset`",
    ),
    "transfer": (
        "The transfer to the device takes",
        "give the model fewer or smaller numbers, such as uint8 that it scales itself",
    ),
    "callbacks": (
        "The callbacks take",
        "give up those that act after each batch, or let them act after some only",
    ),
    "other": (
        "What Keras does around the steps takes",
        "larger batches have fewer of them",
    ),
}


def _of_layers(profile):
    counted = [row for row in profile.layers if row["flops"]]
    if not counted:
        return f"FLOPs are counted of none of the {profile.parameters:,} parameters."
    row = max(counted, key=lambda row: row["flops"])
    share = _percent(row["flops"] / profile.flops)
    return (
        f"{row['layer']}, of the kind {row['kind']}, has {share} of the FLOPs: to make "
        "the model cheaper, begin there."
    )


def _of_batch_size(profile):
    size = profile.batch_size
    fitting = {n: one for n, one in profile.batch_sizes.items() if one is not None}
    if len(fitting) < 2 or size not in fitting:
        count = profile.first_step / profile.step
        if count >= _LONG:
            return (
                f"The first step takes as long as {count:.0f} others, since it "
                "compiles the model: a short fit is mostly that."
            )
        rate = f"{profile.examples_per_second:.0f}"
        return (
            f"In batches of {size} it trains {rate} examples per second: try whether "
            "it trains more in larger ones."
        )
    best = max(fitting, key=lambda n: fitting[n]["examples_per_second"])
    now = fitting[size]["examples_per_second"]
    times = fitting[best]["examples_per_second"] / now
    if best == size or times < _FASTER:
        return (
            f"Of the batch sizes that were tried, {size} is as fast as any, with "
            f"{now:.0f} examples per second."
        )
    return (
        f"Batches of {best} train {times:.1f} times the examples per second of batches "
        f"of {size}: if you take them, search the learning rate anew."
    )


def _percent(share):
    return f"{100 * share:.0f} %"
