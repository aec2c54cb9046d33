"""Whether a project may use the data that its actions ask for: found in their code before anything is submitted.

The database has the last word (`pipelines.data_use` says what can be seen in code). A file that cannot be read says
nothing here: the run will say it.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache

from jobsite.jobs.definitions import Definition
from jobsite.pipelines.data_use import SQL_RUNNER, definition_of, restricted
from jobsite.pipelines.report import Action, Pipeline
from jobsite.projects import data_permissions, repositories
from jobsite.projects.models import Workspace

MOST_BYTES = 2**20
NO_SQL_RUNNER = "This project does not have permission to run SQL Runner jobs"

Uses = frozenset[tuple[str, str]]
"""Pairs of kind and value of data permissions."""


def uses_of(workspace: Workspace, definition: Definition, wanted: Iterable[str]) -> dict[str, Uses]:
    """What the wanted actions, and those they need, use that needs a permission, by action; most use nothing.

    Reads the local copy of the repository, so it is called before a transaction, never within one.
    """
    url, commit, found = workspace.repo.url, definition.commit, {}
    for action in reached(definition.pipeline, wanted):
        if action.is_database_action and (
            uses := restricted(action, _text(url, commit, definition_of(action)))
        ):
            found[action.name] = uses
    return found


def allowed_in(workspace: Workspace) -> Uses:
    """What the project of a workspace may use. One query."""
    return frozenset((one.kind, one.value) for one in data_permissions.of(workspace.project))


def why_not_data(action: str, uses: Uses, allowed: Collection[tuple[str, str]]) -> str | None:
    """Why an action that uses these may not run in a project that is allowed those, naming what is missing."""
    missing = sorted(uses - set(allowed))
    if not missing:
        return None
    if SQL_RUNNER in missing:
        return NO_SQL_RUNNER
    named = " and ".join(f"the {kind} “{value}”" for kind, value in missing)
    return f"{action} cannot run: this project does not have permission to use {named}. Ask your co-pilot or staff."


def reached(pipeline: Pipeline, wanted: Iterable[str]) -> list[Action]:
    """The wanted actions that are there, and everything they need."""
    names, found = list(wanted), {}
    while names:
        name = names.pop()
        if name == "run_all" and name not in pipeline.actions:
            names += pipeline.actions
        elif name in pipeline.actions and name not in found:
            found[name] = pipeline.actions[name]
            names += found[name].needs
    return list(found.values())


@lru_cache(maxsize=512)
def _text(repository: str, commit: str, path: str | None) -> bytes | None:
    try:
        return repositories.read_file(repository, commit, path, max_bytes=MOST_BYTES) if path else None
    except repositories.RepositoryError:
        return None
