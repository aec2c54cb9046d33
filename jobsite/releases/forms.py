"""The form of released files."""

from flask_wtf import FlaskForm
from wtforms import TextAreaField


class DeleteForm(FlaskForm):
    """Why a released file is deleted."""

    reason = TextAreaField("Why is it deleted?")
