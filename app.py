"""For `flask --app app run` and WSGI servers: the application of the instance that the settings name."""

from flask import Flask

from jobsite.application import create_app as application_of
from jobsite.settings import load


def create_app() -> Flask:
    """The application of the instance in `JOBSITE_INSTANCE`, else `./instance`."""
    return application_of(load())
