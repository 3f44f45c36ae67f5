"""The house rules that a machine can check."""

import ast
import doctest
import functools
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import keras
import numpy as np
import pytest

import kdl

ROOT = Path(__file__).parent.parent

SIMPLE = {"checks", "private", "schedules"}
KINDS = {"initializers", "losses", "metrics", "optimizers", "regularizers"}
COMPONENTS = SIMPLE | KINDS | {"layers"}
# Whom each room may import, besides itself and `typing`. Components know nothing above
# them.
MAY_IMPORT = {
    "checks": set(),
    "private": set(),
    "seeds": set(),
    "files": set(),
    "notebook": set(),
    "typing": set(),
    "schedules": {"checks", "files", "private"},
    "initializers": SIMPLE,
    "regularizers": SIMPLE,
    "losses": SIMPLE,
    "metrics": SIMPLE | {"losses"},
    "optimizers": SIMPLE | {"regularizers"},
    "layers": SIMPLE | {"initializers", "losses", "regularizers"},
    "models": COMPONENTS,
    "attribution": COMPONENTS | {"models", "seeds"},
    "parallel": {"checks", "private"},
    "callbacks": COMPONENTS | {"files", "parallel", "seeds"},
    "spaces": COMPONENTS,
    "data": {"checks", "seeds"},
    "deployment": {"checks", "files", "private"},
    "recipes": COMPONENTS
    | {"attribution", "callbacks", "data", "models", "notebook", "parallel", "seeds"}
    | {"spaces"},
    "profiling": {"checks", "files", "layers", "private", "recipes"},
    "tuning": {
        *("callbacks", "checks", "data", "files", "notebook", "parallel", "private"),
        *("profiling", "seeds"),
    },
    "evaluation": COMPONENTS
    | {"callbacks", "data", "files", "models", "recipes", "seeds", "tuning"},
    "cli": {
        *("attribution", "callbacks", "checks", "data", "deployment", "evaluation"),
        *("files", "models", "parallel", "profiling", "recipes", "spaces", "tuning"),
    },
}
# Packages that only these rooms may import.
RESERVED = {
    "keras_tuner": {"evaluation", "recipes", "tuning", "typing", "cli"},
    "typer": {"cli"},
    "rich": {"cli"},
    "kdl_cli": {"cli"},
}
# What a class in a room, and a function in `spaces`, inherits its tests from.
CONTRACTS = {
    "schedules": "ScheduleContract",
    "initializers": "InitializerContract",
    "regularizers": "RegularizerContract",
    "metrics": "MetricContract",
    "losses": "LossContract",
    "optimizers": "OptimizerContract",
    "layers": "LayerContract",
    "models": "Contract",
    "attribution": "Contract",
    "callbacks": "CallbackContract",
    "parallel": "Contract",
    "data": "Contract",
    "spaces": "SpaceContract",
    "recipes": "RecipeContract",
}
# What else stands in a room, such as a criterion of early stopping, or a measure that
# needs all samples at once, has arguments only: its contract is `Contract`.
KIND = {"callbacks": keras.callbacks.Callback, "metrics": keras.metrics.Metric}
MOST_FILES = 15  # Of a folder.
FILES = {"checks", "files", "notebook", "private", "seeds", "typing"}
FOLDERS = [room for room in MAY_IMPORT if room not in FILES]
# Private names of others than Keras and KerasTuner.
KNOWN_PRIVATE = {"_asdict", "_foreach_copy_", "_foreach_norm", "_foreach_sub_"} | {
    "_getframe"
}
# What a hint allows, by the first word of what a docstring says.
WORDS = {"boolean": bool, "float": float, "integer": int, "string": str}
PUBLIC = [room for room in FOLDERS if room != "cli"]
SECTIONS = [
    "Args",
    "Call arguments",
    "Attributes",
    "Returns",
    "Raises",
    "Example",
    "References",
]


@pytest.mark.one_backend
@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_downwards(room):
    for path in sources(room):
        for name, nested in imports(path):
            package, _, rest = name.partition(".")
            if package == "kdl" and rest:
                may = MAY_IMPORT[room] | {room, "typing"}
                assert rest.partition(".")[0] in may, path
            assert room in RESERVED.get(package, {room}), f"{path} imports {name}"
            assert not name.startswith(("keras.src", "keras_tuner.src")), path
            assert package not in ("callbacks", "recipes", "tuning", "cli"), path
            # What is heavy, optional or a backend is imported where it is used.
            if package in ("wandb", "jax", "tensorflow", "torch"):
                assert nested, f"{path} imports {name} at its top"


