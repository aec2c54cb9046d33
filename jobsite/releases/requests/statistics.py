"""What became of the findings of each rule in requests that were decided, to tune the rules by (specification 5.6)."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobsite.checks import RULES
from jobsite.core.db import database

_COUNTED = """
    WITH found AS (
        SELECT request_file.id AS file, request_file.request_id AS request, request_file.sha256 AS sha256,
               json_extract(one.value, '$.rule') AS rule, json_extract(one.value, '$.fingerprint') AS fingerprint
          FROM release_request JOIN request_file ON request_file.request_id = release_request.id
         CROSS JOIN json_each(request_file.findings) AS one
         WHERE release_request.status IN ('APPROVED', 'RELEASED', 'REJECTED', 'REVOKED')
           AND request_file.kind <> 'WITHDRAWN'
    ), said AS (
        SELECT found.*,
               EXISTS (SELECT 1 FROM explanation AS word WHERE word.file_id = found.file AND word.sha256 = found.sha256
                  AND word.rule = found.rule AND word.fingerprint IN ('', found.fingerprint)
                  AND word.superseded_at IS NULL) AS explained,
               (SELECT group_concat(word.verdict || ' ' || word.code) FROM waiver AS word
                 WHERE word.file_id = found.file AND word.sha256 = found.sha256 AND word.rule = found.rule
                   AND word.fingerprint IN ('', found.fingerprint)
                   AND word.superseded_at IS NULL AND word.sealed_at IS NULL) AS words
          FROM found
    )
    SELECT rule, COUNT(*), COUNT(DISTINCT request), SUM(explained), SUM(words LIKE '%WAIVED%'),
           SUM(words LIKE '%WAIVED false-alarm%'), SUM(words LIKE '%CONFIRMED%')
      FROM said GROUP BY rule
"""
_ORDER: Mapping[str, int] = {rule: number for number, rule in enumerate(RULES)}


@dataclass(frozen=True)
class RuleCounts:
    """What became of the findings of one rule. Each is counted once, whatever the number of checkers who said it."""

    rule: str
    looks_for: str
    fired: int
    requests: int
    explained: int
    waived: int
    false_alarms: int
    confirmed: int

    @property
    def share_of_false_alarms(self) -> int | None:
        """Of the findings that a checker said something to, so many in a hundred were a false alarm; None where nobody did."""
        judged = self.waived + self.confirmed
        return round(100 * self.false_alarms / judged) if judged else None


def counts_by_rule() -> tuple[RuleCounts, ...]:
    """The rules that found something in decided requests, in the order of the catalogue. One query.

    Findings that an author mended before are not among them: the request holds what its files have now.
    """
    rows = database.execute_sql(_COUNTED).fetchall()
    rows.sort(key=lambda row: _ORDER.get(row[0], len(_ORDER)))
    return tuple(_counts(rule, *(int(one or 0) for one in numbers)) for rule, *numbers in rows)


def _counts(rule: str, *numbers: int) -> RuleCounts:
    known = RULES.get(rule)
    return RuleCounts(rule, known.looks_for if known else "", *numbers)
