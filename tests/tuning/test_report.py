import pytest

from kdl.tuning.report import END, EPOCH, INFEASIBLE, packed, unpacked

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("event", [EPOCH, END, INFEASIBLE])
def test_is_read_as_it_was_made(event):
    metrics = packed({"loss": 0.5}, 2, event)
    assert all(isinstance(value, float) for value in metrics.values())
    assert unpacked(metrics) == ({"loss": 0.5}, 2, event)


def test_of_somebody_else_has_no_execution():
    assert unpacked({"loss": 1}) == ({"loss": 1.0}, None, EPOCH)
