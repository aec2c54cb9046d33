"""How a request goes on without its reader: its upload, and how often its page looks again."""

from jobsite.releases.requests.pages import Head
from jobsite.releases.requests.upload_progress import WAITING_EVERY, UploadProgress, progress


def upload_of(head: Head) -> UploadProgress | None:
    """How far the upload is, while the request is approved. One query, none for others."""
    return progress(head) if head.status == "APPROVED" else None


def seen_as(head: Head) -> str:
    """Where the request stood when a page was made, for the page to notice that it has moved on."""
    return f"{head.status}-{head.turn}-{head.reviews_in}"


def looks_every(head: Head, upload: UploadProgress | None) -> int:
    """How many seconds the page of a request waits before it looks again (2.7): 2 while files go out, 30 while others have to
    act or the next attempt is waited for, 0 when nothing will happen by itself. Each look of an auditor is recorded, so theirs
    does not look by itself."""
    if head.is_auditor:
        return 0
    if upload is not None:
        return upload.every
    return WAITING_EVERY if head.owner == "checkers" else 0
