"""The policy: every number and word that the rules go by, versioned, as data (specification 5.2). Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jobsite.checks.catalogue import RULES
from jobsite.checks.findings import SEVERITIES

LARGEST = 1024 * 1024  # bytes of a policy file

DEFAULT: Mapping[str, Any] = {
    "policy": "default",
    "version": 1,
    "effective_from": "2026-01-01",
    "counts": {
        "threshold": 7,
        "base": 5,
        "midpoint": 6,
        "allow": ["nearest", "midpoint6"],
        "protect_width": 3,
    },
    "models": {"min_dof": 10},
    "limits": {
        "file_bytes": 16777216,
        "csv_rows": 5000,
        "csv_cols": 200,
        "files_per_request": 200,
        "log_chars": 10000,
    },
    "types": {
        "release": ["csv", "jpg", "jpeg", "png", "svg", "txt", "json", "md"],
        "ask": ["html", "log", "svgz"],
    },
    "reviews": {"needed": 2, "colleagues": "refuse", "undo_seconds": 60, "download": False},
    "tokens": {
        "hidden": [
            "[redacted]",
            "redacted",
            "suppressed",
            "<=7",
            "<8",
            "≤7",
            "*",
            "c",
            "na",
            "n/a",
        ],
        "missing": ["", "null", "none", "nan", "-", "."],
        "zero_may_hide": ["ehrql-measures"],
    },
    "areas_allowed": ["E92", "W92", "S92", "N92", "E12"],
    "severity": {},
    "off": [],
}
"""The policy shipped with the code, in the form of the JSON file."""

_NUMBERS = {
    "counts": ("threshold", "base", "midpoint", "protect_width"),
    "models": ("min_dof",),
    "limits": ("file_bytes", "csv_rows", "csv_cols", "files_per_request", "log_chars"),
}
_WORDS = {
    "counts": ("allow",),
    "types": ("release", "ask"),
    "tokens": ("hidden", "missing", "zero_may_hide"),
}


class BadPolicy(ValueError):
    """A policy cannot be read or does not make sense; the text is a sentence that says why."""


class Counts(NamedTuple):
    """Counts of 1 to `threshold` are hidden, then rounded to `base` or to midpoint `midpoint` where `allow` says so."""

    threshold: int
    base: int
    midpoint: int
    nearest_allowed: bool
    midpoint_allowed: bool
    protect_width: int


@dataclass(frozen=True)
class Policy:
    """One version of one policy. `document` is its whole JSON form; the rest is what the rules read of it."""

    name: str
    version: int
    counts: Counts
    min_dof: int
    limits: Mapping[str, int]
    release: frozenset[str]
    ask: frozenset[str]
    hidden: frozenset[str]
    missing: frozenset[str]
    zero_may_hide: frozenset[str]
    areas_allowed: tuple[str, ...]
    severity: Mapping[str, str]
    off: frozenset[str]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """Of the canonical JSON: UTF-8, sorted keys, no blanks."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The whole document, as `load_policy` reads it."""
        document: dict[str, Any] = json.loads(json.dumps(self.document))
        return document


def policy_from(document: Any) -> Policy:
    """The policy of a parsed JSON document; what it leaves out is as in the default. Raises BadPolicy.

    A document that changes the threshold and names no hidden tokens gets those of its own threshold.
    """
    if not isinstance(document, dict):
        raise BadPolicy("A policy is a JSON object.")
    unknown = sorted(set(document) - set(DEFAULT) - {"note", "author", "approver"})
    if unknown:
        raise BadPolicy(f"A policy has no part called '{unknown[0]}'.")
    whole = {name: _part(document, name) for name in DEFAULT} | {
        name: document[name] for name in ("note", "author", "approver") if name in document
    }
    _check(whole)
    if "hidden" not in document.get("tokens", {}):
        whole["tokens"]["hidden"] = _hidden_tokens(whole["counts"]["threshold"])
    return _read(whole)


