"""What several tests of the command line begin with."""

import keras
import pytest
from tiny import add


@pytest.fixture
def tiny_folder(tmp_path, monkeypatch):
    """An empty folder to work in, where the command line knows the recipe `tiny`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setenv("COLUMNS", "200")
    add(monkeypatch)
    return tmp_path
