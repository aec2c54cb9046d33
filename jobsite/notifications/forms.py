"""The form of what one wants by e-mail. What may be chosen is judged by the verb."""

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectMultipleField

from jobsite.notifications.rules import CHOICES, GROUPS, JOBS


class ChoicesForm(FlaskForm):
    """What somebody wants by e-mail about jobs, and which other groups."""

    jobs = RadioField("About my jobs", choices=[(name, label) for name, (label, _) in CHOICES.items()])
    groups = SelectMultipleField(
        "Also by e-mail",
        choices=[(one.name, one.label) for one in GROUPS.values() if one.optional and one.name != JOBS],
    )
