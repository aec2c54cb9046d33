"""Who may look at Level 4: the workspace, the backend and one file, for the person who is asking, or a stop."""

from flask_login import current_user

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import backends_of, runs_here
from jobsite.core.errors import NotFound
from jobsite.core.files import UnsafePath
from jobsite.core.web import granted
from jobsite.outputs.looks import denied
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspace_or_stop
from jobsite.settings import current
from jobsite.store.reading import Entry, Listing, LogEntry, NotAtLevel4, entry_of, listing
from jobsite.store.roots import METADATA, Roots

LOOK = "unreleased_outputs_view"
LOOK_ANYWHERE = "airlock_readonly_access"
NO_OUTPUT = "There is no Level 4 output of this name in this workspace."


def workspace_at_level4(name: str) -> Workspace:
    """The workspace for a person who may look at its Level 4 outputs. Raises `NotFound` for everybody else.

    That a person was kept out is noted.
    """
    workspace = workspace_or_stop(name)
    if not {LOOK, LOOK_ANYWHERE} & set(workspace.permissions):
        if current_user.is_authenticated and current().secure:
            denied(by=current_user, workspace=workspace)
        raise NotFound
    granted(LOOK)
    return workspace


def backend_at_level4(slug: str) -> Backend:
    """The backend, for its members, where its outputs are here. Raises `NotFound` for everybody else."""
    found = next((backend for backend in backends_of(current_user) if backend.slug == slug), None)
    if found is None:
        raise NotFound
    if found.has_agent:
        raise NotFound(f"The outputs of {found.name} are on the machine of its agent. Log in there.")
    if not runs_here(found):
        raise NotFound(f"The outputs of {found.name} are shown on its own secure server. Log in there.")
    return found


def outputs_of(workspace: Workspace, q: str = "") -> Listing:
    """The moderately sensitive outputs and logs of the workspace that match the words of `q`."""
    return listing(roots(), workspace.name, q)


def entry_or_stop(workspace: Workspace, path: str) -> Entry:
    """One output. Raises `NotFound`."""
    try:
        return entry_of(roots(), workspace.name, path)
    except (NotAtLevel4, UnsafePath):
        raise NotFound(NO_OUTPUT) from None


def log_or_stop(workspace: Workspace, path: str) -> LogEntry | None:
    """The log at a path, None for a path where no logs are. Raises `NotFound` where there is none."""
    if not path.startswith(f"{METADATA}/"):
        return None
    found = next((log for log in outputs_of(workspace).logs if log.path == path), None)
    if found is None:
        raise NotFound("There is no log of this name in this workspace.")
    return found


def roots() -> Roots:
    """Where the files of workspaces lie."""
    return Roots.of(current().instance)
