"""Repositories of study code, read with git and never written.

A repository is an https address, kept as a bare mirror under `repos/` of the instance, or a folder on this
machine that the settings list, read where it lies. Only `refresh` and `remote_branches` ask the network;
everything else reads what is here. Nothing of a repository is checked out or run by these functions.
"""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from jobsite import settings
from jobsite.core.errors import Refused
from jobsite.core.files import UnsafePath, components
from jobsite.projects.addresses import why_not_repo
from jobsite.projects.git import GitFailed, GitTooSlow, LockHeld, git, locked

FETCH_SECONDS = 120.0  # for the background
ASK_SECONDS = 10.0  # for a person who waits for a form
LONGEST_REF = 255

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class RepositoryError(Refused):
    """A repository does not give what was asked of it; the text is a sentence without secrets."""


class RepositoryUnreachable(RepositoryError):
    """It cannot be read: not allowed here, not there, no access, no answer, or not fetched yet."""


class BranchMissing(RepositoryError):
    """It has no branch or tag of that name, or no such commit."""


class FileMissing(RepositoryError):
    """The commit has no such file."""


class FileTooLarge(RepositoryError):
    """The file is larger than is read."""


@dataclass(frozen=True)
class CommitFacts:
    """One commit: its full id, first line of its message, author's name, and when it was made (naive UTC)."""

    commit: str
    subject: str
    author: str
    at: datetime

    @property
    def short(self) -> str:
        """The first seven characters of the id, for people."""
        return self.commit[:7]


def git_directory(url: str) -> Path:
    """The git directory from which `url` is read: the bare mirror in the instance, or the local folder's own.

    Raises `RepositoryUnreachable` when it is not there (yet) or not allowed (any more).
    """
    _check(url)
    place = _local(url) if url.startswith("/") else mirror(url)
    if not (place / "HEAD").exists() and not place.is_file():
        raise RepositoryUnreachable(
            f"There is no git repository at {url}."
            if url.startswith("/")
            else f"The repository {url} has not been fetched yet. Try again in a minute."
        )
    return place


