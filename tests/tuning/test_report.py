import pytest

from kdl.tuning.report import packed, unpacked

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("has_ended", [False, True])
def test_is_read_as_it_was_made(has_ended):
    metrics = packed({"loss": 0.5}, 2, has_ended)
    assert all(isinstance(value, float) for value in metrics.values())
    assert unpacked(metrics) == ({"loss": 0.5}, 2, has_ended)


def test_of_somebody_else_has_no_execution():
    assert unpacked({"loss": 1}) == ({"loss": 1.0}, None, False)
