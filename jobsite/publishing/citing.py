"""How a publication is cited and described to machines: plain text, BibTeX, schema.org (Dataset). Pure.

Vocabulary: https://schema.org/Dataset as Google Dataset Search reads it; BibTeX entry type `misc`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Work:
    """What is cited. `authors` are names as they are written, `publisher` the leading organisation or "", `published_at` naive UTC."""

    title: str
    authors: tuple[str, ...]
    publisher: str
    published_at: datetime
    address: str
    version: int
    key: str
    description: str = ""


@dataclass(frozen=True)
class Part:
    """One file of it: where its bytes are, of what type they are, how many, their SHA-256."""

    name: str
    address: str
    content_type: str
    size: int
    sha256: str


def plain(work: Work) -> str:
    """One line: authors, title, version, publisher, year, address."""
    said = ". ".join(
        part for part in (", ".join(work.authors), f"{work.title}: outputs, version {work.version}") if part
    )
    source = "; ".join(part for part in (work.publisher, str(work.published_at.year)) if part)
    return f"{said}. {source}. {work.address}"


def bibtex(work: Work) -> str:
    """One entry of a BibTeX file, ending with a line end."""
    fields = {
        "author": " and ".join(f"{{{_tex(name)}}}" for name in work.authors),
        "title": f"{{{_tex(work.title)}}}",
        "publisher": _tex(work.publisher),
        "year": str(work.published_at.year),
        "month": str(work.published_at.month),
        "version": str(work.version),
        "url": work.address.replace("{", "").replace("}", ""),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{re.sub(r'[^A-Za-z0-9-]', '', work.key)},", *lines, "}", ""])


def dataset(work: Work, parts: Sequence[Part], *, code: Sequence[tuple[str, str]] = ()) -> Mapping[str, Any]:
    """The publication as a schema.org Dataset; `code` are pairs of repository address and commit."""
    described = work.description or f"Released statistical outputs: {work.title}."
    facts: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": work.address,
        "url": work.address,
        "name": work.title,
        "description": described
        if len(described) >= 50
        else f"{described} Checked against disclosure before release.",
        "version": str(work.version),
        "datePublished": work.published_at.date().isoformat(),
        "creator": [{"@type": "Person", "name": name} for name in work.authors],
        "isAccessibleForFree": True,
        "distribution": [_distribution(part) for part in parts],
    }
    if work.publisher:
        facts["publisher"] = {"@type": "Organization", "name": work.publisher}
    if code:
        facts["isBasedOn"] = [
            {"@type": "SoftwareSourceCode", "codeRepository": repository, "version": commit}
            for repository, commit in code
        ]
    return facts


def _distribution(part: Part) -> dict[str, Any]:
    return {
        "@type": "DataDownload",
        "name": part.name,
        "contentUrl": part.address,
        "encodingFormat": part.content_type.partition(";")[0],
        "contentSize": f"{part.size} B",
        "sha256": part.sha256,
    }


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def _tex(text: str) -> str:
    """Text of people with what TeX would take for commands made harmless."""
    one_line = " ".join(text.split())
    return re.sub(r"[\\~^#$%&_{}]", lambda found: _SPECIAL.get(found[0], f"\\{found[0]}"), one_line)
