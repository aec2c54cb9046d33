"""Short ways to check bytes in tests."""

import io

from jobsite.checks import OUTPUT, Policy, Report, Subject, check_file, default_policy

POLICY = default_policy()


def report_on(
    data: bytes | str, name: str = "a.csv", kind: str = OUTPUT, policy: Policy = POLICY, **more
) -> Report:
    """The report on some bytes under a name."""
    plain = data.encode() if isinstance(data, str) else data
    return check_file(Subject(name, io.BytesIO(plain), kind, **more), policy)


def rules_in(data: bytes | str, name: str = "a.csv", **more) -> list[str]:
    """The rules that found something, once for each finding."""
    return [finding.rule for finding in report_on(data, name, **more).findings]
