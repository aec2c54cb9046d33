"""Both sides as processes of their own, with a bad network between them: what is asked for outside runs inside, is reviewed
there, and comes out once; what must not come out does not."""

import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import make_token
from jobsite.instance import close_instance, open_instance
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.releases.bundles.verifying import verify
from jobsite.settings import Settings

from ..jobs.conftest import Study, project_yaml
from ..servers import Server, jobs_in, jobsite_json
from .browsing import Browser, words
from .proxy import FAULTS, Proxy

MARK = "QUITESECRET"
SLOW = f"""
import pathlib, time
print("{MARK} on a line of the log", flush=True)
pathlib.Path("output").mkdir(exist_ok=True)
pathlib.Path("output/{MARK}.csv").write_text("{MARK},n\\nNorth,120\\n")
pathlib.Path("output/table.csv").write_text("region,n\\nNorth,120\\nSouth,85\\n")
time.sleep(4)
"""
FAILS = f"""
raise SystemExit("{MARK} is the end of it")
"""
YAML = project_yaml(
    make=("python:v2 make.py", [], {"moderately_sensitive": {"tables": "output/*.csv"}}),
    fail=("python:v2 fail.py", ["make"], {"moderately_sensitive": {"none": "none/*.csv"}}),
)
PEOPLE = {
    "ada": ["ProjectDeveloper"], "cat": ["OutputChecker"], "cyd": ["OutputChecker"], "pat": ["OutputPublisher"],
    "sam": ["StaffAreaAdministrator"],
}  # fmt: skip


class Sides:
    """The two instances, their servers, and what is between them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.study = Study(folder / "repositories" / "study")
        self.study.commit(project__yaml=YAML, make__py=SLOW, fail__py=FAILS)
        repositories = {"JOBSITE_ALLOWED_REPOS": f"{folder}/repositories/"}
        self._of_public = {"JOBSITE_SIDE": "public", **repositories}
        token = self._people()
        self.public = self._serve(folder / "public", self._of_public)
        self.network = stack.enter_context(Proxy(self.public.address))
        self._of_secure = {
            "JOBSITE_SIDE": "secure", "JOBSITE_PUBLIC_URL": self.network.address, "JOBSITE_BACKEND_TOKEN": token,
            "JOBSITE_RUNTIMES": json.dumps({"python:v2": [sys.executable]}), "JOBSITE_UNDO_SECONDS": "1",
            "JOBSITE_POLL_EVERY": "1 s", **repositories,
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

    def rows(self, statement: str) -> list[Any]:
        """What a statement gives on the public side."""
        with closing(sqlite3.connect(f"file:{self.folder}/public/jobsite.db?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

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


@pytest.fixture
def sides(tmp_path: Path, socket_enabled: None) -> Iterator[Sides]:
    with ExitStack() as stack:
        yield Sides(tmp_path, stack)


def until(holds: Callable[[], object], *, seconds: int = 90) -> None:
    """Wait for it. A bad network takes its time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def test_what_is_asked_for_outside_runs_inside_and_comes_out_once(sides: Sides, tmp_path: Path) -> None:
    number = sides.asks("run_all")
    page = f"/asthma/{number}/"
    visitor = Browser(sides.public.address)
    until(lambda: sides.there().get("make") == ["running"])
    assert "Running" in visitor.text(page)
    sides.kill_secure()
    sides.kill_public()
    visitor = Browser(sides.public.address)
    until(lambda: sides.there() == {"make": ["succeeded"], "fail": ["failed"]})
    assert "Failed, 1 of 2 succeeded" in visitor.text(page)

    again = sides.asks("make")
    until(lambda: sides.there()["make"][0] == "running")
    sides.network.is_open = False  # and so it stays while the job ends and the server is killed
    until(lambda: {job["state"] for job in jobs_in(tmp_path / "secure")} == {"succeeded", "failed"})
    sides.kill_secure()
    assert sides.there()["make"][0] == "running"
    sides.network.is_open = True
    until(lambda: sides.there()["make"] == ["succeeded", "succeeded"])
    assert f"/asthma/{again}/" in visitor.ask("/asthma/logs/")[2].decode()

    release = reviewed(sides)
    sides.kill_secure()
    until(lambda: sides.rows("SELECT 1 FROM release_file WHERE uploaded_at IS NOT NULL AND NOT is_record"))
    sides.kill_public()
    until(lambda: state_of(sides, release) == "RELEASED")
    published(sides, tmp_path)

    assert sides.rows("SELECT count(*), count(DISTINCT identifier) FROM job") == [(3, 3)]
    assert sides.rows("SELECT id FROM release") == [(release,)]
    assert sides.rows("SELECT count(*) FROM release_file WHERE NOT is_record") == [(1,)]
    news = "SELECT kind, count(*) FROM notice WHERE kind LIKE 'review-%' GROUP BY kind, user_id ORDER BY kind"
    until(lambda: len(sides.rows(news)) == 2)
    assert sides.rows(news) == [("review-approved", 1), ("review-released", 1)]
    assert set(sides.network.done) == set(FAULTS), "every fault of the network befell them"
    nothing_got_out(sides)