def mirror(url: str) -> Path:
    """Where the mirror of an address lies, whether it is there or not: `repos/⟨readable name⟩-⟨hash⟩.git`."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", urlsplit(url).path).strip("-.")[:60]
    return settings.current().instance / "repos" / f"{readable}-{sha256(url.encode()).hexdigest()[:12]}.git"


def refresh(url: str, *, seconds: float = FETCH_SECONDS) -> None:
    """Bring the mirror up to date with all branches and tags; a local folder is only looked at.

    Who waits for a fetch that began after they asked gets that one. Raises `RepositoryUnreachable` with the
    cause; the mirror is then as before.
    """
    if url.startswith("/"):
        git_directory(url)
        return
    _check(url)
    place = mirror(url)
    asked = time.time_ns()
    try:
        with locked(place.with_suffix(".lock"), seconds) as lock:
            if int(os.pread(lock, 20, 0) or 0) > asked:
                return
            began = time.time_ns()
            _fetch(url, place, seconds, lock)
            os.pwrite(lock, b"%020d" % began, 0)
    except LockHeld:
        raise RepositoryUnreachable(
            f"The repository {url} is just being fetched. Try again in a minute."
        ) from None


def tidy(url: str) -> None:
    """Pack the mirror when git finds it worth while; nothing in it is ever given up. Failing is no harm."""
    if url.startswith("/") or not mirror(url).exists():
        return
    try:
        with locked(mirror(url).with_suffix(".lock"), 1) as lock:
            git(
                "gc",
                "--auto",
                "--quiet",
                directory=mirror(url),
                seconds=FETCH_SECONDS,
                keep_open=(lock,),
            )
    except (LockHeld, GitFailed, GitTooSlow):
        return


def branches(url: str) -> list[str]:
    """The branches known here, `main` and `master` first. Raises `RepositoryUnreachable`."""
    listed = _read(url, "for-each-ref", "--format=%(refname)", "refs/heads/")
    return _in_order(_names(listed.splitlines()))


def remote_branches(url: str, *, seconds: float = ASK_SECONDS) -> list[str]:
    """The branches that the repository has now, asked of the network. Raises `RepositoryUnreachable`."""
    if url.startswith("/"):
        return branches(url)
    _check(url)
    try:
        listed = git("ls-remote", "--heads", "--", url, seconds=seconds, protocols="https")
    except GitFailed as error:
        raise RepositoryUnreachable(_because(url, error.text)) from None
    except GitTooSlow:
        raise RepositoryUnreachable(_late(url, seconds)) from None
    return _in_order(_names(line.partition(b"\t")[2] for line in listed.splitlines()))


def is_open(url: str, *, seconds: float = ASK_SECONDS) -> bool:
    """Whether its host gives the repository to a stranger. Raises `RepositoryUnreachable` when nobody can tell."""
    _check(url)
    try:
        git("ls-remote", "--heads", "--", url, seconds=seconds, protocols="https")
    except GitFailed as error:
        if _because(url, error.text) == _because(url, "not found"):
            return False
        raise RepositoryUnreachable(_because(url, error.text)) from None
    except GitTooSlow:
        raise RepositoryUnreachable(_late(url, seconds)) from None
    return True


def resolve(url: str, ref: str) -> str:
    """The full id of the commit at the head of branch `ref`, else at the tag, else the commit so abbreviated.

    Raises `BranchMissing` ("Missing branch: 'B'"), `RepositoryUnreachable`.
    """
    if not ref.isprintable() or len(ref) > LONGEST_REF:
        raise BranchMissing(f"Missing branch: {ref[:LONGEST_REF]!r}")
    for full in (f"refs/heads/{ref}", f"refs/tags/{ref}"):
        if found := _asked(url, "show-ref", "--verify", "--hash", "--", full):
            return _commit_at(url, found, ref)
    if _SHORT_COMMIT.fullmatch(ref):
        return _commit_at(url, ref, ref)
    raise _missing(ref)


def tagged_commit(url: str, tag: str) -> str | None:
    """The full id of the commit that a tag names; None without such a tag. Raises `RepositoryUnreachable`."""
    if not tag.isprintable() or len(tag) > LONGEST_REF:
        return None
    found = _asked(url, "show-ref", "--verify", "--hash", "--", f"refs/tags/{tag}")
    return _asked(url, "rev-parse", "--verify", "--quiet", f"{found}^{{commit}}") if found else None


def commit_on_branch(url: str, commit: str, branch: str) -> bool:
    """Whether the full commit id is the head of the branch or before it. Raises `BranchMissing` for the branch."""
    head = resolve(url, branch)
    if not _COMMIT.fullmatch(commit):
        return False
    return _asked(url, "merge-base", "--is-ancestor", commit, head) is not None


def read_file(url: str, commit: str, path: str, max_bytes: int) -> bytes:
    """The regular file at `path` in a commit (full id). Links are not followed: they count as missing.

    Raises `FileMissing` ("Could not find PATH"), `FileTooLarge`, `BranchMissing` for the commit.
    """
    try:
        components(path)
    except UnsafePath:
        raise FileMissing(f"Could not find {path!r}") from None
    entry = _of_commit(url, commit, "ls-tree", "-z", "-l", "--full-tree", commit, "--", path)
    mode, kind, blob, size = (entry.partition(b"\t")[0].split() + [b""] * 4)[:4]
    if kind != b"blob" or mode not in (b"100644", b"100755"):
        raise FileMissing(f"Could not find {path}")
    if int(size) > max_bytes:
        raise FileTooLarge(f"{path} is too large: {int(size)} bytes, at most {max_bytes} are read")
    return _read(url, "cat-file", "blob", blob.decode())


def commit_facts(url: str, commit: str) -> CommitFacts:
    """What is known of a commit (full id). Raises `BranchMissing` when it is not here."""
    return _facts(_of_commit(url, commit, *_log(commit, 1)))[0]


def recent_commits(url: str, branch: str, *, limit: int = 20) -> list[CommitFacts]:
    """The newest commits of a branch, newest first. Raises `BranchMissing`."""
    return _facts(_read(url, *_log(resolve(url, branch), limit)))


def commits_between(url: str, older: str, newer: str, *, limit: int) -> list[CommitFacts]:
    """The newest commits that `newer` has and `older` has not (full ids), newest first. Raises `BranchMissing`."""
    _of_commit(url, older, "cat-file", "-e", f"{older}^{{commit}}")
    return _facts(_of_commit(url, newer, *_log(newer, limit), f"^{older}"))


def _log(commit: str, limit: int) -> tuple[str, ...]:
    return (
        "log",
        "-z",
        f"--max-count={limit}",
        "--format=%H%x00%s%x00%an%x00%ct",
        commit,
    )


def _facts(printed: bytes) -> list[CommitFacts]:
    fields = printed.decode("utf-8", "replace").split("\0")
    rows = zip(fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=False)
    return [CommitFacts(commit.strip(), subject, author, _time(at)) for commit, subject, author, at in rows]


def _time(seconds: str) -> datetime:
    """Commits may claim any time; one that no calendar holds counts as the beginning of time."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return datetime(1970, 1, 1)


