"""The keys of the review desk, for its own list and for the manual (specification 6). Pure."""

KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("j",), "next file"),
    (("k",), "previous file"),
    (("n",), "next file without my vote"),
    (("f",), "next finding, with its cell"),
    (("F",), "previous finding"),
    (("a",), "approve"),
    (("r",), "ask for changes, then say which"),
    (("u",), "clear my vote"),
    (("w",), "waive this finding: goes to the reason"),
    (("c",), "write a comment"),
    (("d",), "compare with another version"),
    (("s",), "source instead of table or figure, and back"),
    (("p",), "where the file comes from"),
    (("m",), "my review"),
    (("g", "q"), "go to the queue"),
    (("g", "o"), "go to the overview of the request"),
    (("/",), "search this site"),
    (("?",), "this list, and the switch that turns the keys off"),
)
"""Keys to press one after the other, and what they do. All but the steps through findings press something in view."""
