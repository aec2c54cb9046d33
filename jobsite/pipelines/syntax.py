"""Mistakes of YAML itself, told in words: what it looks like, and how to mend it.

A YAML parser knows where it stumbled, not what the author did. Each function below knows one usual slip and
answers None when it is not that one; the first that answers is believed.
"""

import re
from dataclasses import dataclass

import yaml

from jobsite.pipelines.nodes import Unreadable
from jobsite.pipelines.reading import LINE_BREAK
from jobsite.pipelines.wording import letter_name, quote

_CONFLICT = re.compile(r"(?:<{7}|\|{7}|={7}|>{7})(?: |$)")
_IMAGE_APART = re.compile(r"""\s*(?:- )?run\s*:\s*(?:[>|][-+]?\s*)?([A-Za-z][\w-]*)\s*:\s+(\S+)""")
_KEY = re.compile(r"""\s*(?:- )?("[^"]*"|'[^']*'|[^\s#'"{}\[\],&*!|>%@`-][^#]*?)\s*:(?:\s|$)""")
_ODD_BLANK = re.compile("[\u00a0\u2000-\u200b\u3000\uff1a]")
_NO_SPACE = re.compile(r"\s*(?:- )?([A-Za-z_][\w.-]*):(?=[^\s/\\:])(\S.*)")
_NOT_A_WORD = {"@": "an at sign", "`": "a back-tick", "%": "a percent sign", "|": "a bar", ">": "a `>`"}


@dataclass(frozen=True)
class _Stumble:
    """Where the parser gave up: its words, the line and column it names, and where the thing it was in began."""

    problem: str
    context: str
    line: int
    column: int
    noticed: int
    start: int
    start_column: int
    lines: list[str]

    def at(self, number: int) -> str:
        """The text of a line, empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def before(self, number: int) -> int:
        """The number of the last line with something on it before `number`, 0 if there is none."""
        number -= 1
        while number > 0 and (not self.at(number).strip() or self.at(number).lstrip().startswith("#")):
            number -= 1
        return number

    def found(
        self, message: str, hint: str, line: int | None = None, column: int | None = None
    ) -> Unreadable:
        """The answer, which also says on which line the parser noticed it, if that is elsewhere."""
        line, column = line or self.line, column or (self.column if line in (None, self.line) else 1)
        tail = "" if line == self.noticed else f" (noticed on line {self.noticed})"
        return Unreadable("yaml-syntax", line, column, f"YAML error on line {line}: {message}{tail}.", hint)


def diagnose(error: Exception, text: str) -> Unreadable:
    """What the parser's `error` on `text` most likely means. Never raises."""
    lines = LINE_BREAK.split(text)
    stumble = _stumble(error, lines)
    for slip in _SLIPS:
        answer = slip(stumble)
        if answer:
            return answer
    seen = quote(stumble.at(stumble.line).strip())
    return stumble.found(
        f"this is not valid YAML ({_plain_words(stumble.problem)})",
        f"Compare the line with a working one: `{seen}`." if seen else "Look at the end of the file.",
    )


def _stumble(error: Exception, lines: list[str]) -> _Stumble:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    start = getattr(error, "context_mark", None) or mark
    last = max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    noticed = line
    if line > last:
        line, column = last, len(lines[last - 1].rstrip()) + 1
    return _Stumble(
        problem=str(getattr(error, "problem", None) or error),
        context=str(getattr(error, "context", None) or ""),
        line=line,
        column=column,
        noticed=noticed,
        start=start.line + 1 if start else line,
        start_column=start.column + 1 if start else column,
        lines=lines,
    )


def _plain_words(problem: str) -> str:
    return quote(problem.replace("<block end>", "the end of the block").replace("<", "").replace(">", ""))


def _merge_conflict(at: _Stumble) -> Unreadable | None:
    marks = [number for number, line in enumerate(at.lines, 1) if _CONFLICT.match(line)]
    if not any(at.lines[number - 1].startswith(("<<<<<<<", ">>>>>>>")) for number in marks):
        return None
    return at.found(
        f"`{quote(at.at(marks[0]))}` is the mark of a git merge conflict that has not been resolved",
        "Keep the wanted one of the two versions, and delete the lines that start with <<<<<<<, ======= and >>>>>>>.",
        marks[0],
        1,
    )


def _web_page(at: _Stumble) -> Unreadable | None:
    first = next((number for number, line in enumerate(at.lines, 1) if line.strip()), 1)
    if not at.at(first).lstrip().lower().startswith(("<!doctype", "<html", "<?xml")):
        return None
    return at.found("this is a web page, not a project file", "Download the raw file instead.", first, 1)


