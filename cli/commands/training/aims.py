"""What a search is for: objectives and constraints from the options."""

import dataclasses

import keras_tuner
from keras_tuner.engine.metrics_tracking import infer_metric_direction

from kdl.tuning.goals.constraints import check_constraints
from kdl.tuning.goals.costs import COSTS
from kdl.tuning.goals.goal import goal_of, make_goal
from kdl.tuning.store.records import SearchRecord
from kdl_cli.folder import metrics


def given(options):
    """Returns the objectives of some options, a list of `keras_tuner.Objective`.

    Raises:
        ValueError: If the direction of one is not known.
    """

    def guess(name):
        return "min" if name in COSTS else infer_metric_direction(name)

    return [
        keras_tuner.Objective(*metrics.directed("--objective", text, guess))
        for text in options.objective or ()
    ]


def with_one(options, objectives):
    """Returns options whose objective is a string: that of a recipe's early stopping.

    It is the first that training changes; without one, `None`.

    Args:
        options: `SearchOptions`.
        objectives: List of `keras_tuner.Objective`, as `given` returns them.
    """
    texts = zip(options.objective or (), objectives, strict=True)
    learned = (text for text, part in texts if part.name not in COSTS)
    return dataclasses.replace(options, objective=next(learned, None))


def goal(options, objectives, recipe):
    """Returns the `Goal` of a search.

    Args:
        options: `SearchOptions`.
        objectives: List of `keras_tuner.Objective`, as `given` returns them.
        recipe: `kdl.recipes.Recipe`, whose objective takes the place of none.

    Raises:
        ValueError: If they contradict each other, or options go by one objective alone.
    """
    constraints = check_constraints("--constraint", options.constraint)
    found = goal_of(make_goal(objectives or [recipe.objective], constraints))
    if options.prune and len(found.objectives) > 1:
        raise ValueError(
            "--prune goes by one objective: what is worse in that may be better in "
            "another. Leave it out, or all but one --objective."
        )
    for name in ("nested", "ensemble"):
        if getattr(options, name) and not found.is_plain:
            raise ValueError(
                f"--{name} goes by one objective. Leave it out, or --constraint and "
                "all but one --objective."
            )
    if options.pick is not None:
        check_pick(found, options.pick)
    return found


def check_pick(goal, how):
    """Raises a `ValueError` unless `how` chooses from the front of a goal."""
    if len(goal.objectives) < 2:
        raise ValueError(
            "--pick chooses from the front of several objectives, and there is one: "
            f"{goal.name}."
        )
    with_pick(SearchRecord(None, goal.name, goal.direction, [], [], goal), how)


def with_pick(search, how):
    """Returns `search.pick(how)`; errors name the option.

    Args:
        search: `kdl.tuning.SearchRecord`.
        how: Optional string.

    Raises:
        ValueError: If it is no way to pick, or if no trial on the front meets it.
    """
    try:
        return search.pick(how)
    except ValueError as error:
        raise ValueError(str(error).replace("`pick`", "--pick")) from None


def settings(goal, options):
    """Returns what `settings.json` says of a goal beyond its leading objective."""
    found = {}
    if len(goal.objectives) > 1 or goal.costs:
        found["objectives"] = [f"{o.name}:{o.direction}" for o in goal.objectives]
    if goal.constraints:
        found["constraints"] = [str(constraint) for constraint in goal.constraints]
    if options.pick is not None:
        found["pick"] = options.pick
    return found
