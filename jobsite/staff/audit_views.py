"""Staff: the audit log, which is the event log."""

from typing import Any

from flask import Response, request, stream_with_context
from flask_login import current_user
from peewee import Expression

from jobsite.core.web import page
from jobsite.releases.requests.withholding import withheld_from
from jobsite.settings import current
from jobsite.staff import audit
from jobsite.staff.area import routes, staff


@routes("/staff/audit/", needs="staff_area_access")
def audit_log() -> Response:
    """What happened, newest first, with the filters of `audit.Filters`; `before` and `after` are cursors."""
    staff()
    filters = audit.filters_in(request.args)
    cursors = {name: audit.cursor_in(request.args, name) for name in ("before", "after")}
    data: dict[str, Any] = {
        "filters": filters,
        "types": audit.types(),
        "log": audit.log_page(filters, **cursors, withheld=_withheld()),
    }
    return page("staff/audit.html", fragments=("listed",), **data)


@routes("/staff/audit/export/", needs="staff_area_access")
def export_log() -> Response:
    """All events that pass the filters as a file, `format` csv or jsonl, made while it is sent."""
    staff()
    kind = request.args.get("format", "")
    pieces = stream_with_context(audit.exported(kind, audit.filters_in(request.args), withheld=_withheld()))
    disposition = f'attachment; filename="audit-log.{kind}"'
    headers = {"Content-Disposition": disposition}
    return Response(pieces, headers=headers, content_type=audit.CONTENT_TYPES[kind])


def _withheld() -> Expression | None:
    """What this member of staff may not read here, because they check requests or work with their authors."""
    if not current().secure:
        return None
    return withheld_from(current_user._get_current_object())
