"""The forms of signing in and of one's own settings. What may be typed is judged by the verbs."""

from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField


class SignInForm(FlaskForm):
    """Username or e-mail address, and a single-use token."""

    user = StringField("Username or e-mail address")
    token = StringField("Single-use token")


class PersonForm(FlaskForm):
    """One's own name and e-mail address."""

    fullname = StringField("Full name")
    email = StringField("E-mail address")


class NameForm(FlaskForm):
    """One's own name, where no provider gave one."""

    fullname = StringField("Full name")


class ApiTokenForm(FlaskForm):
    """The name of an API token and how many days it works."""

    name = StringField("Name")
    days = IntegerField("Days until it ends")
