"""What an author and a checker do with a table on the secure side, in a browser."""

import re

from .browsing import Browser

TABLE = "output/table.csv"


def asks_for_release(author: Browser, *, group: str, context: str) -> str:
    """A release request for the table, submitted; gives the address of its file, `/requests/⟨request⟩/⟨group⟩/⟨path⟩`."""
    made, _ = author.send(f"/requests/new/asthma/tpp/?path={TABLE}", path=TABLE, kind="OUTPUT", group=group)
    found = re.search(r"/requests/([0-9A-Z]{26})/([^/]+)/", made)
    assert found
    request, segment = found.groups()
    controls = "Counts of 7 or fewer are hidden, then all counts are rounded to the nearest 5."
    author.send(made, do="save", name=group, context=context, controls=controls)
    author.send(f"/requests/{request}/-/submit/", check=[str(line) for line in range(6)])
    return f"/requests/{request}/{segment}/{TABLE}"


def approves(checker: Browser, file: str, *, remark: str) -> None:
    """A remark on the file, a vote, and the end of this checker's review."""
    checker.send(file, do="comment", text=remark, audience="PRIVATE")
    checker.send(file, do="approve")
    checker.send(f"/requests/{request_of(file)}/-/my-review/")


def request_of(file: str) -> str:
    """The request that a file belongs to, by its address."""
    return file.split("/")[2]
