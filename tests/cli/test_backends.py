import importlib.util
import json
import os

import pytest

from kdl_cli.backends import choose

pytestmark = pytest.mark.one_backend


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets what is installed, and what `keras.json` and the environment say."""

    def set_up(*installed, keras_json=None, environment=None):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: name in installed or None
        )
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setenv("KERAS_BACKEND", environment or "")
        if keras_json:
            (tmp_path / "keras.json").write_text(json.dumps({"backend": keras_json}))

    return set_up


class TestChoose:
    def test_option_goes_before_environment_before_keras_json(self, machine):
        machine("jax", "torch", "tensorflow", keras_json="jax", environment="torch")
        assert choose("tensorflow") == ("tensorflow", None)
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
        machine("jax", "torch", "tensorflow", keras_json="jax", environment="torch")
        assert choose() == ("torch", None)
        machine("jax", "torch", "tensorflow", keras_json="jax")
        assert choose() == ("jax", "as keras.json says")
        assert os.environ["KERAS_BACKEND"] == "jax"

    def test_else_takes_an_installed_one_and_says_so(self, machine):
        machine("torch")
        assert choose() == ("torch", "the one installed")
        machine("torch", "jax")
        assert choose() == ("jax", "also installed: torch")

    def test_keras_s_own_default_is_no_choice_where_it_is_not_installed(self, machine):
        machine("torch", keras_json="tensorflow")
        assert choose()[0] == "torch"

    def test_choice_is_the_same_once_keras_has_written_its_file(self, machine):
        machine("jax", "tensorflow", "torch")
        before = choose()[0]
        machine("jax", "tensorflow", "torch", keras_json="tensorflow")
        assert choose()[0] == before

    def test_unreadable_keras_json_is_none(self, machine, tmp_path):
        machine("jax")
        (tmp_path / "keras.json").write_text("{")
        assert choose()[0] == "jax"

    def test_says_what_to_install(self, machine):
        machine()
        with pytest.raises(ImportError) as error:
            choose()
        assert str(error.value) == (
            "Keras needs a backend, and none is installed. Install one of them with: "
            "pip install 'keras-kdl[jax]', 'keras-kdl[torch]' or "
            "'keras-kdl[tensorflow]'"
        )
        machine("torch")
        with pytest.raises(ImportError) as error:
            choose("jax")
        assert str(error.value) == (
            "--backend asks for jax, which is not installed. Install it with: "
            "pip install 'keras-kdl[jax]'. Installed: torch"
        )

    def test_refuses_unknown_names(self, machine):
        machine("jax", environment="numpy")
        with pytest.raises(ValueError) as error:
            choose()
        assert str(error.value) == (
            "`KERAS_BACKEND` must be one of 'tensorflow', 'jax', 'torch'. "
            "Received: 'numpy'"
        )
