import pytest

from kdl.files import WriteError
from kdl.tuning.store.folder import SearchFolder

pytestmark = pytest.mark.one_backend


def test_is_held_by_one_alone(tmp_path):
    ours, theirs = SearchFolder(), SearchFolder()
    with ours.held(tmp_path):
        assert ours.is_held
        with pytest.raises(ValueError) as error, theirs.held(tmp_path):
            pass
        assert not theirs.is_held
    assert str(error.value) == f"Another process is searching in {tmp_path}."
    assert not ours.is_held
    with theirs.held(tmp_path):
        assert theirs.is_held


def test_that_was_replaced_is_noticed_while_it_is_held(tmp_path):
    path, folder = tmp_path / "search", SearchFolder()
    path.mkdir()
    with folder.held(path):
        folder.check(path)
        path.rename(tmp_path / "moved")
        for _ in range(2):
            with pytest.raises(WriteError) as error:
                folder.check(path)
            assert str(error.value) == (
                f"The folder {path} of the search is gone: it was deleted or replaced "
                "while the search ran."
            )
            path.mkdir(exist_ok=True)
    folder.check(path)


def test_knows_the_file_that_it_has_seen_last(tmp_path):
    file, folder = tmp_path / "oracle.json", SearchFolder()
    # It has seen none, and there is none.
    assert folder.is_known(file)
    file.write_text("{}")
    assert not folder.is_known(file)
    folder.know(file)
    assert folder.is_known(file)
    folder.forget()
    assert not folder.is_known(file)
    folder.know(file)
    file.rename(tmp_path / "old")
    file.write_text("{}")
    assert not folder.is_known(file)
