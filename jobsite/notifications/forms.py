"""The form of what one wants by e-mail. What may be chosen is judged by the verb."""

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectMultipleField

from jobsite.notifications.rules import CHOICES, GROUPS, JOBS

SWITCHED = tuple(one.name for one in GROUPS.values() if one.optional and one.name != JOBS)
"""The groups that are switched on or off; about jobs there are more than two ways."""


class ChoicesForm(FlaskForm):
    """What somebody wants by e-mail about jobs, and which other groups."""

    jobs = RadioField("About my jobs", choices=list(CHOICES))
    groups = SelectMultipleField("Also by e-mail", choices=list(SWITCHED))
