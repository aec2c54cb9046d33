"""All addresses of the staff area."""

from jobsite.staff import (  # each adds its addresses
    alert_views,
    audit_views,
    backend_views,
    index_views,
    member_views,
    org_views,
    project_views,
    repository_views,
    request_views,
    user_acts,
    user_views,
    workspace_views,
)
from jobsite.staff.area import routes

__all__ = ["routes"]

VIEWS = (
    index_views, org_views, project_views, member_views, user_views, user_acts, backend_views, workspace_views,
    repository_views, alert_views, request_views, audit_views,
)  # fmt: skip
