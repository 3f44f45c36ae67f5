"""Training on several devices."""

from kdl.parallel.data_parallel import DataParallel

__all__ = ["DataParallel"]
