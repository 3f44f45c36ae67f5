"""What the data of a training are, in some lines."""

_LISTED = 12  # As many classes, or columns, are told one by one.


def data_lines(summary):
    """Yields lines on data.

    Args:
        summary: Dict that `kdl.data.Splits.summary` returned.
    """
    for part, found in summary["parts"].items():
        classes = found["classes"]
        counts = f": {_counted(classes)}" if classes else ""
        yield f"{part:<10} {found['examples']} examples{counts}"
    yield f"{'inputs':<10} {_described(summary['inputs'])}"
    for warning in summary["warnings"]:
        yield f"Warning: {warning}"


def _counted(classes):
    if len(classes) > _LISTED:
        least, most = min(classes.values()), max(classes.values())
        return f"{len(classes)} classes of {least} to {most}"
    return ", ".join(f"{name} {count}" for name, count in classes.items())


def _described(inputs):
    if isinstance(inputs, list):
        return ", ".join(map(_described, inputs))
    if "kind" in inputs and isinstance(inputs["kind"], str):
        values = f" of {inputs['values']} values" if "values" in inputs else ""
        missing = f", {inputs['missing']} missing" if inputs["missing"] else ""
        return f"{inputs['kind']}{values}{missing}"
    if "dtype" in inputs and isinstance(inputs["dtype"], str):
        sides = " x ".join(
            "any" if side is None else str(side) for side in inputs["shape"]
        )
        return f"{sides or 'one'} {inputs['dtype']}"
    parts = [f"{name}: {_described(part)}" for name, part in inputs.items()]
    more = [f"and {len(parts) - _LISTED} more"] if len(parts) > _LISTED else []
    return "; ".join(parts[:_LISTED] + more)
