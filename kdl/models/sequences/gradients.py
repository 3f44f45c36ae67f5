"""Computations that no gradient passes through."""

import contextlib

import keras


def no_gradient():
    """Returns a context for what no gradient is asked of.

    Elsewhere than on PyTorch, which would note each operation for it, nothing need be
    done: what `stop_gradient` ends, or an integer, is not gone back through.
    """
    match keras.backend.backend():
        case "torch":
            import torch

            return torch.no_grad()
    return contextlib.nullcontext()
