"""The people of the site, for everybody: names and projects, never an e-mail address."""

from flask import Response, request

from jobsite.accounts.queries import user_or_stop
from jobsite.core.web import ANYONE, Routes, page
from jobsite.projects import lists
from jobsite.projects.parts import parts
from jobsite.projects.project_views import me, page_number

routes = Routes("projects")


@routes("/users/", needs=ANYONE)
def people() -> Response:
    """Everybody who has an account, by name; `q` searches."""
    search = request.args.get("q", "").strip()
    listed = lists.paged(lists.people(search), page_number())
    return page("projects/people.html", fragments=("listed",), listed=listed, q=search)


@routes("/users/<username>/", needs=ANYONE)
def person(username: str) -> Response:
    """A person and their projects."""
    shown = user_or_stop(username)
    listed = lists.paged(lists.projects_of_person(shown), page_number())
    return page(
        "projects/person.html", shown=shown, listed=listed, parts=parts("person", person=me(), shown=shown)
    )