@pytest.mark.one_backend
def test_private_names_of_keras_stand_in_one_file():
    used, defined = {}, set()
    for path in (path for room in MAY_IMPORT for path in sources(room)):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", getattr(node, "name", None)) or ""
            if not name.startswith("_") or name.endswith("__"):
                continue
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                used.setdefault(name, set()).add(path.name)
            else:
                defined.add(name)
    foreign = {name: used[name] for name in used.keys() - defined - KNOWN_PRIVATE}
    assert set().union(*foreign.values()) == {"private.py"}, foreign


@pytest.mark.one_backend
def test_only_its_logger_knows_wandb():
    files = {
        path.name
        for room in MAY_IMPORT
        for path in sources(room)
        for name, _ in imports(path)
        if name.partition(".")[0] == "wandb"
    }
    assert files <= {"wandb_logger.py", "wandb_tables.py", "wandb_trials.py"}


@pytest.mark.one_backend
@pytest.mark.parametrize("room", PUBLIC)
def test_public_names_are_complete(room):
    """The linter sorts them."""
    module = importlib.import_module(f"kdl.{room}")
    tree = ast.parse(Path(module.__file__).read_text())
    imported = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(imported) == sorted(module.__all__)
    assert room in kdl.__all__


def components():
    """Room and name of everything public."""
    for room in PUBLIC:
        for name in importlib.import_module(f"kdl.{room}").__all__:
            yield room, name


@pytest.mark.one_backend
@pytest.mark.parametrize(("room", "name"), list(components()))
def test_component_has_its_test_under_its_contract(room, name):
    component = getattr(importlib.import_module(f"kdl.{room}"), name)
    file = Path(inspect.getfile(component)).relative_to(folder_of(room))
    test = ROOT / "tests" / room / file.with_name(f"test_{file.name}")
    assert re.search(rf"\b{name}\b", test.read_text())
    is_part = inspect.isclass(component) and not issubclass(component, tuple)
    if (is_part or room == "spaces") and room in CONTRACTS:
        bases = contracts_of(test, name)
        is_kind = room not in KIND or issubclass(component, KIND[room])
        contract = CONTRACTS[room] if is_kind else "Contract"
        found = any(base.endswith(contract) for base in bases)
        assert found, f"{name} in {test}"


def contracts_of(test, name):
    """Bases of the test classes whose `component`, `recipe` or `space` is `name`."""
    for node in ast.parse(test.read_text()).body:
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.Assign) and statement.targets[0].id in (
                    "component",
                    "recipe",
                    "space",
                ):
                    names = {
                        part.id
                        for part in ast.walk(statement.value)
                        if isinstance(part, ast.Name)
                    }
                    if name in names:
                        yield from (ast.unparse(base) for base in node.bases)


@pytest.mark.one_backend
@pytest.mark.parametrize(("room", "name"), list(components()))
def test_docstring_is_in_order(room, name):
    text = inspect.getdoc(getattr(importlib.import_module(f"kdl.{room}"), name))
    headers = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    assert headers == [header for header in SECTIONS if header in headers], name
    assert text.split("\n")[0].endswith(".")


def signatures(component):
    """Functions that a user calls, each with what its docstring says of arguments.

    Of a class, they are its methods and those of its bases in kdl.
    """
    if not inspect.isclass(component):
        yield component, documented(component)
        return
    for base in component.__mro__:
        if not base.__module__.startswith("kdl."):
            continue
        for name, member in vars(base).items():
            is_public = not name.startswith("_") or name.endswith("__")
            for function in functions_of(member) if is_public else ():
                # Other methods are made by dataclasses and named tuples.
                if function.__code__.co_filename == inspect.getfile(base):
                    of = base if name in ("__init__", "__new__") else function
                    yield function, documented(of)


def functions_of(member):
    """The functions that a member of a class is made of."""
    match member:
        case property():
            return [part for part in (member.fget, member.fset) if part]
        case functools.cached_property():
            return [member.func]
        case classmethod() | staticmethod():
            return [inspect.unwrap(member.__func__)]
    return [inspect.unwrap(member)] if inspect.isfunction(member) else []


def documented(component):
    """What a docstring says of each argument by name, and of what is returned."""
    found = {}
    text = inspect.getdoc(component) or ""
    for section in re.split(r"\n(?=\w[\w ]*:\n)", text):
        header, _, body = section.partition(":\n")
        if header == "Args":
            entries = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", body, re.MULTILINE)
            found |= {name: " ".join(entry.split()) for name, entry in entries}
        elif header == "Returns" and not inspect.isclass(component):
            found["return"] = body.strip()
    return found


def parts_of(hint):
    """The types that a hint is made of, and the values of its literals."""
    if typing.get_origin(hint) is typing.Literal:
        yield from typing.get_args(hint)
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from parts_of(part)
    else:
        yield hint


