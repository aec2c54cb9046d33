"""A person who asks the application for pages in this process, and what each answer costs: the rows of section 13 of the
specification of output checking."""

import gc
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from bench.figure import Figure
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import make_token
from jobsite.core.db import database

CALLS = 200


@dataclass(frozen=True)
class Goals:
    """The most that a page or act may cost: milliseconds, queries, and kilobytes as sent in gzip; None is no goal."""

    milliseconds: float | None
    queries: int | None = None
    kilobytes: float | None = None


@dataclass(frozen=True)
class Answer:
    """An answer with what it cost: seconds on the wall and of the processor, and the number of queries."""

    response: TestResponse
    seconds: float
    processor: float
    queries: int


class Person:
    """Somebody who is logged in."""

    def __init__(self, app: Flask, username: str) -> None:
        gc.collect()
        gc.freeze()  # as a server does when it begins (`serve.web_server`): what made the world here is not its
        self.client = app.test_client()
        token = make_token(by="system", user=user_or_stop(username))
        [form, *_] = _forms(self.client.get("/login/").text, 'name="token"')
        answer = self.client.post("/login-with-token/", data={**form, "user": username, "token": token})
        if answer.status_code != 303:
            raise RuntimeError(f"{username} cannot log in: {answer.status_code}")

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> Answer:
        """A page, compressed as browsers ask for it. Raises RuntimeError for anything but 200."""
        wanted = {"Accept-Encoding": "gzip", **(headers or {})}
        return self._timed(200, lambda: self.client.get(address, headers=wanted, buffered=True))

    def forms(self, page: str, holds: str) -> list[dict[str, str]]:
        """What each form of a page that holds this text carries, but for its ticket, so that it can be sent again."""
        found = _forms(self.client.get(page).text, holds)
        return [{name: value for name, value in one.items() if name != "ticket"} for one in found]

    def send(self, address: str, fields: Mapping[str, str | list[str]]) -> Answer:
        """A form, sent. Raises RuntimeError for anything but 303."""
        return self._timed(303, lambda: self.client.post(address, data=fields))

    def _timed(self, status: int, ask: Callable[[], TestResponse]) -> Answer:
        with counted() as queries:
            begun, used = time.perf_counter(), time.thread_time()
            response = ask()
            seconds, processor = time.perf_counter() - begun, time.thread_time() - used
        if response.status_code != status:
            raise RuntimeError(f"{response.request.path}: {response.status_code} {response.text[:2000]}")
        return Answer(response, seconds, processor, len(queries))


def page_figures(name: str, goals: Goals, ask: Callable[[], Answer], calls: int = CALLS) -> list[Figure]:
    """95th percentiles over so many calls, the most queries of one, and the size of the answer."""
    answers = [ask() for _ in range(calls)]
    found = [
        Figure(f"{name}, ms", _slow([one.seconds for one in answers]), "ms", goals.milliseconds),
        Figure(f"{name}, ms of the processor", _slow([one.processor for one in answers]), "ms"),
        Figure(f"{name}, queries", max(one.queries for one in answers), "", goals.queries),
    ]
    if goals.kilobytes:
        size = max(len(one.response.data) for one in answers) / 1000
        found.append(Figure(f"{name}, in gzip", size, "kB", goals.kilobytes))
    return found


def _slow(seconds: list[float]) -> float:
    return sorted(seconds)[max(0, int(len(seconds) * 0.95) - 1)] * 1000


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of the block, without PRAGMAs and what begins and ends transactions."""
    asked: list[str] = []

    def note(event: Any, *_: Any, **__: Any) -> None:
        if not str(event).startswith(("PRAGMA", "BEGIN", "COMMIT")):
            asked.append(str(event))

    database.obj.query_hooks.append(note)
    try:
        yield asked
    finally:
        database.obj.query_hooks.remove(note)


def _forms(page: str, holds: str) -> list[dict[str, str]]:
    """The hidden fields of each form of a page that holds a text. Raises RuntimeError where there is none."""
    forms = [one for one in re.findall(r"<form\b.*?</form>", page, re.DOTALL) if holds in one]
    if not forms:
        raise RuntimeError(f"there is no form with {holds}")
    return [_hidden(form) for form in forms]


def _hidden(form: str) -> dict[str, str]:
    tags = (tag for tag in re.findall(r"<input\b[^>]*>", form) if 'type="hidden"' in tag)
    pairs = (re.search(r'name="([^"]*)"[^>]*?value="([^"]*)"', tag) for tag in tags)
    return {found[1]: unescape(found[2]) for found in pairs if found}
