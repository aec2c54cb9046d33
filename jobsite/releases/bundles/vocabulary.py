"""The words of the crate in a bundle: RO-Crate 1.1 and the Five Safes RO-Crate profile 0.4, in one place. Pure.

Whoever moves to a later version of either changes this file.
"""

PROFILE = "https://w3id.org/5s-crate/0.4"
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
RO_CRATE = "https://w3id.org/ro/crate/1.1"
CONTEXT = [
    f"{RO_CRATE}/context",
    {
        "sha256": "https://schema.org/sha256",
        "shp": "https://w3id.org/shp#",
        "pav": "http://purl.org/pav/",
        "dct": "http://purl.org/dc/terms/",
    },
]
DESCRIPTOR = "ro-crate-metadata.json"
PREVIEW = "ro-crate-preview.html"

COMPLETED = {"@id": "http://schema.org/CompletedActionStatus"}

DISCLOSURE = {"@id": "https://w3id.org/shp#DisclosureCheck"}
SIGN_OFF = {"@id": "https://w3id.org/shp#SignOff"}
CHECK_VALUE = {"@id": "https://w3id.org/shp#GenerateCheckValue"}

STEPS: dict[str, tuple[str, str]] = {
    "submitted": ("AskAction", "Release of the files was asked for"),
    "resubmitted": ("AskAction", "Release of the files was asked for again"),
    "partially-reviewed": ("AssessAction", "A checker finished a review"),
    "reviewed": ("AssessAction", "A checker finished a review, the last that was needed"),
    "returned": ("AskAction", "Checkers asked the author for changes"),
    "approved": ("AuthorizeAction", "The release was approved"),
    "rejected": ("RejectAction", "The release was rejected"),
    "withdrawn": ("CancelAction", "The author withdrew the request"),
    "recalled": ("CancelAction", "Files were recalled"),
}
"""The steps of a review that the crate tells of: their type of action, and what happened, in words."""

TYPES: dict[str, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "svgz": "image/svg+xml",
}


def media_type(path: str) -> str:
    """The media type of a file by its suffix."""
    return TYPES.get(path.rpartition(".")[2].casefold(), "application/octet-stream")
