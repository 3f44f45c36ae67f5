import io
import logging
import sys
import warnings

import pytest

from kdl.deployment.processes import hushed

pytestmark = pytest.mark.one_backend


class TestHushed:
    def test_drops_what_converters_print_log_and_warn_of(self, capsys):
        logger, output = logging.getLogger("tensorflow"), io.StringIO()
        handler, level = logging.StreamHandler(output), logger.level
        logger.addHandler(handler)
        try:
            logger.setLevel(logging.INFO)
            with warnings.catch_warnings(record=True) as caught, hushed():
                print("printed")
                print("printed", file=sys.stderr)
                warnings.warn("warned", stacklevel=1)
                logger.info("logged")
            assert logger.level == logging.INFO
            logger.info("after")
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
        assert not caught and output.getvalue() == "after\n"
        assert capsys.readouterr() == ("", "")

    def test_an_error_ends_it(self):
        logger = logging.getLogger("tensorflow")
        before = logger.level
        with pytest.raises(KeyError), hushed():
            raise KeyError
        assert logger.level == before
