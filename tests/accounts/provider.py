"""A real OAuth and OpenID Connect provider, and GitHub's part of it, on a port of its own; it can be made to misbehave."""

import hashlib
import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

Answer = Callable[["Handler"], None]
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
SECOND = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
ED = OKPKey.generate_key("Ed25519", {"kid": "three", "use": "sig"})


class Provider(ThreadingHTTPServer):
    """Knows one client. `person` is who agrees; `answers` replaces what a path answers.

    `asked` are the paths asked, `shown` how the client showed its secret.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.client, self.secret = "jobsite", "s3cret"
        self.person: dict[str, Any] = {"sub": "248289761001", "id": 248289, "login": "octo"}
        self.emails: Any = []
        self.userinfo: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.sign = self._sign
        self.key: Any = RSA
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.published: list[Any] = [RSA]
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.shown: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.over = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some of these tests are about."""

    def authorise(self, address: str) -> str:
        """What a person's agreement in the browser leads to: the address to go back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["client_id"] == self.client
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["scope"] == ("openid profile email" if "nonce" in query else "user:email")
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def id_token(self, asked: dict[str, str]) -> str:
        """The signed ID token of whoever agreed."""
        moment = int(time.time())
        claims = {"iss": self.address, "aud": self.client, "iat": moment, "exp": moment + 300}
        claims |= {"nonce": asked.get("nonce")} | self.person | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return self.sign(claims)

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(self.header, claims, self.key, algorithms=[self.header["alg"]])


class Handler(BaseHTTPRequestHandler):
    """The endpoints."""

    server: Provider

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer({name: values[0] for name, values in parse_qs(form).items()})

    def _answer(self, form: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        if path in self.server.answers:
            return self.server.answers[path](self)
        if path in ("/authorize", "/login/oauth/authorize"):
            return self.say(302, b"", Location=self.server.authorise(self.path))
        given = {
            "/.well-known/openid-configuration": self._about,
            "/keys": lambda: {"keys": [key.as_dict(private=False) for key in self.server.published]},
            "/userinfo": lambda: self._private({"sub": self.server.person["sub"]} | self.server.userinfo),
            "/api/v3/user": lambda: self._private(self.server.person),
            "/api/v3/user/emails": lambda: self._private(self.server.emails),
            "/token": lambda: self._token(form),
            "/login/oauth/access_token": lambda: self._token(form),
        }[path]()
        self.say(200, json.dumps(given).encode())

    def _about(self) -> dict[str, Any]:
        here = self.server.address
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        ends |= {"userinfo_endpoint": "userinfo"}
        return {
            "issuer": here,
            **{name: f"{here}/{end}" for name, end in ends.items()},
            **self.server.about,
        }

    def _client(self, form: dict[str, str]) -> tuple[str | None, ...]:
        """The client's name and secret, by whichever way they were shown."""
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        self.server.shown.append("basic" if kind == "Basic" else "post")
        if kind == "Basic":
            return tuple(b64decode(text).decode().split(":"))
        return form.get("client_id"), form.get("client_secret")

    def _token(self, form: dict[str, str]) -> dict[str, Any]:
        asked = self.server.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or self._client(form) != (self.server.client, self.server.secret)
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]
        ):
            return {"error": "bad_verification_code", "error_description": "<b>no</b>"}
        token = secrets.token_urlsafe(8)
        self.server.tokens.add(token)
        tokens = {"access_token": token, "token_type": "bearer"}
        return tokens | ({"id_token": self.server.id_token(asked)} if "nonce" in asked else {})

    def _private(self, what: Any) -> Any:
        known = self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.tokens
        return what if known else {"message": "Bad credentials"}

    def say(self, status: int, data: bytes, **headers: str) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def says(data: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer of one's choice."""
    return lambda handler: handler.say(status, data, **headers)


def says_nothing(handler: Handler) -> None:
    """Take the request and never answer."""
    handler.server.over.wait(60)


def drips(handler: Handler) -> None:
    """Begin an answer and go on with a byte at a time: each read succeeds, and the answer never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")