def reviewed(sides: Sides) -> str:
    """A table is asked for by ada, approved by cat and cyd, and released by cyd, on the secure side; gives its request."""
    ada = sides.browser("ada", sides.secure)
    listed = ada.text("/asthma/level-4/tpp/")
    assert "output/table.csv" in listed and MARK in listed
    made, _ = ada.send(
        "/requests/new/asthma/tpp/?path=output/table.csv",
        path="output/table.csv", kind="OUTPUT", group=f"group {MARK}",
    )  # fmt: skip
    found = re.search(r"/requests/([0-9A-Z]{26})/([^/]+)/", made)
    assert found
    request, group = found.groups()
    ada.send(
        made, do="save", name=f"group {MARK}",
        context=f"{MARK}: counts of 205 adults registered on 1 March 2025, by region. Column n is the number of people.",
        controls="Counts of 7 or fewer are hidden, then all counts are rounded to the nearest 5.",
    )  # fmt: skip
    ada.send(f"/requests/{request}/-/submit/", check=[str(line) for line in range(6)])
    checker = ada
    for name in ("cat", "cyd"):
        checker = sides.browser(name, sides.secure)
        file = f"/requests/{request}/{group}/output/table.csv"
        checker.send(file, do="comment", text=f"A remark with {MARK}.", audience="PRIVATE")
        checker.send(file, do="approve")
        checker.send(f"/requests/{request}/-/my-review/")
    assert "approved" in checker.send(f"/requests/{request}/-/release/")[1]
    return request


def state_of(sides: Sides, request: str) -> str:
    """The status of a release request on the secure side."""
    with closing(sqlite3.connect(f"file:{sides.folder}/secure/jobsite.db?mode=ro", uri=True)) as database:
        found = database.execute("SELECT status FROM release_request WHERE id = ?", (request,)).fetchone()
    return str(found[0])


def published(sides: Sides, tmp_path: Path) -> None:
    """Ada drafts what was released and pat publishes it; a visitor reads the file, and the bundle verifies."""
    ada, pat = (sides.browser(name, sides.public) for name in ("ada", "pat"))
    files = re.findall(r'name="files"[^>]*value="([^"]+)"', ada.ask("/asthma/outputs/new/")[2].decode())
    draft, _ = ada.send("/asthma/outputs/new/", title="Counts by region", files=files)
    place = draft.removeprefix(sides.public.address)
    assert "Counts by region" not in words(Browser(sides.public.address).ask(place)[2])
    pat.send(f"{place}publish/")
    visitor = Browser(sides.public.address)
    assert "output/table.csv" in visitor.text(place)
    bundles = re.findall(r'href="([^"]+bundle\.zip)"', visitor.ask(place)[2].decode())
    status, _, bundle = visitor.ask(bundles[0])
    assert status == 200
    (tmp_path / "bundle.zip").write_bytes(bundle)
    assert all(line.holds for line in verify(tmp_path / "bundle.zip"))


def nothing_got_out(sides: Sides) -> None:
    """No file of the public side, no line of its log and no page of it holds what must stay inside."""
    places = [*(sides.folder / "public").rglob("*"), sides.folder / "public-server.log"]
    for path in places:
        if path.is_file():
            assert MARK.encode() not in path.read_bytes(), path
    for who in ("", "ada", "sam"):
        browser = sides.browser(who, sides.public) if who else Browser(sides.public.address)
        seen, left = set[str](), ["/"]
        while left and len(seen) < 150:
            path = left.pop(0)
            seen.add(path)
            text = browser.ask(path)[2].decode("utf-8", "replace")
            assert MARK not in text, (who, path)
            links = re.findall(r'href="(/[^"#]*)"', text)
            left += [
                link
                for link in dict.fromkeys(links)
                if link not in seen and link not in left and not link.startswith(("/static/", "/manual/"))
            ]
        assert len(seen) > 20
