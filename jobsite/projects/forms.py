"""The forms of projects and workspaces. What may be typed is judged by the verbs; here is only what is shown."""

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from jobsite.projects.rules import STATUSES


class NewWorkspaceForm(FlaskForm):
    """Name, repository, branch and purpose of a workspace to be made; the branches come from git."""

    name = StringField("Name")
    repo = StringField("Repository")
    branch = SelectField("Branch", choices=[], validate_choice=False)
    purpose = TextAreaField("Purpose")

    def offer(self, branches: Iterable[str]) -> None:
        """Offer these branches: what was chosen stays chosen, else the first is (`main` or `master` if there)."""
        names = list(branches)
        typed = (self.branch.data or "").strip()
        if typed and typed not in names:
            names.insert(0, typed)
        self.branch.choices = names
        self.branch.data = typed or next(iter(names), "")


class WorkspaceForm(FlaskForm):
    """What the jobs of a workspace are for."""

    purpose = TextAreaField("Purpose")


class ProjectForm(FlaskForm):
    """Status and description of a project."""

    status = SelectField(
        "Status",
        choices=[SelectChoice(status.value, status.label) for status in STATUSES.values()],
        validate_choice=False,
    )
    status_description = TextAreaField("Status description")
