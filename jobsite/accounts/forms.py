"""The forms of signing in and of one's own settings. What may be typed is judged by the verbs."""

from flask_wtf import FlaskForm
from wtforms import StringField


class SignInForm(FlaskForm):
    """Username or e-mail address, and a single-use token."""

    user = StringField("Username or e-mail address")
    token = StringField("Single-use token")


class PersonForm(FlaskForm):
    """One's own name and e-mail address."""

    fullname = StringField("Full name")
    email = StringField("E-mail address")
