"""The webhook at a real web server: what is sent, how it is signed, and what happens when it is not taken."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jobsite.accounts.actions import add_user
from jobsite.core import clock
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery
from jobsite.notifications.reading import read_news

from .conftest import SITE, Call, Listener, WebServer

SECRET = "hush-hush"


@pytest.fixture(autouse=True)
def hook(cast: SimpleNamespace, web: WebServer, configure: Callable[..., None]) -> WebServer:
    """The site has a webhook with a secret."""
    read_news()
    configure(webhook_url=f"{web.url}/hook/?to=us", webhook_secret=SECRET)
    return web


def tell() -> Delivery:
    """Make news of the site, and try to deliver it once; the row as it is then."""
    add_user(by="system", username="eve", fullname="Eve")
    read_news()
    deliver_due("webhook")
    return Delivery.get(Delivery.channel == "webhook")


def signature_of(call: Call, secret: bytes) -> str:
    """What a receiver computes."""
    content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    return "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def test_one_post_of_json_for_each_piece_of_news(hook: WebServer) -> None:
    row = tell()
    assert row.state == "sent"
    [call] = hook.calls
    assert (call.method, call.path) == ("POST", "/hook/?to=us")
    assert call.headers["Content-Type"] == "application/json"
    sent = json.loads(call.body)
    assert sent["type"] == "user-added"
    assert sent["data"]["subject"] == "New user: eve"
    assert sent["data"]["link"] == f"{SITE}/users/eve/"
    assert sent["data"]["facts"] == {"username": "eve"}
    assert sent["data"]["id"] == row.identifier == call.headers["webhook-id"]


def test_it_is_signed_with_the_secret_and_the_time_of_the_try(hook: WebServer) -> None:
    tell()
    [call] = hook.calls
    assert call.headers["webhook-signature"] == signature_of(call, SECRET.encode())
    assert call.headers["webhook-signature"] != signature_of(call, b"another")
    assert SECRET not in call.body.decode() + str(call.headers)


def test_a_secret_in_the_form_of_the_standard_is_decoded(
    hook: WebServer, configure: Callable[..., None]
) -> None:
    configure(webhook_secret="whsec_" + base64.b64encode(b"bytes").decode())
    tell()
    [call] = hook.calls
    assert call.headers["webhook-signature"] == signature_of(call, b"bytes")


def test_without_a_secret_it_is_not_signed(hook: WebServer, configure: Callable[..., None]) -> None:
    configure(webhook_secret="")
    tell()
    assert "webhook-signature" not in hook.calls[0].headers


def test_a_refused_one_is_tried_again_under_the_same_id_with_a_new_signature(hook: WebServer) -> None:
    hook.answers = [500]
    row = tell()
    assert (row.state, row.last_error) == ("waiting", "The webhook answered with status 500.")
    with clock.at(clock.now() + timedelta(minutes=2)):
        deliver_due("webhook")
    first, second = hook.calls
    assert Delivery.get_by_id(row.id).state == "sent"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert second.headers["webhook-signature"] == signature_of(second, SECRET.encode())


def test_who_says_gone_is_not_asked_again(hook: WebServer) -> None:
    hook.answers = [410]
    assert tell().state == "given_up"


def test_a_redirect_is_not_followed(hook: WebServer) -> None:
    hook.answers = [(307, {"Location": f"{hook.url}/elsewhere"}, b"")]
    row = tell()
    assert row.last_error == "The webhook answered with a redirect, which is not followed."
    assert len(hook.calls) == 1


@pytest.mark.parametrize(
    ("talk", "sentence"),
    [
        (lambda one: one.recv(1) and one.recv(100_000) and None, "did not answer within 0.4 seconds"),
        (lambda one: one.sendall(b"220 mail\r\n"), "gave an answer that cannot be understood"),
    ],
)
def test_what_is_silent_or_no_web_server_is_said(
    configure: Callable[..., None], listener: Callable[..., Listener], talk: Any, sentence: str
) -> None:
    def stay(one: Any) -> None:
        talk(one)
        one.settimeout(5)
        while one.recv(100_000):
            pass

    odd = listener(stay)
    configure(webhook_url=f"http://127.0.0.1:{odd.port}/", delivery_timeout=timedelta(seconds=0.4))
    row = tell()
    assert row.state == "waiting"
    assert row.last_error.startswith("The webhook ") and sentence in row.last_error


def test_a_webhook_that_fails_keeps_no_mail_back(
    hook: WebServer, cast: SimpleNamespace, configure: Callable[..., None]
) -> None:
    hook.answers = [500]
    assert tell().state == "waiting"
    assert deliver_due("mail") == 0
