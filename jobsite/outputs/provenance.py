"""Where a file at Level 4 comes from: who ran what, when, at which commit, in which image."""

import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from jobsite.core.errors import NotFound
from jobsite.core.files import UnsafePath, components
from jobsite.jobs.models import Job
from jobsite.outputs.access import outputs_of, roots
from jobsite.projects.models import Workspace
from jobsite.projects.repositories import RepositoryError, read_file
from jobsite.store.logs import SUMMARY_LINE
from jobsite.store.reading import Entry, LogEntry, NotAtLevel4, open_log

PROJECT_FILE = "project.yaml"
SCRIPTS = frozenset(
    [".py", ".r", ".rmd", ".do", ".jl", ".sh", ".sql", ".ipynb", ".qmd", ".m", ".sas", ".stata"]
)
LARGEST_CODE = 2 * 2**20
_END_OF_LOG = 64 * 1024
_IMAGE = re.compile(r"^docker_image_id: (\S{1,200})$", re.MULTILINE)


@dataclass(frozen=True)
class Provenance:
    """`code` are the files at the file's own commit that made it: project.yaml and the scripts of the command.

    `web_address` leads to the commit at the site of its repository, "" where that is not on the web. `image` is the
    digest of the image it ran in, "" where that is not known.
    """

    job: Job | None
    action: str
    user: str
    commit: str
    repo: str
    code: tuple[str, ...]
    web_address: str
    image: str
    has_log: bool


def provenance_of(
    workspace: Workspace, entry: Entry | None, log: LogEntry | None, job: Job | None
) -> Provenance:
    """Where an output or a log comes from."""
    action = entry.action if entry else log.action if log else ""
    logs = {one.action for one in outputs_of(workspace).logs}
    if entry is None:
        return Provenance(None, action, "", "", "", (), "", _image(workspace, action), action in logs)
    return Provenance(
        job=job,
        action=action,
        user=entry.user,
        commit=entry.commit,
        repo=entry.repo,
        code=(PROJECT_FILE, *scripts_in(job.run_command)) if job else (PROJECT_FILE,),
        web_address=_web_address(entry),
        image=_image(workspace, action) if action in logs else "",
        has_log=action in logs,
    )


def scripts_in(command: str) -> tuple[str, ...]:
    """The files of the study that a command names."""
    try:
        words = shlex.split(command)[1:]
    except ValueError:
        return ()
    found: list[str] = []
    for word in words:
        with suppress(UnsafePath):
            if PurePosixPath(word).suffix.casefold() in SCRIPTS and "/".join(components(word)) not in found:
                found.append(word)
    return tuple(found[:5])


def _web_address(entry: Entry) -> str:
    is_web = urlsplit(entry.repo).scheme == "https" and re.fullmatch(r"[0-9a-f]{40}", entry.commit)
    return f"{entry.repo.removesuffix('.git')}/tree/{entry.commit}" if is_web else ""


def _image(workspace: Workspace, action: str) -> str:
    """The image digest in the summary at the end of the action's log."""
    try:
        with open_log(roots(), workspace.name, action) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _END_OF_LOG))
            end = file.read().decode("utf-8", "replace")
    except (NotAtLevel4, UnsafePath, OSError):
        return ""
    found = _IMAGE.search(end.rpartition(SUMMARY_LINE)[2])
    return found[1] if found else ""


def code_of(workspace: Workspace, commit: str, path: str) -> str:
    """A file of the study at a commit at which some output of the workspace was made. Raises `NotFound`."""
    made = next((entry for entry in outputs_of(workspace).entries if entry.commit == commit), None)
    if made is None:
        raise NotFound("No output of this workspace was made at this commit.")
    try:
        data = read_file(made.repo or workspace.repo.url, commit, path, LARGEST_CODE)
    except RepositoryError as reason:
        raise NotFound(f"{reason}.") from None
    return data.decode("utf-8", "replace").replace("\0", "\u2400")
