"""Every page asked both ways: the fragment that htmx gets is part of the page everybody gets."""

import re
from collections.abc import Callable

from flask import Flask, g
from flask.testing import FlaskClient

from .jobs.conftest import ask, engine, run, run_until, settings, study, workspace  # noqa: F401
from .test_routes import address, routes, world  # noqa: F401

TIMES = re.compile(r"\d+ s ago|just now|\d\d:\d\d:\d\d|value=\"[^\"]{20,}\"")


def test_fragments_are_parts_of_their_pages(
    world: dict[str, str],  # noqa: F811
    app: Flask,
    sign_in: Callable[..., FlaskClient],
) -> None:
    client = sign_in(app.test_client(), "ada")
    asked: list[tuple[str, str]] = []
    for route in routes(app):
        if "GET" not in route.methods:
            continue
        where = address(route, world)
        for fragment in fragments_of(client, where):
            whole = client.get(where)
            part = client.get(where, headers={"HX-Request": "true", "HX-Target": fragment})
            assert part.status_code == 200, (where, fragment)
            assert "<html" not in part.text, (where, fragment)
            assert len(part.text) < len(whole.text)
            first = f'id="{fragment}"'
            if first not in whole.text:  # a region that has nothing to say here
                assert not part.text.strip(), (where, fragment)
                continue
            assert first in part.text, (where, fragment)
            assert same(part.text) in same(whole.text), (where, fragment)
            asked.append((where, fragment))
    assert len(asked) >= 5, asked


def fragments_of(client: FlaskClient, where: str) -> tuple[str, ...]:
    """The fragments that the view of an address offers to `page`."""
    with client:
        client.get(where, buffered=True)
        return g.get("fragments", ())


def same(text: str) -> str:
    """The text without what changes from one moment to the next, and with one kind of blank."""
    return " ".join(TIMES.sub("-", text).split())
