"""What later rooms add to the pages of this one: `create_app` hands in functions, pages ask them for parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app

MAIN, ASIDE = "main", "aside"


@dataclass(frozen=True)
class Part:
    """A piece of a page: its template, which finds `data` as `part.data`, and the column it stands in."""

    template: str
    place: str
    data: Mapping[str, Any]


Adds = Callable[..., list[Part]]


def parts(page: str, **about: Any) -> list[Part]:
    """What other rooms add to a page ("home", "workspace", "project"), in the order they were handed in.

    The functions are those of `app.extensions["jobsite.parts"][page]`; each gets `person` and what the page is
    about (`workspace=` or `project=`) as keywords.
    """
    adds: Mapping[str, list[Adds]] = current_app.extensions.get("jobsite.parts", {})
    return [part for add in adds.get(page, ()) for part in add(**about)]
