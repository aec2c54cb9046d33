"""Disclosure checks: a file and a policy give findings. Pure: no database, no web, no clock.

What other rooms import is this, and nothing below it:

    policy = load_policy(path)                     Policy; BadPolicy says in a sentence what is wrong
    policy = default_policy(threshold=7, base=5)   the shipped one with an installation's numbers
    policy = policy_from(document)                 from stored JSON; policy.document, policy.sha256 go back

    report = check_file(Subject("output/a.csv", path_or_open_binary, OUTPUT), policy)
    report.findings                                tuple of Finding, gravest first
    report.skipped                                 rules that did not apply, each with why
    report.sha256, .size, .rows, .columns, .marks

    findings = check_group(reports, policy, statement=Statement(…), related=other_groups_reports,
                           earlier=[Earlier(report, "on 3 May")])

    recorded_in([(name, open), …])                 by name: column roles and exceptions that ACRO records tell of files

`check_file` runs the rules that need one file (stages J, A, S). `check_group` takes the reports of one group and gives the
findings that need several files: figures without data, differences inside the request (`related` are the reports of its
other groups) and from earlier releases, ACRO records, and what the statement leaves out. Results of `check_file` may be kept
under (report.sha256, file kind, RULES_VERSION, policy.sha256).

A Finding has rule, rule_version, policy, policy_version, severity (stop, fix, look, note), file, file_sha256, place, sentence;
`finding.key` stays the same for the same rule, place and bytes, so that explanations and waivers hang on it;
`finding.row`, `.column`, `.line` are the place in short. A finding never holds an identifying value; sentences of counting
rules name the number that is printed in the file, as they must. Any bytes end in a report, never in an exception.
"""

from jobsite.checks.acro import Recorded, recorded_in
from jobsite.checks.catalogue import RULES, RULES_VERSION
from jobsite.checks.checking import check_file
from jobsite.checks.findings import FIX, LOOK, NOTE, SEVERITIES, STOP, Finding, Place, in_order, worst
from jobsite.checks.grouping import check_group
from jobsite.checks.policy import BadPolicy, Policy, default_policy, load_policy, policy_from
from jobsite.checks.subjects import OUTPUT, SUPPORTING, Earlier, Report, Skipped, Statement, Subject

__all__ = [
    "FIX",
    "LOOK",
    "NOTE",
    "OUTPUT",
    "RULES",
    "RULES_VERSION",
    "SEVERITIES",
    "STOP",
    "SUPPORTING",
    "BadPolicy",
    "Earlier",
    "Finding",
    "Place",
    "Policy",
    "Recorded",
    "Report",
    "Skipped",
    "Statement",
    "Subject",
    "check_file",
    "check_group",
    "default_policy",
    "in_order",
    "load_policy",
    "policy_from",
    "recorded_in",
    "worst",
]
