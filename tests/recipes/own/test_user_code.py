"""Whose error it is."""

import sys

import pytest
from own_recipes import forget

from kdl.recipes.own.user_code import UserError, import_file, own_lines, told

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    forget(monkeypatch)
    return tmp_path


def test_an_error_of_others_is_left_as_it_is():
    with pytest.raises(ZeroDivisionError), told("It failed:"):
        1 / 0  # noqa: B018
    assert own_lines(ValueError("no")) is None


def test_a_file_is_imported_once_with_its_folder_on_the_path(folder):
    (folder / "count.py").write_text("import helper_of_count\nn = [0]\n")
    (folder / "helper_of_count.py").write_text("")
    module, digest = import_file(folder / "count.py")
    module.n[0] += 1
    again, same = import_file(folder / "count.py")
    assert again.n == [1] and digest == same
    assert sys.modules["count"] is module and str(folder) in sys.path


def test_a_file_that_exits_or_fails_is_not_kept(folder):
    (folder / "exits.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match=r"^exits\.py cannot be imported:\n"):
        import_file(folder / "exits.py")
    assert "exits" not in sys.modules
