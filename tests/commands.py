"""Runs commands as a user does, and reads what they leave."""

import csv
import json

from typer.testing import CliRunner

from kdl_cli.main import app


def kdl(*arguments, code=0, **options):
    """Result of a command, which must end with an exit code."""
    result = CliRunner().invoke(app, list(map(str, arguments)), **options)
    assert result.exit_code == code, result.output
    return result


def refusal(*arguments, **options):
    """What a command says that is refused, and does not fail by an exception."""
    result = kdl(*arguments, code=2, **options)
    assert isinstance(result.exception, SystemExit)
    return result.stderr.strip().removeprefix("Error: ")


def read(path):
    """What a file of JSON holds."""
    return json.loads(path.read_text())


def rows(path):
    """The rows of a CSV file, dicts of strings."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_kinds(path):
    """Writes a table of 100 texts, of animals and of vehicles."""
    kinds = "a cat that purrs\tanimal", "a car that hoots\tvehicle"
    lines = [f"number {n}: {kinds[n % 2]}" for n in range(100)]
    path.write_text("\n".join(["text\tlabel", *lines]))
