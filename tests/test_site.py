"""The site is built from the repository, and each of its links leads somewhere."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import kdl

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("zensical")
    folder = tmp_path_factory.mktemp("documentation") / "site"
    command = [sys.executable, ROOT / "docs" / "site" / "build.py", "--out", folder]
    environment = os.environ | {"KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def page(site, path):
    return (site / path / "index.html").read_text(encoding="utf-8")


def test_has_a_page_for_each_public_name(site):
    for room in ("layers", "evaluation", "recipes"):
        for name in getattr(kdl, room).__all__:
            assert f"kdl.{room}.{name}" in page(site, f"reference/{room}/{name}")


def test_an_example_of_a_docstring_is_code(site):
    text = page(site, "reference/evaluation/cross_validate")
    assert "&gt;&gt;&gt; " in text and "<blockquote>" not in text


def test_a_recipe_has_its_hyperparameters(site):
    text = page(site, "recipes/images")
    hp = kdl.recipes.hyperparameters(kdl.recipes.Images(), {})
    assert all(f"<code>{name}</code>" in text for name in hp.values)


def test_nothing_is_loaded_from_elsewhere(site):
    for path in ("", "recipes/images", "reference/layers/Dropout"):
        text = page(site, path)
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text
