"""What tests of forecasts share."""

import warnings

import pytest


@pytest.fixture
def no_noise():
    """Any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
