"""What lies at Level 4 is checked before anybody asks for it: at the end of each job, and whatever a sweep finds unchecked."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jobsite.core.files import UnsafePath
from jobsite.outputs.access import roots
from jobsite.outputs.checking import Wanted, check_now, counts_of
from jobsite.outputs.grid import LARGE
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import policy_of
from jobsite.outputs.table_index import index_of
from jobsite.projects.models import Project, Workspace
from jobsite.store.identities import remembered_hash
from jobsite.store.reading import NotAtLevel4, listing, open_level4, open_log

MOST_AT_ONCE = 200
"""Files that one sweep checks of a workspace; the next one goes on."""

_done: dict[Path, tuple[object, ...]] = {}
"""The lists of outputs and logs of which nothing was left to check, by the place of the workspace; forgotten with the process."""

log = logging.getLogger("jobsite.checking")


def check_outputs(workspace: Workspace) -> int:
    """Check what is unchecked among the outputs and logs of a workspace; how many files that were.

    May be done twice and at any time. What cannot be read is left for the next time.
    """
    listed, policy = listing(roots(), workspace.name), policy_of(workspace.project)
    place, state = roots().level4_of(workspace.name), (listed.version, listed.logs, policy.sha256)
    if _done.get(place) == state:
        return 0
    outputs = [
        Wanted(one.path, one.content_hash) for one in listed.entries if not one.excluded and one.current
    ]
    wanted = [*outputs, *_logs(workspace, [one.action for one in listed.logs])]
    known = counts_of(wanted, policy)
    missing = [one for one in wanted if (one.sha256, one.path) not in known]
    checked = sum(_check(workspace, one, policy) for one in missing[:MOST_AT_ONCE])
    if checked == len(missing):
        _done[place] = state
    return checked


def check_all_outputs() -> None:
    """Check what is unchecked in every workspace that has files."""
    names = roots().workspaces()
    for workspace in Workspace.select(Workspace, Project).join(Project).where(Workspace.name.in_(names)):
        check_outputs(workspace)


def _logs(workspace: Workspace, actions: Iterable[str]) -> list[Wanted]:
    """The logs, by their content as it is now."""
    found = []
    for action in actions:
        with suppress(NotAtLevel4, UnsafePath, OSError), open_log(roots(), workspace.name, action) as file:
            found.append(Wanted(f"metadata/{action}.log", remembered_hash(file)))
    return found


def _check(workspace: Workspace, wanted: Wanted, policy: PolicyVersion) -> bool:
    try:
        check_now(Wanted(wanted.path, wanted.sha256, open=lambda: _open(workspace, wanted)), policy)
        with _open(workspace, wanted) as file:
            size = file.seek(0, 2)
            if wanted.path.endswith(".csv") and size >= LARGE:
                index_of(file, wanted.sha256, size)
    except (NotAtLevel4, UnsafePath, OSError) as reason:
        log.info("a file of %s was not checked: %s", workspace.name, type(reason).__name__)
        return False
    return True


def _open(workspace: Workspace, wanted: Wanted) -> BinaryIO:
    if wanted.path.startswith("metadata/"):
        return open_log(roots(), workspace.name, wanted.path.removeprefix("metadata/").removesuffix(".log"))
    return open_level4(roots(), workspace.name, wanted.path).file
