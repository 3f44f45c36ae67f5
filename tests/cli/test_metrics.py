import math

import pytest

from kdl_cli.folder.metrics import bounds

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            [
                *("accuracy", "val_accuracy", "test_sparse_categorical_accuracy"),
                *("exact_match", "f1_score", "f1_score/2", "precision_1", "auc", "iou"),
            ],
            (0.0, 1.0),
        ),
        (
            [
                *("val_crossentropy", "test_binary_crossentropy", "token_error_rate"),
                *("root_mean_squared_error", "mean_absolute_error", "bits_per_token"),
            ],
            (0.0, math.inf),
        ),
        (["perplexity"], (1.0, math.inf)),
        # What may be anything, though its values so far need not show it.
        (["loss", "val_loss", "error", "previous", "bleu"], (-math.inf, math.inf)),
    ],
)
def test_bounds_go_by_the_name_alone(names, expected):
    assert [bounds(name) for name in names] == [expected] * len(names)
