"""What a search is for: objectives to balance, and constraints to meet."""

import math

import keras_tuner
import numpy as np
from keras_tuner import errors
from keras_tuner.engine.metrics_tracking import infer_metric_direction

from kdl.tuning.goals.constraints import Constraint, check_constraints, feasible
from kdl.tuning.goals.costs import COSTS


class Goal(keras_tuner.Objective):
    """Objectives to balance, and constraints to meet.

    KerasTuner knows one objective, and adds several up to one. To it, a goal is its
    leading objective: the first that training changes, that is none of `COSTS`.

    Args:
        objectives: List of `keras_tuner.Objective`, of different names.
        constraints: List of `Constraint`.

    Attributes:
        leading: Integer. Index of the leading objective; 0 if there are only costs.
        by_epoch: Optional `keras_tuner.Objective`, by which the best epoch of a trial
            counts: the leading objective, else the metric of a constraint that training
            changes. With `None`, it is the last epoch.
    """

    def __init__(self, objectives, constraints=()):
        self.objectives, self.constraints = list(objectives), list(constraints)
        learned = [o for o in self.objectives if o.name not in COSTS]
        self.leading = self.objectives.index(learned[0]) if learned else 0
        learned += [
            keras_tuner.Objective(c.name, c.direction)
            for c in self.constraints
            if c.name not in COSTS
        ]
        self.by_epoch = learned[0] if learned else None
        first = self.objectives[self.leading]
        super().__init__(first.name, first.direction)

    @property
    def names(self):
        """List of strings. Metrics of the objectives, then those of constraints."""
        parts = [*self.objectives, *self.constraints]
        return list(dict.fromkeys(part.name for part in parts))

    @property
    def names_of_objectives(self):
        """List of strings. Metrics of the objectives."""
        return [objective.name for objective in self.objectives]

    @property
    def costs(self):
        """List of strings. Those of `COSTS` that it names."""
        return [name for name in self.names if name in COSTS]

    @property
    def is_plain(self):
        """Boolean. Whether it is one objective without constraints."""
        return len(self.objectives) == 1 and not self.constraints

    def losses(self, metrics):
        """Returns the objectives as an array, less being better.

        Args:
            metrics: Dict of floats. Where it lacks one, the loss is NaN.
        """
        return np.array(
            [
                (-1.0 if objective.direction == "max" else 1.0)
                * metrics.get(objective.name, math.nan)
                for objective in self.objectives
            ]
        )

    def is_met(self, metrics):
        """Whether the metrics of a trial, a dict of floats, meet all constraints."""
        return feasible(self.constraints, metrics)

    def check_reported(self, metrics):
        """Refuses what a trial has reported, a dict, if it lacks a metric.

        Raises:
            keras_tuner.errors.FatalValueError: Which ends the search.
        """
        for part in (*self.objectives, *self.constraints):
            if part.name not in metrics:
                what = (
                    f"The constraint is {part}"
                    if isinstance(part, Constraint)
                    else f"The objective is {part.name!r}"
                )
                raise errors.FatalValueError(
                    f"{what}, which the trial did not report. It reported: "
                    f"{', '.join(sorted(metrics)) or 'nothing'}."
                )

    def get_config(self):
        """Returns plain values, from which `from_config` makes a goal."""
        return {
            "objectives": [[part.name, part.direction] for part in self.objectives],
            "constraints": [str(constraint) for constraint in self.constraints],
        }

    @classmethod
    def from_config(cls, config):
        """Returns the goal that `get_config` describes.

        Raises:
            ValueError: If it describes none.
        """
        objectives = [keras_tuner.Objective(*part) for part in config["objectives"]]
        constraints = check_constraints("A constraint", config["constraints"])
        if not objectives or any(
            not isinstance(o.name, str) or o.direction not in ("min", "max")
            for o in objectives
        ):
            raise ValueError("It has no objective.")
        return cls(objectives, constraints)

    def __str__(self):
        parts = [f"{part.name}:{part.direction}" for part in self.objectives]
        return ", ".join([*parts, *map(str, self.constraints)])


def goal_of(objective):
    """Returns the `Goal` that an objective of KerasTuner is, as it is if it is one."""
    return objective if isinstance(objective, Goal) else Goal([objective])


def make_goal(objective, constraints=None):
    """Returns what KerasTuner takes for the objective of a search.

    Args:
        objective: String, `keras_tuner.Objective`, list of such, or `None`.
        constraints: Optional list of strings or of `Constraint`.

    Returns:
        `Goal`; for one objective without constraints what was given, of a cost an
        `Objective`.

    Raises:
        ValueError: If objectives contradict or repeat each other, if the direction of
            one is not known, or if the constraints are none or exclude each other.
    """
    if not (
        isinstance(constraints, list | tuple)
        and all(isinstance(part, Constraint) for part in constraints)
    ):
        constraints = check_constraints("`constraints`", constraints)
    parts = objective if isinstance(objective, list) else [objective]
    if objective is None:
        if constraints:
            raise ValueError(
                "`constraints` need an `objective`. Received: objective=None"
            )
        return None
    if len(parts) == 1 and not constraints:
        (part,) = parts
        # KerasTuner says itself what it does not know.
        is_cost = isinstance(part, str) and part in COSTS
        return _directed(part) if is_cost else part
    objectives = [_directed(part) for part in parts]
    for number, one in enumerate(objectives):
        for other in objectives[:number]:
            if one.name == other.name:
                same = one.direction == other.direction
                what = "is there twice" if same else "is to be both min and max"
                raise ValueError(
                    f"Objectives must be of different metrics. Received: {one.name!r} "
                    f"{what}"
                )
    return Goal(objectives, constraints)


def _directed(part):
    if isinstance(part, keras_tuner.Objective):
        return part
    direction = "min" if part in COSTS else infer_metric_direction(part)
    if direction is None:
        raise ValueError(
            f"Say whether lower or higher {part!r} is better: "
            f"keras_tuner.Objective({part!r}, 'min') or 'max'."
        )
    return keras_tuner.Objective(part, direction)
