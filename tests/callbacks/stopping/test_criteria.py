from itertools import pairwise

import numpy as np
import pytest
from contracts import Contract

from kdl.callbacks import (
    GeneralizationLoss,
    Patience,
    ProgressQuotient,
    SuccessiveRises,
)
from kdl.callbacks.monitoring import MonitoredMetric


def stop(criterion, validation, training=None):
    """Epoch after which a criterion stops, from zero, or zero, and why."""
    training = validation if training is None else training
    metric = MonitoredMetric("val_loss", "min", 0, 0.0)
    judge = criterion.begin("val_loss")
    for epoch, (value, loss) in enumerate(zip(validation, training, strict=True)):
        metric.update(epoch, value)
        judge.judge(metric, epoch, {"loss": loss, "val_loss": value})
        if judge.verdict is not None:
            return epoch, judge.verdict
    return 0, None


def curves(seed):
    """Losses of 40 epochs, which go up and down, of validation and training."""
    steps = np.random.default_rng(seed).normal(0, 0.1, size=(2, 40))
    return np.exp(np.cumsum(steps, axis=1))


class CriterionContract(Contract):
    """Promises of a criterion.

    Attributes:
        others: Several of the kind.
    """

    others = []

    def reference(self, criterion, validation, training):
        """Epoch after which it stops, from zero, by the paper; zero for never."""
        raise NotImplementedError

    def test_is_the_paper_s_on_any_curve(self):
        stopped = []
        for seed in range(60):
            validation, training = curves(seed)
            criterion = self.others[seed % len(self.others)]
            found, _ = stop(criterion, validation, training)
            assert found == self.reference(criterion, validation, training)
            stopped.append(found)
        assert len(set(stopped)) > 8

    def test_begins_anew_for_each_metric(self):
        criterion = self.make()
        assert stop(criterion, *curves(1)) == stop(criterion, *curves(1))
        assert repr(criterion) == repr(self.make())

    def test_shows_its_arguments(self):
        criterion = self.make()
        told = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        assert repr(criterion) == f"{type(criterion).__name__}({told})"


class TestPatience(CriterionContract):
    component = Patience
    arguments = {"patience": 2}
    refused = [
        (
            {"patience": -1},
            "`patience` must be an integer in [0, inf). Received: patience=-1",
        ),
    ]
    others = [Patience(patience) for patience in range(4)]

    def reference(self, criterion, validation, training):
        wait = 0
        for epoch, value in enumerate(validation):
            wait += 1
            if epoch == 0 or value < validation[:epoch].min():
                wait = 0
            elif wait >= criterion.patience:
                return epoch
        return 0


class TestGeneralizationLoss(CriterionContract):
    component = GeneralizationLoss
    arguments = {"alpha": 10.0}
    refused = [
        ({"alpha": 0}, "`alpha` must be a number in (0, inf). Received: alpha=0"),
    ]
    others = [GeneralizationLoss(alpha) for alpha in (5, 15, 30)]

    def reference(self, criterion, validation, training):
        for epoch, value in enumerate(validation):
            if 100 * (value / validation[: epoch + 1].min() - 1) > criterion.alpha:
                return epoch
        return 0

    def test_stops_above_its_percentage(self):
        # 100 (2.2 / 2 - 1) = 10 in epoch 4.
        assert stop(GeneralizationLoss(9.9), [4.0, 2.0, 2.1, 2.2])[0] == 3
        assert stop(GeneralizationLoss(10.1), [4.0, 2.0, 2.1, 2.2])[0] == 0

    def test_takes_errors_of_zero_and_refuses_negative_ones(self):
        assert stop(GeneralizationLoss(), [1.0, 0.0, 0.0, 0.1])[0] == 3
        with pytest.raises(ValueError) as error:
            stop(GeneralizationLoss(), [-1.0])
        assert str(error.value) == (
            "The metric 'val_loss' is -1, but Prechelt's criteria need errors, which "
            "are never negative. Monitor another one, or use `Patience`."
        )


class TestProgressQuotient(CriterionContract):
    component = ProgressQuotient
    arguments = {"alpha": 0.5, "strip_length": 3, "training_loss": "error"}
    refused = [
        ({"alpha": -1}, "`alpha` must be a number in (0, inf). Received: alpha=-1"),
        (
            {"strip_length": 0},
            "`strip_length` must be an integer in [1, inf). Received: strip_length=0",
        ),
        (
            {"training_loss": "val_loss"},
            "`training_loss` must be the name of a metric of the training, without "
            "'val_'. Received: training_loss='val_loss'",
        ),
    ]
    others = [ProgressQuotient(0.3, length) for length in range(1, 6)]

    def reference(self, criterion, validation, training):
        k = criterion.strip_length
        for t in range(k, len(validation) + 1, k):
            loss = 100 * (validation[t - 1] / validation[:t].min() - 1)
            strip = training[t - k : t]
            # A strip of one epoch makes no progress at all.
            if loss > criterion.alpha * 1000 * (strip.mean() / strip.min() - 1):
                return t - 1
        return 0

    def test_begins_anew_for_each_metric(self):
        criterion = ProgressQuotient()
        assert stop(criterion, *curves(1)) == stop(criterion, *curves(1))

    def test_stops_above_its_quotient(self):
        validation, training = [4.0, 2.0, 2.1, 2.2], [2.0, 1.0, 1.2, 1.0]
        # 100 (2.2 / 2 - 1) = 10 in epoch 4; 1000 (1.1 / 1 - 1) = 100 in its strip.
        for alpha, epoch in ((0.099, 3), (0.101, 0)):
            criterion = ProgressQuotient(alpha, 2)
            assert stop(criterion, validation, training)[0] == epoch

    def test_takes_errors_of_zero(self):
        criterion = ProgressQuotient(strip_length=2)
        found, _ = stop(criterion, [1.0, 0.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0])
        assert found == 3


class TestSuccessiveRises(CriterionContract):
    component = SuccessiveRises
    arguments = {"strips": 2, "strip_length": 2}
    refused = [
        (
            {"strips": 0},
            "`strips` must be an integer in [1, inf). Received: strips=0",
        ),
        (
            {"strip_length": 0},
            "`strip_length` must be an integer in [1, inf). Received: strip_length=0",
        ),
    ]
    others = [SuccessiveRises(s, k) for s in (1, 2, 3) for k in (1, 2, 3, 4)]

    def reference(self, criterion, validation, training):
        s, k = criterion.strips, criterion.strip_length
        # E(0), before the first epoch, is not known.
        ends = list(range(k, len(validation) + 1, k))
        rises = [validation[b - 1] > validation[a - 1] for a, b in pairwise(ends)]
        for n in range(s, len(rises) + 1):
            if all(rises[n - s : n]):
                return ends[n] - 1
        return 0

    def test_says_how_often_it_rose(self):
        # 1, 2 and 3 at the ends of strips rise twice.
        assert stop(SuccessiveRises(2, 2), [9, 1, 0, 2, 4, 3, 9, 9]) == (
            5,
            "val_loss has risen in 2 successive strips of 2 epochs",
        )
