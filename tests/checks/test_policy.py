"""The policy: what it may say, and that every number of a rule comes from it."""

import json

import pytest

from jobsite.checks import BadPolicy, default_policy, load_policy, policy_from

from .given import report_on, rules_in

TABLE = "group,n\na,3\nb,12\nc,20\n"


def test_the_default_is_the_one_of_the_specification() -> None:
    policy = default_policy()
    assert (policy.name, policy.version) == ("default", 1)
    assert policy.counts == (7, 5, 6, True, True, 3)
    assert policy.min_dof == 10
    assert "<=7" in policy.hidden and "n/a" in policy.hidden


def test_a_policy_goes_out_as_json_and_comes_back_the_same() -> None:
    policy = policy_from({"policy": "strict", "version": 3, "counts": {"threshold": 10}})
    back = policy_from(json.loads(json.dumps(policy.document)))
    assert (back, back.sha256) == (policy, policy.sha256)
    assert back.sha256 != default_policy().sha256


def test_threshold_and_base_of_an_installation_change_what_is_found() -> None:
    strict = default_policy(threshold=12, base=10)
    found = report_on(TABLE, policy=strict).findings
    assert [(one.rule, one.row) for one in found] == [("C1", 1), ("C1", 2), ("C2", None)]
    assert "count of 1 to 12" in found[0].sentence and "multiples of 10" in found[2].sentence
    assert found[0].policy_version == 1


def test_hidden_tokens_follow_the_threshold_unless_they_are_given() -> None:
    assert "<=12" in default_policy(threshold=12).hidden and "<=7" not in default_policy(threshold=12).hidden
    given = policy_from({"counts": {"threshold": 12}, "tokens": {"hidden": ["###"]}})
    assert given.hidden == {"###"}
    assert rules_in("group,n\na,###\nb,20\n", policy=given) == []


def test_na_is_hidden_where_the_policy_lists_it_and_missing_where_it_does_not() -> None:
    hidden_total = "group,n\na,20\nb,n/a\nTotal,60\n"
    assert rules_in(hidden_total) == ["S2"]
    assert rules_in(hidden_total, policy=policy_from({"tokens": {"hidden": ["x"]}})) == []


def test_a_rule_may_be_softened_or_switched_off_and_the_report_says_so() -> None:
    softer = report_on(TABLE, policy=policy_from({"severity": {"C1": "look"}, "off": ["C2"]}))
    assert [(one.rule, one.severity) for one in softer.findings] == [("C1", "look")]
    assert [one.rule for one in softer.skipped if "switched off" in one.why] == ["C2"]


def test_midpoint_rounding_can_be_the_only_one_allowed_or_not_allowed() -> None:
    both, nearest = "group,n\na,9\nb,15\nc,21\n", policy_from({"counts": {"allow": ["nearest"]}})
    midpoint = policy_from({"counts": {"allow": ["midpoint6"]}})
    assert rules_in(both) == ["C3"]
    assert rules_in(both, policy=nearest) == ["C2"]
    assert rules_in("group,n\na,20\nb,25\n", policy=midpoint) == ["C2"]
    assert rules_in("group,n_midpoint6\na,9\nb,15\n", policy=midpoint) == []


def test_limits_are_those_of_the_policy() -> None:
    small = default_policy(csv_rows=2, csv_cols=2, file_bytes=20)
    assert rules_in(TABLE, policy=small) == ["F3", "F4", "C1", "C2"]
    assert rules_in("a,b,c\nx,y,z\n", policy=small) == ["F4"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "JSON object"),
        ({"colour": 1}, "'colour'"),
        ({"counts": 3}, "'counts'"),
        ({"counts": {"treshold": 3}}, "'treshold'"),
        ({"counts": {"threshold": 0}}, "whole number"),
        ({"counts": {"threshold": True}}, "whole number"),
        ({"counts": {"base": "five"}}, "whole number"),
        ({"counts": {"allow": []}}, "'nearest'"),
        ({"counts": {"allow": "nearest"}}, "list of words"),
        ({"severity": {"C1": "grave"}}, "severity of C1"),
        ({"severity": {"C99": "look"}}, "no rule 'C99'"),
        ({"severity": []}, "'severity'"),
        ({"off": ["Z1"]}, "no rule 'Z1'"),
        ({"off": "C1"}, "list of words"),
        ({"policy": ""}, "name"),
        ({"version": 0}, "'version'"),
        ({"areas_allowed": [3]}, "list of words"),
    ],
)
def test_a_bad_policy_is_refused_with_a_sentence(document: object, said: str) -> None:
    with pytest.raises(BadPolicy, match=r"\.$") as refused:
        policy_from(document)
    assert said in str(refused.value)


def test_a_policy_file_that_cannot_be_read_is_refused_with_a_sentence(tmp_path) -> None:
    broken = tmp_path / "policy.json"
    for content in (b"{", b"\xff\xfe\x00", b"[" * 100_000, b" " * (1024 * 1024 + 1)):
        broken.write_bytes(content)
        with pytest.raises(BadPolicy, match=r"policy\.json"):
            load_policy(broken)
    with pytest.raises(BadPolicy, match="cannot be read"):
        load_policy(tmp_path / "none.json")
    broken.write_text('{"policy": "mine", "version": 2}', "utf-8-sig")
    assert load_policy(broken).name == "mine"