def _check(url: str) -> None:
    if reason := why_not_repo(url, settings.current().allowed_repos):
        raise RepositoryUnreachable(reason)


def _local(path: str) -> Path:
    inside = Path(path) / ".git"
    return inside if inside.exists() else Path(path)


def _fetch(url: str, place: Path, seconds: float, lock: int) -> None:
    """With the lock held no git works in the mirror, so lock files in it are left over from one that was killed."""
    for left_over in place.rglob("*.lock"):
        left_over.unlink(missing_ok=True)
    quietly = (
        "--quiet",
        "--prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
    )
    try:
        if not (place / "HEAD").exists():
            git("init", "--bare", "--quiet", "--template=", "--initial-branch=main", "--", str(place))
        fetch = ("fetch", *quietly, "--no-tags", "--", url, *_REFSPECS)
        git(*fetch, directory=place, seconds=seconds, protocols="https", keep_open=(lock,))
    except GitFailed as error:
        raise RepositoryUnreachable(_because(url, error.text)) from None
    except GitTooSlow:
        raise RepositoryUnreachable(_late(url, seconds)) from None


_CAUSES = (
    ("could not resolve host", "its host is not known"),
    ("redirect", "it has moved to another address"),
    ("certificate", "the identity of its host could not be checked"),
    ("ssl", "no secure connection to its host could be made"),
    ("tls", "no secure connection to its host could be made"),
    ("could not read username", "it does not exist, or it is private and this site has no access to it"),
    ("authentication failed", "it does not exist, or it is private and this site has no access to it"),
    ("not found", "it does not exist, or it is private and this site has no access to it"),
    ("error: 403", "this site has no access to it"),
    ("failed to connect", "its host does not answer"),
    ("couldn't connect", "its host does not answer"),
)


def _because(url: str, said: str) -> str:
    lowered = said.lower()
    cause = next((cause for sign, cause in _CAUSES if sign in lowered), "git could not read it")
    return f"The repository {url} could not be reached: {cause}."


def _late(url: str, seconds: float) -> str:
    return f"The repository {url} could not be reached: no answer within {seconds:g} seconds."


def _read(url: str, *arguments: str) -> bytes:
    try:
        return git(*arguments, directory=git_directory(url))
    except GitFailed as error:
        raise RepositoryUnreachable(_because(url, error.text)) from None
    except GitTooSlow:
        raise RepositoryUnreachable(f"The repository {url} took too long to read.") from None


def _asked(url: str, *arguments: str) -> str | None:
    """The answer to a question that git answers by its status; None for no."""
    try:
        return git(*arguments, directory=git_directory(url)).decode("utf-8", "replace").strip()
    except GitFailed:
        return None
    except GitTooSlow:
        raise RepositoryUnreachable(f"The repository {url} took too long to read.") from None


def _commit_at(url: str, object_id: str, ref: str) -> str:
    found = _asked(url, "rev-parse", "--verify", "--quiet", f"{object_id}^{{commit}}")
    if found is None:
        raise _missing(ref)
    return found


def _missing(ref: str) -> BranchMissing:
    return BranchMissing(f"Missing branch: '{ref}'")


def _of_commit(url: str, commit: str, *arguments: str) -> bytes:
    answer = None
    if _COMMIT.fullmatch(commit):
        try:
            answer = git(*arguments, directory=git_directory(url))
        except GitFailed:
            answer = None
        except GitTooSlow:
            raise RepositoryUnreachable(f"The repository {url} took too long to read.") from None
    if answer is None:
        raise BranchMissing(f"Missing commit: {commit[:LONGEST_REF]!r}")
    return answer


def _names(full: Iterable[bytes]) -> list[str]:
    """The names of branches; one that is no UTF-8 is left out, as nobody could type it."""
    names = []
    for line in full:
        try:
            names.append(line.decode().removeprefix("refs/heads/"))
        except UnicodeDecodeError:
            continue
    return names


def _in_order(names: list[str]) -> list[str]:
    first = {"main": 0, "master": 1}
    return sorted(names, key=lambda name: (first.get(name, 2), name.casefold(), name))
