"""A second labelled set of small files, written from the specification of the rules alone, before their code was read.

Every case names all the findings that its files must give, and no others. Where the first run disagreed, the specification
decided: either the rule was mended, or the label, which then says so."""

from tests.checks.labelled_fresh import counts, files, groups, listed, people, totals

CASES = [case for part in (files, people, counts, totals, groups, listed) for case in part.CASES]
