"""Where a model errs, and what may be wrong with the data."""
