"""What a public side says of a person is read with care: whatever it is, it never fails, and only what is plain grants anything."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobsite.accounts.rules import ROLES, permissions_of
from jobsite.sync.user_object import CHECK, DEVELOP, OBSERVE, Roles, person_there, roles_there

ANY: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(ROLES)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WORKSPACES: Any = st.dictionaries(
    st.text(max_size=5),
    ANY | st.fixed_dictionaries({"project_details": ANY, "archived": ANY}),
    max_size=3,
)
PEOPLE: Any = ANY | st.fixed_dictionaries(
    {"username": ANY | st.just("ada"), "workspaces": ANY | WORKSPACES},
    optional={"fullname": ANY, "copiloted_workspaces": ANY, "output_checker": ANY, "readonly_access": ANY},
)
SAID: Any = ANY | st.fixed_dictionaries(
    {"roles": ANY | st.fixed_dictionaries({"global": ANY, "projects": ANY | st.lists(ANY, max_size=2)})}
)


@given(
    data=PEOPLE, said=SAID, known=st.lists(st.sampled_from(sorted(ROLES)) | st.text(max_size=5), max_size=4)
)
def test_checkers_and_observers_are_only_who_is_called_so_whatever_roles_are_named(
    data: Any, said: Any, known: list[str]
) -> None:
    found = person_there(data, roles_there(said))
    if found is None:
        return
    held = permissions_of(found.everywhere(known))
    assert (CHECK in held) == (data.get("output_checker") is True)
    assert (OBSERVE in held) == (data.get("readonly_access") is True)
    for develops in (True, False):
        roles = found.in_project("air", known, develops=develops)
        assert (DEVELOP in permissions_of(roles)) == develops
        assert len(set(roles) - set(ROLES)) == 0 or develops


def test_roles_that_are_not_known_here_or_not_of_this_place_are_left_out() -> None:
    rows = [{"slug": "air", "roles": ["ProjectDeveloper", "OutputChecker", "Nobody", 3]}, {"slug": 4}, "odd"]
    said = {"roles": {"global": ["TechSupport", "ProjectDeveloper", "Nobody"], "projects": rows}}
    assert roles_there(said) == Roles(("TechSupport",), {"air": ("ProjectDeveloper",)})
    assert roles_there({"roles": []}) is None and roles_there([]) is None
