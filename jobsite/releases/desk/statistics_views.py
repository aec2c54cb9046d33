"""What became of requests and how long it took, and what the checks found, rule by rule: for auditors."""

from datetime import timedelta

from flask import Response

from jobsite.core.clock import now
from jobsite.core.errors import require
from jobsite.core.web import Routes, granted, page
from jobsite.releases.desk.pages import me
from jobsite.releases.requests.rules import why_not_statistics
from jobsite.releases.requests.standing import AUDIT
from jobsite.releases.requests.statistics import counts_by_rule
from jobsite.releases.requests.turnaround import turnaround

LOOKED_BACK = timedelta(days=365)

routes = Routes("desk")


@routes("/requests/statistics/", needs=AUDIT, side="secure")
def statistics() -> Response:
    require(why_not_statistics(is_staff=AUDIT in me().permissions))
    granted(AUDIT)
    figures = turnaround(now() - LOOKED_BACK)
    return page("requests/statistics.html", rules=counts_by_rule(), figures=figures, level4=True)
