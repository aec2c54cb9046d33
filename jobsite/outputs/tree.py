"""The outputs of a workspace as folders. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jobsite.outputs.listing import FileRow

MOST_OPEN = 200
"""Entries of a folder that the tree shows; the list has the others."""
MOST_FILES = 1_000
"""Files of a tree that is shown at once; beyond it, folders lead to a tree of their own."""


@dataclass
class Folder:
    """A folder: `path` ends with a slash, "" for the workspace; `total` counts the files anywhere below it."""

    name: str
    path: str
    folders: dict[str, "Folder"] = field(default_factory=dict)
    files: list[FileRow] = field(default_factory=list)
    total: int = 0

    @property
    def shown(self) -> list[FileRow]:
        """The files that the tree shows."""
        return self.files[:MOST_OPEN]

    @property
    def left_out(self) -> int:
        """How many files of the folder itself it does not show."""
        return max(0, len(self.files) - MOST_OPEN)

    def is_apart(self, folder: "Folder", asked: str) -> bool:
        """Whether a folder of this tree has a tree of its own: where there are many files, unless it leads to `asked`."""
        return self.total > MOST_FILES and not asked.startswith(folder.path)

    def opened(self, asked: str) -> "Iterator[Folder]":
        """The folders of this tree whose files it shows, this one first."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            if folder is self or not self.is_apart(folder, asked):
                yield folder
                waiting += folder.folders.values()


def tree_of(rows: Iterable[FileRow]) -> Folder:
    """The files in their folders, each in the order given."""
    top = Folder("", "")
    for row in rows:
        *names, _ = row.entry.path.split("/")
        folder = top
        folder.total += 1
        for name in names:
            folder = folder.folders.setdefault(name, Folder(name, f"{folder.path}{name}/"))
            folder.total += 1
        folder.files.append(row)
    return top
