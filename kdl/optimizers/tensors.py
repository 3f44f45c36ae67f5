"""Arithmetic on lists of tensors, in few calls where each call is dear.

Where PyTorch runs operations one by one, those of `keras.ops` cost several times what
its own cost, and that for each variable in each step.
"""

import contextlib

import keras
from keras import ops

match keras.backend.backend():
    case "torch":

        def untaped():
            """A context in which no gradients are taken, as within `fit`."""
            import torch

            return torch.no_grad()

        def read(variables):
            """The values of variables, to be used before the next assignment."""
            return [v.value for v in variables]

        def snapshot(variables):
            """The values of variables, which assignments leave as they are."""
            return [v.value.clone() for v in variables]

        def assign(variables, values):
            """Sets variables."""
            import torch

            if variables:
                with untaped():
                    torch._foreach_copy_(read(variables), values)

        def subtract(tensors, others):
            """Differences, which may take the place of `tensors`."""
            import torch

            torch._foreach_sub_(tensors, others)
            return tensors

        def norms(tensors):
            """Euclidean norms, as one float32 vector."""
            import torch

            return torch.stack(torch._foreach_norm(tensors, dtype=torch.float32))

        def where(conditions, tensors, others):
            """A tensor where its condition, a scalar, is true, otherwise the other."""
            import torch

            return list(map(torch.where, conditions, tensors, others))

        def lerp(starts, ends, weights):
            """`start + weight * (end - start)`, which is exactly `end` at 1."""
            import torch

            return [
                torch.lerp(start, end, w if isinstance(w, float) else w.to(start))
                for start, end, w in zip(starts, ends, weights, strict=True)
            ]

    case _:
        untaped = contextlib.nullcontext

        def read(variables):
            return [ops.convert_to_tensor(v) for v in variables]

        def snapshot(variables):
            # On TensorFlow, `convert_to_tensor` alone returns the variable.
            return [ops.copy(ops.convert_to_tensor(v)) for v in variables]

        def assign(variables, values):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

        def subtract(tensors, others):
            return list(map(ops.subtract, tensors, others))

        def norms(tensors):
            flat = (ops.cast(ops.reshape(x, (-1,)), "float32") for x in tensors)
            return ops.stack([ops.norm(x) for x in flat])

        def where(conditions, tensors, others):
            return list(map(ops.where, conditions, tensors, others))

        def lerp(starts, ends, weights):
            return list(map(_lerp, starts, ends, weights))

        def _lerp(start, end, weight):
            difference, weight = end - start, ops.cast(weight, end.dtype)
            # As PyTorch has it.
            near = start + weight * difference
            return ops.where(weight < 0.5, near, end - (1 - weight) * difference)
