"""What the checks found and what became of it, rule by rule, for auditors."""

from flask import Response

from jobsite.core.errors import require
from jobsite.core.web import Routes, granted, page
from jobsite.releases.desk.pages import me
from jobsite.releases.requests.rules import why_not_statistics
from jobsite.releases.requests.standing import AUDIT
from jobsite.releases.requests.statistics import counts_by_rule

routes = Routes("desk")


@routes("/requests/statistics/", needs=AUDIT, side="secure")
def statistics() -> Response:
    require(why_not_statistics(is_staff=AUDIT in me().permissions))
    granted(AUDIT)
    return page("requests/statistics.html", rules=counts_by_rule(), level4=True)
