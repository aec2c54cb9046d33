"""The forms of signing in and of one's own settings."""

from collections.abc import Callable

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from jobsite.accounts.rules import why_not_email, why_not_fullname


def keeps(rule: Callable[[str], str | None]) -> Callable[[FlaskForm, StringField], None]:
    """A validator that asks a rule and shows its sentence at the field."""

    def check(form: FlaskForm, field: StringField) -> None:
        why_not = rule((field.data or "").strip())
        if why_not is not None:
            raise ValidationError(why_not)

    return check


class SignInForm(FlaskForm):
    """Username or e-mail address, and a single-use token."""

    user = StringField("Username or e-mail address")
    token = StringField("Single-use token")


class PersonForm(FlaskForm):
    """One's own name and e-mail address."""

    fullname = StringField("Full name", [keeps(why_not_fullname)])
    email = StringField("E-mail address", [keeps(why_not_email)])
