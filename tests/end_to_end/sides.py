"""Both sides as processes of their own, with a network between them, and what people do there."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import make_token
from jobsite.instance import close_instance, open_instance
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

from ..databases import tuples
from ..jobs.conftest import Study
from ..servers import Server, jobs_in, jobsite_json
from .browsing import Browser
from .proxy import Proxy

PEOPLE = {
    "ada": ["ProjectDeveloper"], "cat": ["OutputChecker"], "cyd": ["OutputChecker"], "pat": ["OutputPublisher"],
    "sam": ["StaffAreaAdministrator"],
}  # fmt: skip


class Sides:
    """The two instances, their servers, and what is between them."""

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        study: Mapping[str, str],
        *,
        of_public: Mapping[str, str] = {},
        of_secure: Mapping[str, str] = {},
        every: int = 3,
    ) -> None:
        """`study` are the files of the study; `of_public` and `of_secure` are more of the environment of the servers, and every
        so many-th call between them has a fault, none with 0."""
        self.folder, self._stack = folder, stack
        self.study = Study(folder / "repositories" / "study")
        self.study.commit(**study)
        repositories = {"JOBSITE_ALLOWED_REPOS": f"{folder}/repositories/"}
        self._of_public = {"JOBSITE_SIDE": "public", **repositories, **of_public}
        token = self._people()
        self.public = self._serve(folder / "public", self._of_public)
        self.network = stack.enter_context(Proxy(self.public.address, every=every))
        self._of_secure = {
            "JOBSITE_SIDE": "secure", "JOBSITE_PUBLIC_URL": self.network.address, "JOBSITE_BACKEND_TOKEN": token,
            "JOBSITE_RUNTIMES": json.dumps({"python:v2": [sys.executable]}), "JOBSITE_UNDO_SECONDS": "1",
            "JOBSITE_POLL_EVERY": "1 s", **repositories, **of_secure,
        }  # fmt: skip
        self.secure = self._serve(folder / "secure", self._of_secure)

    def _people(self) -> str:
        open_instance(
            Settings(instance=self.folder / "public", side="public", allowed_repos=(f"{self.folder}/",))
        )
        for name, roles in PEOPLE.items():
            add_user(by="system", username=name, fullname=name.title(), email=f"{name}@example.org",
                     roles=[role for role in roles if role != "ProjectDeveloper"])  # fmt: skip
        project = add_project(
            by="system", name="Air", orgs=[add_organisation(by="system", name="Northfield")]
        )
        add_member(by="system", project=project, user=user_or_stop("ada"), roles=["ProjectDeveloper"])
        create_workspace(
            by="system", project=project, name="asthma", repo=str(self.study.path), branch="main"
        )
        token = rotate_token(by="system", backend=add_backend(by="system", slug="tpp", name="TPP"))
        close_instance()
        return token

    def _serve(self, instance: Path, environ: dict[str, str]) -> Server:
        return self._stack.enter_context(Server(instance, **environ))

    def kill_public(self) -> None:
        """kill -9 of the public side, which begins anew."""
        self.public.kill()
        self.public = self._serve(self.folder / "public", self._of_public)
        self.network.there = self.public.address

    def kill_secure(self) -> None:
        """kill -9 of the secure side, which begins anew; its jobs run on meanwhile."""
        self.secure.kill()
        self.secure = self._serve(self.folder / "secure", self._of_secure)

    def asks(self, *actions: str) -> int:
        """A job request by ada on the public side; gives its number."""
        words = ("request", "asthma", *actions, "--by", "ada", "--backend", "tpp")
        return int(jobsite_json(self.folder / "public", *words, **self._of_public)["id"])

    def there(self) -> dict[str, list[str]]:
        """The states of the jobs of each action on the public side, newest first."""
        found: dict[str, list[str]] = {}
        for job in jobs_in(self.folder / "public"):
            found.setdefault(job["action"], []).append(job["state"])
        return found

    def rows(self, statement: str, *, of: str = "public") -> list[Any]:
        """What a statement gives on a side."""
        return tuples(self.folder / of, statement)

    def status_of(self, request: str) -> str:
        """The status of a release request on the secure side."""
        rows = self.rows(f"SELECT status FROM release_request WHERE id = '{request}'", of="secure")  # noqa: S608
        return str(rows[0][0])

    def token(self, user: str) -> str:
        """A single-use token, which the public side makes."""
        open_instance(Settings(instance=self.folder / "public", side="public"))
        words = make_token(by="system", user=user_or_stop(user))
        close_instance()
        return words

    def browser(self, user: str, server: Server) -> Browser:
        """Of somebody who has logged in there; when the answer is lost on its way the token is used up, and they take another."""
        made = Browser(server.address)
        until(lambda: made.signs_in(user, self.token(user)))
        return made


def until(holds: Callable[[], object], *, seconds: int = 90) -> None:
    """Wait for it. A bad network takes its time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)
