"""The upload of a request for its page, where there is something to tell of it."""

from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.pages import Head
from jobsite.releases.requests.upload_progress import UploadProgress, progress


def upload_of(head: Head) -> UploadProgress | None:
    """How far the upload is, while the request is approved. At most two queries, none for others."""
    if head.status != "APPROVED":
        return None
    return progress(ReleaseRequest.get_by_id(head.id))
