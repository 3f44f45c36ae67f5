"""Commands that take their options as one object."""

import functools
import inspect


def takes(options):
    """Makes a command of a function of an instance of a dataclass.

    The fields of the dataclass are the options, each declared there with its help.
    """

    def decorate(command):
        @functools.wraps(command)
        def wrapper(**given):
            return command(options(**given))

        # From which typer takes the options.
        wrapper.__signature__ = inspect.signature(options)
        return wrapper

    return decorate