@pytest.mark.one_backend
@pytest.mark.parametrize(("room", "name"), list(components()))
def test_signatures_have_hints(room, name):
    """On each parameter and on what is returned, as the docstring says it."""
    component = getattr(importlib.import_module(f"kdl.{room}"), name)
    for function, said in signatures(component):
        hints = typing.get_type_hints(function)
        parameters = dict(inspect.signature(function).parameters)
        for bound in ("self", "cls"):
            parameters.pop(bound, None)
        assert hints.keys() == {*parameters, "return"}, function
        for argument, hint in hints.items():
            parts, text = set(parts_of(hint)), said.get(argument, "")
            choices = {part for part in parts if isinstance(part, str)}
            kinds = parts | {type(part) for part in parts}
            if typing.Any in kinds:
                continue
            is_none = argument != "return" and parameters[argument].default is None
            if is_none or text.startswith("Optional"):
                assert type(None) in kinds, (function, argument)
            # "Integer in `[1, inf)`", but not "Integer array".
            word = re.match(r"(?:Optional )?(\w+)(?! (?:arrays?|tensors?)\b)\b", text)
            if word and (kind := WORDS.get(word[1].lower())):
                assert kind in kinds, (function, argument)
            if choices:
                assert choices >= set(re.findall('`"(.*?)"`', text)), (function, text)


@pytest.mark.one_backend
@pytest.mark.parametrize(("room", "name"), list(components()))
def test_example_runs(room, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(importlib.import_module(f"kdl.{room}"), name))
    (x, y), validation, _ = kdl.data.digits()
    (x, y) = (x[:256], y[:256])
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    names = {
        "kdl": kdl,
        "keras": keras,
        "np": np,
        "x": x,
        "y": y,
        "validation": validation,
        "model": model,
        "folder": tmp_path,
    }
    examples = doctest.DocTestParser().get_examples(text)
    assert examples
    for example in examples:
        exec(compile(example.source, f"{name}'s example", "exec"), names)


@pytest.mark.one_backend
def test_registered_names_are_unique():
    registered = re.compile(r"register_keras_serializable\(package=\"(\w+)\"\)")
    names = []
    for room in MAY_IMPORT:
        for path in sources(room):
            text = path.read_text()
            assert set(registered.findall(text)) <= {"kdl"}, path
            assert room not in ("recipes", "tuning") or not registered.search(text)
            for node in ast.parse(text).body:
                if isinstance(node, ast.ClassDef) and any(
                    "register_keras_serializable" in ast.unparse(decorator)
                    for decorator in node.decorator_list
                ):
                    names.append(node.name)
    assert sorted(names) == sorted(set(names))


@pytest.mark.one_backend
def test_import_is_light():
    """`import kdl` brings nothing but Keras and what Keras brings."""
    code = (
        "import sys, keras; before = set(sys.modules);"
        "import kdl; new = {name.partition('.')[0] for name in set(sys.modules) - "
        "before}; print(*new - {'kdl', '__editable___keras_kdl_0_1_0_finder'} - "
        "sys.stdlib_module_names)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == ""


@pytest.mark.one_backend
@pytest.mark.parametrize("room", FOLDERS)
def test_folders_are_small(room):
    for folder in {path.parent for path in sources(room)}:
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, folder


@pytest.mark.one_backend
@pytest.mark.parametrize("room", FOLDERS)
def test_no_circle_within_a_folder(room):
    """Neither of files, nor of the folders that stand beside them."""
    package = "kdl_cli" if room == "cli" else f"kdl.{room}"
    graphs = {}
    for path in sources(room):
        module = module_of(path, room)
        for name, _ in imports(path, submodules=True):
            other = name.split(".")
            # Where the two part: in a folder that holds the one and the other.
            pairs = enumerate(zip(module, other, strict=False))
            depth = next((n for n, (a, b) in pairs if a != b), None)
            if name.startswith(f"{package}.") and depth is not None:
                graph = graphs.setdefault(module[:depth], {})
                graph.setdefault(module[depth], set()).add(other[depth])
    for graph in graphs.values():
        graphlib.TopologicalSorter(graph).prepare()


def module_of(path, room):
    """The name of a file's module, in parts."""
    package = ("kdl_cli",) if room == "cli" else ("kdl", room)
    parts = path.relative_to(folder_of(room)).with_suffix("").parts
    return (*package, *(part for part in parts if part != "__init__"))


def folder_of(room):
    folder = ROOT / "kdl" / room
    return folder if folder.exists() else ROOT / room


def sources(room):
    if (file := ROOT / "kdl" / f"{room}.py").exists():
        return [file]
    return sorted(folder_of(room).rglob("*.py"))


def imports(path, submodules=False):
    """Names that a file imports, and whether within a function.

    Of `from kdl import layers`, and with `submodules` of any such import, the name is
    that of the submodule.
    """
    tree = ast.parse(path.read_text())
    nested = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in nested) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import absolutely"
            yield node.module, id(node) in nested
            yield from (
                (f"{node.module}.{alias.name}", id(node) in nested)
                for alias in node.names
                if submodules or node.module == "kdl"
            )
