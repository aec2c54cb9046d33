"""The kinds of news: for each its group, its name in filters, why a person gets it, and its words.

The same words stand in inbox, mail, webhook and issue. Nothing here reads a database or a request.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from jobsite.notifications import release_sentences as releases
from jobsite.notifications import sentences as said
from jobsite.notifications.rules import ACCESS, JOBS, OUTPUTS, SECURITY, SITE
from jobsite.notifications.sentences import Facts, Place, Worded
from jobsite.notifications.told_sentences import released_elsewhere, told

ANYWHERE = Place()


@dataclass(frozen=True)
class Kind:
    """A kind of news: its group, its name in filters, why a person gets it, and what makes its words."""

    name: str
    group: str
    label: str
    why: str
    words: Callable[[Facts], Worded] = field(repr=False)


def worded(kind: str, facts: Facts, place: Place = ANYWHERE) -> Worded:
    """The words of news. A kind that this version does not know, of a later one, is said to be unknown."""
    known = KINDS.get(kind)
    if known is None:
        return Worded("Something happened that this version cannot tell", ())
    labels = {one.name: one.label for one in KINDS.values()}
    return known.words({**facts, "place": place, "labels": labels})


def one_line(text: object, longest: int = 200) -> str:
    """Text as one line without control characters: what a header may hold."""
    kept = "".join(character if character.isprintable() else " " for character in str(text))
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


_ASKED = "You ticked “E-mail me when it is done” for this job request, or its workspace does by default."
_YOURS = "It is about your own account."
_MEMBER = "It is about your own roles and memberships."
_STAFF = "You manage backends."
_REQUEST = "You have a part in this release request, as its author's colleague, a checker or an operator, or it is yours."
_PUBLICATION = "You belong to its project, or decide about publications."
_ELSEWHERE = "You asked for this release, or belong to its project."
_WEBHOOK = "It is sent to the webhook of this site."
_COPILOT = "You are the co-pilot of this project."

KINDS = {
    kind.name: kind
    for kind in (
        Kind("job-ended", JOBS, "Jobs that ended", _ASKED, said.job_ended),
        Kind("request-ended", JOBS, "Requests that ended", _ASKED, said.request_ended),
        Kind(
            "request-cancelled",
            JOBS,
            "Requests cancelled by others",
            "You asked for these jobs.",
            said.request_cancelled,
        ),
        Kind("token-made", SECURITY, "Tokens generated", _YOURS, said.token_made),
        Kind("token-used", SECURITY, "Logins with a token", _YOURS, said.token_used),
        Kind("api-token-made", SECURITY, "API tokens made", _YOURS, said.api_token_made),
        Kind("email-confirm", SECURITY, "Addresses to confirm", _YOURS, said.email_confirm),
        Kind("email-asked", SECURITY, "New addresses asked for", _YOURS, said.email_asked),
        Kind("email-changed", SECURITY, "Changes of address", _YOURS, said.email_changed),
        Kind("roles-changed", ACCESS, "Changes of roles", _MEMBER, said.roles),
        Kind("member-added", ACCESS, "Added to a project", _MEMBER, said.member_added),
        Kind("member-roles", ACCESS, "Roles in a project", _MEMBER, said.member_roles),
        Kind("member-removed", ACCESS, "Removed from a project", _MEMBER, said.member_removed),
        Kind("backend-member-added", ACCESS, "Access to backends", _MEMBER, said.backend_member_added),
        Kind(
            "backend-member-removed", ACCESS, "Access to backends ended", _MEMBER, said.backend_member_removed
        ),
        Kind("org-member-added", ACCESS, "Added to an organisation", _MEMBER, said.org_member_added),
        Kind("org-member-removed", ACCESS, "Removed from an organisation", _MEMBER, said.org_member_removed),
        Kind("sign-off", ACCESS, "Repositories signed off", "You made a workspace of it.", said.sign_off),
        Kind(
            "sign-off-outputs",
            ACCESS,
            "Repositories with outputs",
            "It is this site's address for that.",
            said.sign_off_outputs,
        ),
        Kind(
            "sign-off-internal",
            ACCESS,
            "Repositories to make public",
            "Staff signed it off.",
            said.sign_off_internal,
        ),
        Kind("backend-alert", SITE, "Backends in trouble", _STAFF, said.backend_alert),
        Kind("backend-cleared", SITE, "Backends that work again", _STAFF, said.backend_cleared),
        Kind("backend-missing", SITE, "Backends that are missing", _STAFF, said.backend_missing),
        Kind("backend-back", SITE, "Backends that are back", _STAFF, said.backend_back),
        Kind("copilot-given", ACCESS, "Projects to look after", _COPILOT, said.copilot_given),
        Kind("copilot-ending", ACCESS, "Support that ends", _COPILOT, said.copilot_ending),
        Kind("release-submitted", OUTPUTS, "Releases asked for", _REQUEST, releases.submitted),
        Kind("release-reviewed", OUTPUTS, "Reviews that came in", _REQUEST, releases.reviewed),
        Kind("release-returned", OUTPUTS, "Release requests returned", _REQUEST, releases.returned),
        Kind("release-rejected", OUTPUTS, "Release requests rejected", _REQUEST, releases.rejected),
        Kind("release-withdrawn", OUTPUTS, "Release requests withdrawn", _REQUEST, releases.withdrawn),
        Kind("release-released", OUTPUTS, "Outputs released", _REQUEST, releases.released),
        Kind("release-recalled", OUTPUTS, "Releases recalled", _REQUEST, releases.recalled),
        Kind("release-stuck", OUTPUTS, "Releases that do not arrive", _REQUEST, releases.upload_stuck),
        Kind("review-submitted", OUTPUTS, "Release requests elsewhere", _ELSEWHERE, told("submitted")),
        Kind("review-resubmitted", OUTPUTS, "Resubmitted elsewhere", _ELSEWHERE, told("resubmitted")),
        Kind("review-reviewed", OUTPUTS, "Reviewed elsewhere", _ELSEWHERE, told("reviewed")),
        Kind("review-returned", OUTPUTS, "Returned elsewhere", _ELSEWHERE, told("returned")),
        Kind("review-approved", OUTPUTS, "Approved elsewhere", _ELSEWHERE, told("approved")),
        Kind("review-released", OUTPUTS, "Released elsewhere", _ELSEWHERE, told("released")),
        Kind("review-rejected", OUTPUTS, "Rejected elsewhere", _ELSEWHERE, told("rejected")),
        Kind("review-withdrawn", OUTPUTS, "Withdrawn elsewhere", _ELSEWHERE, told("withdrawn")),
        Kind("review-revoked", OUTPUTS, "Recalled elsewhere", _ELSEWHERE, told("recalled")),
        Kind("release-elsewhere", OUTPUTS, "Released by another way", _WEBHOOK, released_elsewhere),
        Kind("publication-drafted", OUTPUTS, "Drafts to decide on", _PUBLICATION, releases.drafted),
        Kind("publication-published", OUTPUTS, "Publications", _PUBLICATION, releases.published),
        Kind("publication-rejected", OUTPUTS, "Drafts not published", _PUBLICATION, releases.not_published),
        Kind("publication-withdrawn", OUTPUTS, "Publications withdrawn", _PUBLICATION, releases.unpublished),
        Kind("user-added", SITE, "New users", _WEBHOOK, said.user_added),
        Kind(
            "catch-up",
            SECURITY,
            "Summaries of old news",
            "These messages would have come one by one.",
            said.catch_up,
        ),
    )
}
