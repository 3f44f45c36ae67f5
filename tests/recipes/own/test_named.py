"""Recipes by their names."""

import pytest
from own_recipes import forget, write

from kdl.recipes import Arithmetic, Images, Recipe
from kdl.recipes.own.named import built_in, find, on

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forget(monkeypatch)
    write(tmp_path)
    return tmp_path


def test_recipes_of_kdl_have_the_name_of_their_file():
    assert built_in()["arithmetic"] is Arithmetic
    assert Recipe not in built_in().values()
    found = find("images")
    assert (found.name, found.title, found.file) == ("images", "images", None)
    assert found.make("gallery").source == "gallery"


def test_a_file_is_named_with_or_without_its_recipe(folder):
    for name in ("recipe.py", "recipe.py:Mine", str(folder / "recipe.py")):
        found = find(name)
        assert found.name == f"{name.removesuffix(':Mine')}:Mine"
        assert found.title == "mine" and len(found.sha256) == 64
        assert isinstance(found.make(), Recipe)
    assert find("recipe.py").target is find("./recipe.py").target
    assert find("function.py").title == "function_build"
    assert find("hypermodel.py").title == "net"


def test_a_file_has_the_title_that_its_recipe_has_as_a_name(folder):
    text = (folder / "recipe.py").read_text().replace("Mine", "Seq2SeqOfMine")
    (folder / "recipe.py").write_text(text)
    found = find("recipe.py")
    assert found.title == found.make().name == "seq2seq_of_mine"


def test_a_module_is_named_with_its_recipe(folder):
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "recipe.py").rename(folder / "package" / "inner.py")
    found = find("package.inner:Mine")
    assert found.name == "package.inner:Mine"
    assert found.file == folder / "package" / "inner.py"
    assert found.make().default_source == "points"


def test_instances_and_what_begins_with_an_underscore(folder):
    (folder / "some.py").write_text(
        "import kdl\n"
        "class _Base(kdl.recipes.Images): pass\n"
        "def space(hp): pass\n"  # Serves others, where there is a class or instance.
        "mine = kdl.recipes.Images('gallery')\n"
    )
    found = find("some.py")
    assert found.name == "some.py:mine"
    assert found.make().source == "gallery"
    assert found.make("digits").source == "digits"
    assert found.make().source == "gallery"


def test_a_copy_on_other_data_shares_nothing_that_was_loaded():
    recipe = Images()
    assert len(recipe.splits.test[1]) == 180 and recipe.classes
    again = on(recipe, "gallery")
    assert len(again.splits.test[1]) == 899
    assert len(recipe.splits.test[1]) == 180
    assert again.build.__self__ is again


def test_a_file_that_changed_is_imported_anew(folder):
    first = find("function.py")
    (folder / "function.py").write_text("def other(hp): pass\n")
    second = find("function.py")
    assert (first.name, second.name) == ("function.py:build", "function.py:other")
    assert first.sha256 != second.sha256


def test_a_file_may_be_called_as_a_module_of_others(folder):
    import json

    (folder / "json.py").write_text("def build(hp): pass\n")
    assert find("json.py").name == "json.py:build"
    import json as again

    assert json is again and hasattr(json, "dumps")