def default_policy(threshold: int | None = None, base: int | None = None, **limits: int) -> Policy:
    """The policy shipped with the code, with the threshold, rounding base and limits of an installation's settings."""
    counts = {name: value for name, value in (("threshold", threshold), ("base", base)) if value is not None}
    return policy_from({"counts": counts, "limits": limits})


def load_policy(path: Path) -> Policy:
    """The policy in a JSON file. Raises BadPolicy, also for a file that cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise BadPolicy(f"The policy {path} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST:
        raise BadPolicy(f"The policy {path} is larger than 1 MiB.")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise BadPolicy(f"The policy {path} is not JSON in UTF-8.") from None
    return policy_from(document)


def _part(document: dict[str, Any], name: str) -> Any:
    given, usual = document.get(name, DEFAULT[name]), DEFAULT[name]
    if not isinstance(usual, dict):
        return list(given) if isinstance(given, list) else given
    if not isinstance(given, dict):
        raise BadPolicy(f"'{name}' in a policy is an object.")
    unknown = sorted(set(given) - set(usual)) if usual else []
    if unknown:
        raise BadPolicy(f"'{name}' in a policy has no part called '{unknown[0]}'.")
    return {**usual, **given}


def _check(whole: dict[str, Any]) -> None:
    if not isinstance(whole["policy"], str) or not whole["policy"]:
        raise BadPolicy("'policy' is the policy's name.")
    if not _whole_number(whole["version"]):
        raise BadPolicy("'version' is a whole number from 1.")
    for part, names in _NUMBERS.items():
        for name in names:
            if not _whole_number(whole[part][name]):
                raise BadPolicy(f"'{part}.{name}' is a whole number from 1.")
    lists = [(f"{part}.{name}", whole[part][name]) for part, names in _WORDS.items() for name in names]
    for name, value in [*lists, ("areas_allowed", whole["areas_allowed"]), ("off", whole["off"])]:
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise BadPolicy(f"'{name}' is a list of words.")
    for rule, severity in whole["severity"].items():
        if severity not in SEVERITIES:
            raise BadPolicy(f"The severity of {rule} is one of {', '.join(SEVERITIES)}.")
    for rule in (*whole["severity"], *whole["off"]):
        if rule not in RULES:
            raise BadPolicy(f"There is no rule '{rule}'.")
    if not _allowed(whole, "nearest") and not _allowed(whole, "midpoint"):
        raise BadPolicy("'counts.allow' names 'nearest', the midpoint rounding, or both.")


def _whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**12


def _allowed(whole: dict[str, Any], way: str) -> bool:
    word = way if way == "nearest" else f"midpoint{whole['counts']['midpoint']}"
    return word in whole["counts"]["allow"]


def _hidden_tokens(threshold: int) -> list[str]:
    usual = DEFAULT["counts"]["threshold"]
    changed = {
        f"<={usual}": f"<={threshold}",
        f"<{usual + 1}": f"<{threshold + 1}",
        f"≤{usual}": f"≤{threshold}",
    }
    return [changed.get(token, token) for token in DEFAULT["tokens"]["hidden"]]


def _read(whole: dict[str, Any]) -> Policy:
    counts, tokens = whole["counts"], whole["tokens"]
    return Policy(
        name=whole["policy"],
        version=whole["version"],
        counts=Counts(
            counts["threshold"],
            counts["base"],
            counts["midpoint"],
            _allowed(whole, "nearest"),
            _allowed(whole, "midpoint"),
            counts["protect_width"],
        ),
        min_dof=whole["models"]["min_dof"],
        limits=whole["limits"],
        release=_folded(whole["types"]["release"]),
        ask=_folded(whole["types"]["ask"]),
        hidden=_folded(tokens["hidden"]),
        missing=_folded(tokens["missing"]),
        zero_may_hide=_folded(tokens["zero_may_hide"]),
        areas_allowed=tuple(whole["areas_allowed"]),
        severity=whole["severity"],
        off=frozenset(whole["off"]),
        document=whole,
    )


def _folded(words: list[str]) -> frozenset[str]:
    return frozenset("".join(word.split()).casefold() for word in words)
