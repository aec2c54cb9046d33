"""A site elsewhere as a person asks it from a command line, with a personal token: no instance is needed."""

import json as json_format
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jobsite.core.errors import Denied, Refused
from jobsite.core.outgoing import NoAnswer, exchange

SECONDS = 60.0
"""A call may take so long: the site asks a repository and about codelists before it answers."""
MOST_BYTES = 32 * 2**20
NO_SITE = "What answers at this address is not the programming interface of a site."
NEARBY = ("localhost", "127.0.0.1", "::1")


class NoUse(Refused):
    """The site gave no answer that can be used; the sentence says why."""


@dataclass(frozen=True)
class Site:
    """The site at an address, asked with a token: `token` alone or `username:token`.

    Raises `Denied` for an address to which a token is not sent: one that is not https, unless it is this very machine.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        if not self.token:
            raise Denied("A personal token is needed: set JOBSITE_REMOTE_TOKEN. The settings page makes one.")
        parts = urlsplit(self.url)
        if not (parts.hostname and (parts.scheme == "https" or self._is_near)):
            raise Denied("The address has to begin with https://, so that nobody reads the token on its way.")
        if not (self.token.isascii() and self.token.isprintable()):
            raise Denied("JOBSITE_REMOTE_TOKEN is not a token.")

    @property
    def _is_near(self) -> bool:
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname in NEARBY

    def get(self, path: str, params: Mapping[str, str] = {}, *, keys: Collection[str]) -> Any:
        """The JSON at `path` below `/api/v2/`: an object with these keys, or a list of such. Raises `Refused` with what
        the site says against it, or `NoUse`."""
        return _with(keys, self._ask("GET", path + (f"?{urlencode(params)}" if params else ""), None))

    def post(self, path: str, sent: Mapping[str, Any], *, keys: Collection[str]) -> Any:
        """The same, of what answers this object. It is sent again when the connection breaks off: whoever calls sees to
        it that this does nothing twice."""
        return _with(keys, self._ask("POST", path, json_format.dumps(sent).encode()))

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        try:
            return self._once(method, path, body)
        except NoAnswer as cause:
            if not cause.is_lost:
                raise NoUse(f"The site {cause}.") from None
        try:
            return self._once(method, path, body)
        except NoAnswer as cause:
            raise NoUse(f"The site {cause}.") from None

    def _once(self, method: str, path: str, body: bytes | None) -> Any:
        whose = self.token if ":" in self.token else f"Bearer {self.token}"
        headers = {"Authorization": whose, "Content-Type": "application/json"}
        address = f"{self.url.rstrip('/')}/api/v2/{path}"
        answer = exchange(
            address, seconds=SECONDS, method=method, headers=headers, body=body, most=MOST_BYTES
        )
        try:
            data = json_format.loads(answer.body)
        except (ValueError, RecursionError):
            raise NoUse(NO_SITE) from None
        if answer.status in (200, 201):
            return data
        kind = NoUse if answer.status == 429 or answer.status >= 500 else Refused
        raise kind(sentence_in(data) or f"The site answered with status {answer.status}.")


def _with(keys: Collection[str], data: Any) -> Any:
    for row in data if isinstance(data, list) else [data]:
        if not (isinstance(row, dict) and row.keys() >= set(keys)):
            raise NoUse(NO_SITE)
    return data


def sentence_in(data: Any) -> str:
    """The sentences of a refusal, one a line: its `detail`, or those of its fields after their names."""
    if isinstance(data, dict):
        lines = {name: line for name, value in data.items() if (line := sentence_in(value))}
        return "\n".join(line if name == "detail" else f"{name}: {line}" for name, line in lines.items())
    if isinstance(data, list):
        return "\n".join(line for one in data if (line := sentence_in(one)))
    return data if isinstance(data, str) else ""


def segment(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")