def _tab(at: _Stumble) -> Unreadable | None:
    if "'\\t'" not in at.problem and "\t" not in at.problem:
        return None
    others = [
        n
        for n, line in enumerate(at.lines, 1)
        if "\t" in line[: len(line) - len(line.lstrip())] and n != at.line
    ]
    indented = not at.at(at.line)[: at.column - 1].strip()
    where = "is indented with a tab" if indented else "has a tab between its words"
    also = f" Lines {', '.join(map(str, others[:10]))} have one too." if indented and others else ""
    return at.found(
        f"the line {where}, and YAML takes spaces only",
        f"Replace the tab by spaces (in most editors: “Convert indentation to spaces”).{also}",
    )


def _odd_blank(at: _Stumble) -> Unreadable | None:
    for number in (at.line, at.before(at.line), at.start):
        found = _ODD_BLANK.search(at.at(number))
        if found:
            looks = "a colon" if found[0] == "\uff1a" else "a blank"
            return at.found(
                f"there is a character that looks like {looks} but is not one, {letter_name(found[0])}",
                "Retype it; it often comes from copying out of a web page or a word processor.",
                number,
                found.start() + 1,
            )
    return None


def _template(at: _Stumble) -> Unreadable | None:
    for number in (at.line, at.before(at.line)):
        place = at.at(number).find("{{")
        if place >= 0:
            return at.found(
                "`{{` opens a dictionary inside a dictionary for YAML",
                "If this is the blank of a template, fill it in. If the braces are meant, put the value in quotes.",
                number,
                place + 1,
            )
    return None


def _unclosed_quote(at: _Stumble) -> Unreadable | None:
    if "quoted scalar" not in at.context or "unexpected" not in at.problem:
        return None
    mark = at.at(at.start)[at.start_column - 1 : at.start_column] or "quote"
    return at.found(
        f"the quote {mark} that opens here is never closed",
        f"Put {mark} at the end of the value, or delete it here.",
        at.start,
        at.start_column,
    )


def _escape(at: _Stumble) -> Unreadable | None:
    if "double-quoted scalar" not in at.context or "escape" not in at.problem:
        return None
    return at.found(
        "a backslash inside double quotes starts an escape, and YAML does not know this one",
        "Use single quotes, or write \\\\ for a backslash; paths take forward slashes.",
    )


def _after_quote(at: _Stumble) -> Unreadable | None:
    before = at.at(at.line)[: at.column - 1].rstrip()
    if (
        "expected <block end>" not in at.problem
        or before[-1:] not in ("'", '"')
        or before.count(before[-1]) < 2
    ):
        return None
    return at.found(
        f"the value ends at the second {before[-1]}, but more text follows",
        "Put the whole value in quotes, or none of it. Inside single quotes write '' for an apostrophe.",
    )


def _brackets(at: _Stumble) -> Unreadable | None:
    found = re.search(r"flow (sequence|mapping)", at.context)
    if found and "expected ','" in at.problem:
        opening, closing = ("[", "]") if found[1] == "sequence" else ("{", "}")
        return at.found(
            f"the `{opening}` that opens here is not closed, or a comma is missing",
            f"Separate the entries with commas and end them with `{closing}`. Curly braces at the start of a value, "
            "as in a template, must be in quotes.",
            at.start,
            at.start_column,
        )
    letter = at.at(at.line)[at.column - 1 : at.column]
    if "expected the node content" in at.problem and letter in ("]", "}", ","):
        return at.found(
            f"there is a `{letter}` without anything before it", "Delete it, or put the value in quotes."
        )
    return None


def _alias(at: _Stumble) -> Unreadable | None:
    if "scanning an alias" not in at.context:
        return None
    return at.found(
        "a value that starts with `*` is a reference to an anchor for YAML, and this one has no name",
        'If a file pattern is meant, put it in quotes: "*.csv".',
        at.start,
        at.start_column,
    )


def _anchor(at: _Stumble) -> Unreadable | None:
    if "scanning an anchor" not in at.context:
        return None
    return at.found(
        "a value that starts with `&` names an anchor for YAML, and this one has no name",
        "If the text itself is meant, put it in quotes.",
        at.start,
        at.start_column,
    )


def _cannot_start(at: _Stumble) -> Unreadable | None:
    letter = at.at(at.line)[at.column - 1 : at.column]
    if "cannot start any token" not in at.problem or letter not in _NOT_A_WORD:
        return None
    return at.found(f"a value cannot start with {_NOT_A_WORD[letter]}", "Put the value in quotes.")


def _block_text(at: _Stumble) -> Unreadable | None:
    if "block scalar" not in at.context:
        return None
    return at.found(
        "after `>` or `|` nothing may stand on the same line",
        "Start the text on the next line, indented deeper than its key.",
    )


def _list_on_line(at: _Stumble) -> Unreadable | None:
    if "sequence entries are not allowed" not in at.problem:
        return None
    return at.found(
        "a list with `-` cannot start on the line of its key",
        "Put each `- entry` on a line of its own below, or write [entry, entry].",
    )


