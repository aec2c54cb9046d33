"""The values of a YAML file as a tree of nodes that know where they stand. Lines and columns count from 1."""


class Unreadable(Exception):
    """The YAML cannot be read further: `code`, position and what to say."""

    def __init__(self, code: str, line: int, column: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.line, self.column, self.message, self.hint = code, line, column, message, hint


class Node:
    """A value of the file: where it stands, and how much it weighs when its aliases are written out."""

    __slots__ = ("column", "height", "line", "weight")

    def __init__(self, line: int, column: int) -> None:
        self.line, self.column, self.weight, self.height = line, column, 1, 0


class Scalar(Node):
    """A word or text: `text` is what stands in the file, `value` what it means, None for null.

    `is_text` says whether it counts as text, `is_plain` that it has neither quotes nor a tag.
    """

    __slots__ = ("is_plain", "is_text", "text", "value")

    def __init__(
        self, line: int, column: int, text: str, value: object, is_text: bool, is_plain: bool = False
    ) -> None:
        self.line, self.column, self.height = line, column, 0
        self.text, self.value, self.is_text, self.is_plain = text, value, is_text, is_plain
        self.weight = len(text) + 1

    @property
    def is_null(self) -> bool:
        """Whether nothing is said: empty, `~` or `null`."""
        return self.value is None and not self.is_text


class Sequence(Node):
    """A list of nodes."""

    __slots__ = ("items",)

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.items: list[Node] = []


class Mapping(Node):
    """Pairs of key and value in file order, merge keys already written out, no key twice."""

    __slots__ = ("merges", "pairs", "seen")

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.pairs: list[tuple[Node, Node]] = []
        self.seen: dict[object, Scalar] = {}
        self.merges: list[Node] = []

    def fields(self) -> dict[str, tuple[Node, Node]]:
        """The pairs whose key is text, by that text."""
        return {
            key.text: (key, value) for key, value in self.pairs if isinstance(key, Scalar) and key.is_text
        }


class Opaque(Node):
    """Something that is no text, list or mapping for us: a set, or an alias without an anchor (already reported)."""

    __slots__ = ("is_broken",)

    def __init__(self, line: int, column: int, is_broken: bool = False) -> None:
        super().__init__(line, column)
        self.is_broken = is_broken


def is_broken(node: Node) -> bool:
    """Whether a problem with the value itself has been reported, so that its kind says nothing."""
    return isinstance(node, Opaque) and node.is_broken


def text_of(node: Node | None) -> str | None:
    """The text of a node that counts as text, else None."""
    return node.text if isinstance(node, Scalar) and node.is_text else None


def kind_of(node: Node) -> str:
    """The kind of a value in words for people, with its article."""
    if isinstance(node, Mapping):
        return "a dictionary"
    if isinstance(node, Sequence):
        return "a list"
    if not isinstance(node, Scalar):
        return "something else"
    if node.is_null:
        return "empty"
    if node.is_text:
        return "text"
    if isinstance(node.value, bool):
        return "true or false"
    if isinstance(node.value, int | float):
        return "a number"
    return "a date" if hasattr(node.value, "isoformat") else "a value with a tag of its own"
