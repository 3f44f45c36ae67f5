"""Runs commands as a user does."""

from typer.testing import CliRunner

from kdl_cli.main import app


def kdl(*arguments, code=0, **options):
    """Result of a command, which must end with an exit code."""
    result = CliRunner().invoke(app, list(map(str, arguments)), **options)
    assert result.exit_code == code, result.output
    return result