def _image_apart(at: _Stumble) -> Unreadable | None:
    for number in dict.fromkeys((at.line, at.before(at.line))):
        found = _IMAGE_APART.match(at.at(number))
        if "mapping values" in at.problem and found:
            fixed = f"run: {found[1]}:{found[2]}"
            return at.found(
                f"there is a blank after the colon in `{found[1]}: {quote(found[2])}`",
                f"Write image and version without a blank between them: `{quote(fixed)} …`.",
                number,
                found.end(1) + 1,
            )
    return None


def _second_colon(at: _Stumble) -> Unreadable | None:
    line = at.at(at.line)
    first = _KEY.match(line)
    if "mapping values" not in at.problem or not first or at.column - 1 <= first.end(1) + 1:
        return None
    value = line[first.end() :].strip()
    quoted = "'" + value.replace("'", "''") + "'"
    hint = f"Put the whole value in quotes: `{quote(first[1])}: {quote(quoted)}`."
    if not line[at.column :].strip():
        return at.found(
            "a value ends in a colon, which would start another key",
            f"Delete the colon, or put the whole value in quotes: `{quote(first[1])}: {quote(quoted)}`.",
        )
    return at.found(
        "a colon with a blank after it stands inside a value, where it would start another key",
        f"{hint} If two keys are meant, put each on its own line.",
    )


def _after_value(at: _Stumble) -> Unreadable | None:
    if "mapping values" not in at.problem:
        return None
    above = at.before(at.line)
    text, indent = at.at(above), len(at.at(above)) - len(at.at(above).lstrip())
    here = len(at.at(at.line)) - len(at.at(at.line).lstrip())
    squeezed = _NO_SPACE.match(text)
    if squeezed and not _KEY.match(text):
        return at.found(
            f"the blank after the colon is missing in `{quote(text.strip())}`",
            f"Write `{squeezed[1]}: {quote(squeezed[2])}`.",
            above,
            text.index(":") + 1,
        )
    if _KEY.match(text) and here > indent:
        return at.found(
            f"this line is indented deeper than line {above}, which has a value already",
            "Indent keys of one action alike; only what belongs to a key goes deeper than the key.",
            column=here + 1,
        )
    if text.strip() and not _KEY.match(text):
        return _missing_colon(at, above)
    return None


def _missing_colon(at: _Stumble, number: int) -> Unreadable:
    text = at.at(number).rstrip()
    return at.found(
        f"`{quote(text.strip())}` has no colon after it, so YAML cannot tell what it is",
        f"If it is the name of a key or of an action, write `{quote(text.strip())}:`. "
        "If it continues the value above, indent it deeper than that value's key.",
        number,
        len(text) + 1,
    )


def _no_colon(at: _Stumble) -> Unreadable | None:
    if "could not find expected ':'" not in at.problem:
        return None
    number = at.start if at.at(at.start).strip() else at.before(at.line)
    return _missing_colon(at, number)


def _indentation(at: _Stumble) -> Unreadable | None:
    if "expected <block end>" not in at.problem:
        return None
    line = at.at(at.line)
    indent = len(line) - len(line.lstrip())
    if line.lstrip().startswith("- "):
        return at.found(
            "this list entry stands where no list is open",
            "Indent the entries of one list alike, below their key and no further left than it.",
        )
    if "block collection" in at.context:
        return at.found(
            "a key stands between the entries of a list",
            f"The list starts on line {at.start}; write all of it with `- `, or all of it as keys.",
        )
    levels = _levels_above(at, indent)
    hint = "Align it with the lines it belongs to."
    if levels:
        hint += f" The lines above are indented by {' or '.join(map(str, levels))}."
    return at.found(f"the indentation of this line ({indent}) fits none of the lines above it", hint)


def _levels_above(at: _Stumble, indent: int) -> list[int]:
    """The indentations of the keys that are still open above the line, nearest to `indent` first, at most two."""
    levels: list[int] = []
    for number in range(at.line - 1, max(at.line - 200, 0), -1):
        line = at.at(number)
        depth = len(line) - len(line.lstrip())
        if line.strip() and not line.lstrip().startswith("#") and (not levels or depth < levels[-1]):
            levels.append(depth)
    return sorted(sorted(levels, key=lambda depth: abs(depth - indent))[:2])


_SLIPS = (
    _merge_conflict,
    _web_page,
    _tab,
    _unclosed_quote,
    _escape,
    _after_quote,
    _odd_blank,
    _template,
    _alias,
    _anchor,
    _brackets,
    _cannot_start,
    _block_text,
    _list_on_line,
    _image_apart,
    _second_colon,
    _after_value,
    _no_colon,
    _indentation,
)

FAILURES = (yaml.YAMLError, ValueError, OverflowError)
"""What the parsers raise on bad input; ValueError comes of escapes beyond the last Unicode letter."""
