"""YAML events to a tree of nodes.

Aliases, merge keys, duplicate keys and the limits on size are dealt with here, without recursion. A node that an
alias stands for has the position of the alias; what is inside it keeps the place where it was written.
"""

import datetime
import re
from collections.abc import Callable, Iterator

import yaml

from jobsite.pipelines import scalars
from jobsite.pipelines.limits import Limits
from jobsite.pipelines.nodes import Mapping, Node, Opaque, Scalar, Sequence, Unreadable, is_broken, kind_of
from jobsite.pipelines.reading import LINE_BREAK
from jobsite.pipelines.wording import quote

_STANDARD = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {"map": "mapping", "omap": "mapping", "seq": "list", "set": "set", "pairs": "list"}
_TAGGED_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "timestamp": (datetime.date,),
}
_SCALAR_TAGS = ("null", "binary", *_TAGGED_KINDS)
_UNSAFE_LETTERS = re.compile("[\0\ud800-\udfff]")


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("is_set", "key", "node")

    def __init__(self, node: Node, is_set: bool) -> None:
        self.node, self.is_set = node, is_set
        self.key: Node | None = None


class Composer:
    """Builds the tree of one file. `problems` collects (code, node, values) that do not stop the reading."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.limits = limits
        self._text = text
        self._lines: list[str] | None = None
        self.most_weight = min(max(len(text), 1), limits.nodes) * limits.expansion
        self.root: Node | None = None
        self.problems: list[tuple[str, Node, tuple]] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._nodes = 0
        self._expanded = 0
        self._steps: dict[type[yaml.Event], Callable[..., None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentStartEvent: self._document,
        }

    def compose(self, events: Iterator[yaml.Event]) -> Node | None:
        """The root of the single document, None if there is none. Raises Unreadable, and what `events` raises."""
        steps = self._steps
        for event in events:
            step = steps.get(event.__class__)
            if step:
                step(event)
        return self.root

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            line, column = _place(event)
            raise Unreadable(
                "yaml-documents",
                line,
                column,
                f"A project file must be a single document, but a second one starts on line {line}.",
                "Delete the line `---` (or `...`) between them.",
            )

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line, column = _place(event)
        text, tag = event.value, event.tag
        if event.style == '"' and _UNSAFE_LETTERS.search(text):
            raise _unsafe_escape(line, column)
        if text[:1] == "\n" and event.style in ("|", ">"):
            self._check_first_line(line)
        is_plain = not event.style
        if tag and tag != "!":
            node = _tagged(line, column, text, tag)
        elif is_plain and (not text or text[0] in scalars.MAY_BE_SPECIAL):
            value = _resolved(line, column, text)
            node = Scalar(line, column, text, value, value is text, not tag)
        else:
            node = Scalar(line, column, text, text, True, is_plain and not tag)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._attach(node)

    def _check_first_line(self, header: int) -> None:
        """Refuses a block text whose first line is blank but for fewer spaces than its text has.

        YAML allows it, but the validator that studies are used to does not (specification 1.11).
        """
        lines = self._lines = self._lines or LINE_BREAK.split(self._text)
        if re.search(r"[0-9]", lines[header - 1].rpartition(">")[2].rpartition("|")[2].partition("#")[0]):
            return
        blanks = len(lines[header]) - len(lines[header].lstrip(" "))
        first = next((number for number in range(header, len(lines)) if lines[number].strip(" ")), header)
        if 0 < blanks < len(lines[first]) - len(lines[first].lstrip(" ")):
            raise Unreadable(
                "yaml-syntax",
                first + 1,
                1,
                f"YAML error on line {first + 1}: the text is indented deeper than the blank line {header + 1} above it, "
                "which has spaces too.",
                f"Delete line {header + 1}, or the spaces on it.",
            )

    def _alias(self, event: yaml.AliasEvent) -> None:
        line, column = _place(event)
        name = event.anchor or ""
        target = self._anchors.get(name)
        if target is None:
            node = Opaque(line, column, is_broken=True)
            self.problems.append(("yaml-alias", node, (name,)))
            self._attach(node)
            return
        if any(frame.node is target for frame in self._open):
            raise _nesting(line, column, f"`*{quote(name)}` stands for something that it is a part of itself")
        self._expanded += target.weight
        if self._expanded > self.most_weight:
            raise Unreadable(
                "yaml-nesting",
                line,
                column,
                f"The file is too large: its aliases make it more than {self.limits.expansion} times longer.",
                "Write repeated parts out, or make the file with a script.",
            )
        self._attach(_copy_at(target, line, column))

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        line, column = _place(event)
        if len(self._open) >= self.limits.depth:
            raise _nesting(line, column, f"there are more than {self.limits.depth} levels")
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        tag = event.tag or ""
        name = tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else ""
        wanted = _COLLECTION_TAGS.get(name, kind)
        if name in _SCALAR_TAGS or (wanted not in (kind, "set") and name != "omap"):
            message = f"YAML error on line {line}: the tag `!!{name}` does not fit a {kind}."
            raise Unreadable("yaml-syntax", line, column, message, "Delete the tag.")
        node = Mapping(line, column) if kind == "mapping" else Sequence(line, column)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._open.append(_Open(node, wanted == "set"))

    def _end(self, event: yaml.Event) -> None:
        frame = self._open.pop()
        node = frame.node
        if isinstance(node, Mapping):
            if node.merges:
                _merge(node)
            node.seen = {}
        if len(self._open) + node.height > self.limits.depth:
            raise _nesting(node.line, node.column, f"there are more than {self.limits.depth} levels")
        self._attach(Opaque(node.line, node.column) if frame.is_set else node)

    def _attach(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > self.limits.nodes:
            raise Unreadable(
                "yaml-nesting",
                node.line,
                node.column,
                f"The file is too large: it has more than {self.limits.nodes:,} values.",
                "Split the study into several repositories.",
            )
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        parent = frame.node
        parent.weight += node.weight
        if parent.height <= node.height:
            parent.height = node.height + 1
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif frame.key is None:
            frame.key = node
        elif isinstance(parent, Mapping):
            key, frame.key = frame.key, None
            self._pair(parent, key, node)

    def _pair(self, parent: Mapping, key: Node, value: Node) -> None:
        if isinstance(key, Scalar):
            first = parent.seen.setdefault(key.value, key)
            if first is not key:
                self.problems.append(("yaml-duplicate-key", key, (key.text, first.line, first.text)))
                return
            if key.text == "<<" and key.is_plain:
                parent.merges.append(value)
                return
        parent.pairs.append((key, value))


def _merge(node: Mapping) -> None:
    """Adds the pairs of the merge key `<<` that the mapping does not have itself."""
    sources = []
    for value in node.merges:
        sources.extend(value.items if isinstance(value, Sequence) else [value])
    have = {key.value for key, _ in node.pairs if isinstance(key, Scalar)}
    for source in sources:
        if is_broken(source):
            continue
        if not isinstance(source, Mapping):
            raise Unreadable(
                "yaml-syntax",
                source.line,
                source.column,
                f"YAML error on line {source.line}: the merge key `<<` takes a dictionary, or a list of them, but this is "
                f"{kind_of(source)}.",
                "Write `<<: *name`, where `&name` stands before a dictionary further up.",
            )
        for key, value in source.pairs:
            if isinstance(key, Scalar):
                if key.value in have:
                    continue
                have.add(key.value)
            node.pairs.append((key, value))
    node.merges = []


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _copy_at(target: Node, line: int, column: int) -> Node:
    if isinstance(target, Scalar):
        return Scalar(line, column, target.text, target.value, target.is_text, target.is_plain)
    node: Node
    if isinstance(target, Mapping):
        node = Mapping(line, column)
        node.pairs = target.pairs
    elif isinstance(target, Sequence):
        node = Sequence(line, column)
        node.items = target.items
    else:
        node = Opaque(line, column)
    node.weight, node.height = target.weight, target.height
    return node


def _tagged(line: int, column: int, text: str, tag: str) -> Scalar:
    """A scalar with its own tag. None counts as text; only the standard tags of YAML mean something."""
    name = tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else ""
    value: object = None
    if name in ("int", "float", "bool", "timestamp"):
        value = _resolved(line, column, text)
        wanted = _TAGGED_KINDS[name]
        if not isinstance(value, wanted):
            raise Unreadable(
                "yaml-syntax",
                line,
                column,
                f"YAML error on line {line}: `{quote(text)}` does not fit the tag `!!{name}`.",
            )
    elif name != "null":
        value = (tag, text)
    return Scalar(line, column, text, value, False)


def _resolved(line: int, column: int, text: str) -> scalars.Value:
    try:
        return scalars.resolve(text)
    except ValueError:
        raise Unreadable(
            "yaml-syntax",
            line,
            column,
            f"YAML error on line {line}: `{quote(text)}` looks like a date, but there is no such day or time.",
            f'If it is meant as text, put it in quotes: "{quote(text)}".',
        ) from None


def _unsafe_escape(line: int, column: int) -> Unreadable:
    return Unreadable(
        "yaml-encoding",
        line,
        column,
        f"The text on line {line} has an escape that stands for an unacceptable character (NUL or half a letter).",
        "Delete the escape, or write \\\\ if a backslash is meant.",
    )


def _nesting(line: int, column: int, why: str) -> Unreadable:
    return Unreadable(
        "yaml-nesting",
        line,
        column,
        f"The file is nested too deeply: on line {line} {why}.",
        "An action needs no more than four levels; look for brackets that are never closed.",
    )
