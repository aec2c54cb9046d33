"""How much of a body the server takes in: of a file that is uploaded more than of anything else, and below `/api/` a refusal is
JSON.

The server keeps what comes in outside its memory until it is whole. A file that is somewhat too large is taken in all the
same: so the program that sends it hears the sentence that says so, instead of a connection that breaks.
"""

import copy
import json
import re
import time
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import Error

from jobsite.core.api_errors import API, DETAILS
from jobsite.core.channels import SLOWEST, Channel
from jobsite.releases.rules import too_large
from jobsite.settings import current

_UPLOAD = re.compile(r"/api/v2/releases/release/[^/]+")


class JsonError(Error):
    """A refusal of the server itself as JSON, for programs."""

    def __init__(self, error: Error, detail: str) -> None:
        super().__init__(detail)
        self.code, self.reason = error.code, error.reason

    def to_response(self, ident: Any = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body."""
        body = json.dumps({"detail": self.body}).encode()
        return f"{self.code} {self.reason}", [("Content-Type", "application/json")], body


class Parser(HTTPRequestParser):
    """A request as it comes in."""

    adj: Any
    error: Any

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; that of an upload has a limit of its own for what follows. One that says in two ways how long the body
        is means another thing to a proxy than to us, perhaps, and is refused."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both Content-Length and Transfer-Encoding")
        if self.is_upload:
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size += 2 * current().level4_max_filesize

    def received(self, data: bytes) -> int:
        """Take in what came."""
        taken = super().received(data)
        path = getattr(self, "path", "")
        if self.error is not None and path.startswith(API) and not isinstance(self.error, JsonError):
            self.error = JsonError(self.error, self._detail())
        return int(taken)

    @property
    def is_upload(self) -> bool:
        """Whether what follows the head is a file."""
        return self.command == "POST" and _UPLOAD.fullmatch(self.path) is not None

    def _detail(self) -> str:
        if self.error.code == 413:
            return too_large(current().level4_max_filesize) if self.is_upload else DETAILS[413]
        return DETAILS[400]


class Receiving(Channel):
    """A connection of the web server whose requests are taken in so."""

    parser_class = Parser

    def received(self, data: bytes) -> bool:
        """Take what came in. A file may take as long as its bytes do on a slow line, and no longer."""
        taken = super().received(data)
        if self._began is not None and self.request.headers_finished and self.request.is_upload:
            worth = self.request.body_bytes_received / SLOWEST
            self.last_activity = min(time.time(), self._began + worth)
        return taken

    def handle_close(self) -> None:
        """Close the connection, and with it what has come in of a request that will not be whole."""
        if self.request is not None:
            self.request.close()
        super().handle_close()
