"""The settings as people read them: the value of each as text, hidden where it is secret, and where it comes from."""

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass
from pathlib import Path
from typing import Any

from jobsite.settings import SETTINGS, Settings, given_values


@dataclass(frozen=True)
class Origin:
    """A setting for people: its value as text (hidden when secret), where it came from, its help."""

    name: str
    value: str
    source: str
    help: str


def origins(instance: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> list[Origin]:
    """Every setting with its value and where it came from, in the order of the list."""
    given, sources = given_values(instance, environ)
    settings = Settings(**given)
    return [
        Origin(
            e.name.upper(),
            _shown(e, getattr(settings, e.name)),
            sources.get(e.name, "default"),
            e.metadata["help"],
        )
        for e in SETTINGS
    ]


def _shown(entry: Field[Any], value: Any) -> str:
    if entry.metadata["secret"]:
        return "(set)" if value else ""
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, Mapping):
        return json.dumps(value, default=list)
    return str(value)


def default_text(entry: Field[Any]) -> str:
    """The default of a setting as text, for documents."""
    return "{}" if entry.default is MISSING else _shown(entry, entry.default)
