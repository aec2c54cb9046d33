"""The upload of a request for its page, where there is something to tell of it."""

from jobsite.releases.requests.pages import Head
from jobsite.releases.requests.upload_progress import UploadProgress, progress


def upload_of(head: Head) -> UploadProgress | None:
    """How far the upload is, while the request is approved. One query, none for others."""
    return progress(head) if head.status == "APPROVED" else None
