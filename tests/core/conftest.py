"""The frame of the application is changed by these tests, so each has an application of its own."""

from pathlib import Path

import pytest
from flask import Flask

from jobsite.application import create_app
from jobsite.settings import Settings


@pytest.fixture
def app(instance: Path, settings: Settings) -> Flask:
    """An application that the test may change."""
    return create_app(settings)
