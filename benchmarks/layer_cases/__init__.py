"""Each layer of kdl, and what it stands beside."""

from layer_cases import blocks, dropping, others, pooling, sequences

CASES = [
    *blocks.CASES,
    *dropping.CASES,
    *others.CASES,
    *pooling.CASES,
    *sequences.CASES,
]
# In the order of docs/benchmarks/layers.md: a layer, and then the kinds of it.
CASES.sort(key=lambda case: case.name.partition(",")[0])
