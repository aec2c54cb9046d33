"""A registry of images in the test process, which knows digests and can be closed, away or mistaken."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

DIGEST = f"sha256:{'d' * 64}"
ALL = ("python:v2", "ehrql:v1", "tools:v1")


@dataclass
class Registry:
    """A server on a free port. `images` are names with tags below `images/`; `mode` is open, token, closed, broken, odd."""

    images: tuple[str, ...] = ALL
    mode: str = "open"
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def prefix(self) -> str:
        """What stands before the names of its images."""
        return f"127.0.0.1:{self._server.server_port}/images"


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            registry.asked.append(self.path)
            port = self.server.server_address[1]
            realm = {"token": f"http://127.0.0.1:{port}/token", "elsewhere": "http://10.0.0.1/token"}
            if registry.mode in realm and self.headers.get("Authorization") != "Bearer given-to-anybody":
                challenge = f'Bearer realm="{realm[registry.mode]}",service="s",scope="repository:x:pull"'
                return self._say(401, {"WWW-Authenticate": challenge})
            if registry.mode in ("closed", "broken"):
                return self._say(403 if registry.mode == "closed" else 500, {})
            name = self.path.removeprefix("/v2/images/").replace("/manifests/", ":")
            known = {"Docker-Content-Digest": "sha256:odd" if registry.mode == "odd" else DIGEST}
            return self._say(200, known) if name in registry.images else self._say(404, {})

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            assert asked == {"service": ["s"], "scope": ["repository:x:pull"]}
            body = json.dumps({"token": "given-to-anybody"}).encode()
            self._say(200, {"Content-Length": str(len(body))})
            self.wfile.write(body)

        def _say(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
