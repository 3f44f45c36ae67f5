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
