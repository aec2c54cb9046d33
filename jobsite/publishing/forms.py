"""The forms of publication. What may be typed is judged by the verbs; here is only what is shown."""

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField


class DraftForm(FlaskForm):
    """What a publication is called and says. The files are chosen beside it."""

    title = StringField("Title")
    summary = TextAreaField("Summary")


class ReasonForm(FlaskForm):
    """Why a draft is not published, or a publication withdrawn."""

    reason = TextAreaField("Reason")
