"""Cases of the rules on counts, rates, statistics and models, C1 to C12, and of how values and columns are read."""

from tests.checks.labelled_fresh.case import case, one, table

TEN = (("a", 15, 210), ("b", 25, 320), ("c", 35, 430), ("d", 45, 540), ("e", 55, 650))
TEN += (("f", 65, 760), ("g", 75, 870), ("h", 85, 980), ("i", 95, 1090), ("j", 105, 1200))


def mixed(rows: int, extra: str = "population") -> str:
    """Give a table with a count to the nearest 5 and one to the nearest 10."""
    return f"group,cases,{extra}\n" + "".join(f"{g},{a},{b}\n" for g, a, b in TEN[:rows])


CASES = (
    # C1
    one("a small count", table("sex n\na 3\nb 120"), "C1 fix cell 1 2", "C2 fix column 2"),
    one("a small count that is rounded", table("sex n\na 5\nb 120"), "C1 fix cell 1 2"),
    one("the threshold itself", table("sex n\na 120\nb 7"), "C1 fix cell 2 2", "C2 fix column 2"),
    one("one person", table("sex events\na 1\nb 120"), "C1 fix cell 1 2", "C2 fix column 2"),
    one("a small denominator", table("sex denominator\na 5\nb 120"), "C1 fix cell 1 2"),
    one("a small number at risk", table("sex at_risk\na 5\nb 120"), "C1 fix cell 1 2"),
    one("a guessed count", table("sex seen\na 5\nb 120"), "C1 look cell 1 2"),
    one("one above the threshold", table("sex n\na 8\nb 120"), "C2 fix column 2"),
    one("nobody is no small count", table("sex n\na 0\nb 120")),
    one("hidden cells", table("sex n\na [REDACTED]\nb <=7\nc * \nd 120")),
    one("missing cells", "sex,n\na,\nb,null\nc,-\nd,.\ne,120\n"),
    one("a small mean is no count", table("sex mean\na 3\nb 4")),
    one("a small midpoint", table("sex n_midpoint6\na 3\nb 123\nc 0")),
    one("what no midpoint gives", table("sex n_midpoint6\na 4\nb 123"), "C1 fix cell 1 2", "C3 fix any"),
    one(
        "another threshold",
        table("sex n\na 10\nb 120"),
        "C1 fix cell 1 2",
        policy={"counts": {"threshold": 10}},
    ),
    one("a lower threshold", table("sex n\na 5\nb 120"), policy={"counts": {"threshold": 4}}),
    one("a rule that is off", table("sex n\na 5\nb 120"), policy={"off": ["C1"]}),
    one(
        "another severity",
        table("sex n\na 5\nb 120"),
        "C1 look cell 1 2",
        policy={"severity": {"C1": "look"}},
    ),
    one(
        "a milder rule is milder for guesses as well",
        table("sex seen\na 5\nb 120"),
        "C1 note cell 1 2",
        policy={"severity": {"C1": "note"}},
    ),
    one(
        "a graver rule leaves guesses alone",
        table("sex seen n\na 5 5\nb 120 120"),
        "C1 look cell 1 2",
        "C1 stop cell 1 3",
        policy={"severity": {"C1": "stop"}},
    ),
    # C2
    one("counts that are not rounded", table("sex n\na 121\nb 117\nc 40"), "C2 fix column 2"),
    one("one count that is not", table("sex n\na 120\nb 115\nc 41"), "C2 fix column 2"),
    one("a guessed count that is not rounded", table("sex seen\na 121\nb 117"), "C2 look column 2"),
    one("commas in thousands", 'sex,n\na,"1,203"\nb,"2,400"\n', "C2 fix column 2"),
    one("blanks in thousands", "sex,n\na,1 203\nb,2 400\n", "C2 fix column 2"),
    one("rounded thousands", 'sex,n\na,"1,205"\nb,"12,400"\n'),
    one("neither five nor midpoint as a whole", table("sex n\na 9\nb 120"), "C2 fix column 2"),
    one("another base", table("sex n\na 120\nb 125"), "C2 fix column 2", policy={"counts": {"base": 10}}),
    one("percentages are no counts", "sex,percent,n,population\na,12.5%,15,120\nb,41.7%,50,120\n"),
    # C3
    one("a midpoint column with another value", table("sex n_midpoint6\na 13\nb 123"), "C3 fix any"),
    one("a multiple of six is no midpoint", table("sex n_midpoint6\na 12\nb 123"), "C3 fix any"),
    one("midpoints without the suffix", table("sex n\na 9\nb 123\nc 27"), "C3 note any"),
    one("midpoints", table("sex n_midpoint6\na 9\nb 123\nc 0")),
    one("a derived column has no residue", table("sex n_midpoint6_derived\na 13\nb 118")),
    # C4
    one("two bases in a table", mixed(10), "C4 look any"),
    one("too few values to tell", mixed(9)),
    one("the same base", mixed(10).replace("90,", "95,").replace("1090", "1095").replace("1200", "1205")),
    case(
        "two bases in a group",
        {
            "a.csv": "group,cases\n" + "".join(f"{g},{a}\n" for g, a, _ in TEN),
            "b.csv": "band,people\n" + "".join(f"{g}{g},{b}\n" for g, _, b in TEN),
        },
        "C4 look b.csv any",
    ),
    # C5
    one(
        "a rate of other counts",
        table("sex events population percent\na 40 1000 4.0\nb 60 1200 5.0\nc 55 1100 5.3"),
        "C5 fix cell 3 4",
    ),
    one(
        "a rate per thousand of other counts",
        table("sex num denominator rate\na 40 1000 40.0\nb 60 1200 50.0\nc 55 1100 51.0"),
        "C5 fix cell 3 4",
    ),
    one(
        "a proportion of other counts",
        table("sex events population prop\na 40 1000 0.040\nb 60 1200 0.050\nc 55 1100 0.056"),
        "C5 fix cell 3 4",
    ),
    one(
        "rates of the printed counts",
        table("sex events population percent\na 40 1200 3.3\nb 55 900 6.1\nc 20 300 6.7"),
    ),
    one(
        "rates with few figures", table("sex events population percent\na 40 1200 3\nb 55 900 6\nc 20 300 7")
    ),
    one("a rate per hundred thousand", table("sex cases population rate\na 40 120000 33.3\nb 55 90000 61.1")),
    one("a hidden part", table("sex events population percent\na [redacted] 1200 [redacted]\nb 55 900 6.1")),
    # C6 and C7
    one(
        "a rate of six people",
        table("sex population percent\na 1500 0.4\nb 1000 12.0"),
        "C6 fix cell 1 3",
        "C7 look column 3",
    ),
    one(
        "a rate that no rounded count gives",
        table("sex population percent\na 200 1.4\nb 1000 12.0"),
        "C6 fix any",
        "C7 look column 3",
    ),
    one(
        "a rate of a rounded count",
        table("sex population percent\na 1500 4.0\nb 1000 12.0"),
        "C7 look column 3",
    ),
    one("a rate without parts", table("sex percent\na 4.2\nb 12.9"), "C7 look column 2"),
    case(
        "the parts in another file",
        {
            "a.csv": table("sex percent\na 4.0\nb 12.0"),
            "b.csv": table("sex events population\na 40 1000\nb 120 1000"),
        },
    ),
    one("a mean needs no parts", table("sex mean\na 4.2\nb 12.9")),
    # C8
    one("nobody of a group", table("sex events population\na 0 120\nb 40 200"), "C8 look cell 1 2"),
    one("everybody of a group", table("sex events population\na 120 120\nb 40 200"), "C8 look cell 1 2"),
    one(
        "a rate of all",
        table("sex population percent\na 120 100.0\nb 200 20.0"),
        "C7 look column 3",
        "C8 look cell 1 3",
    ),
    one("nobody of nobody", table("sex events population\na 0 0\nb 40 200")),
    one("nobody without a denominator", table("sex events\na 0\nb 40")),
    one(
        "0 in measures may be hidden",
        table(
            "measure interval_start numerator denominator ratio\nm 2021-01-01 0 120 0.0\nm 2021-02-01 40 200 0.2"
        ),
    ),
    one(
        "measures whose ratio is of other counts",
        table(
            "measure interval_start numerator denominator ratio\nm 2021-01-01 40 160 0.25\nm 2021-02-01 40 200 0.23"
        ),
        "C5 fix cell 2 5",
    ),
    # C9
    one("a maximum", table("sex max_age\na 93.5\nb 97.5"), "C9 fix column 2"),
    one("a minimum", table("sex Min\na 18.5\nb 19.5"), "C9 fix column 2"),
    one("an extreme percentile", table("sex p100\na 93.5\nb 97.5"), "C9 fix column 2"),
    one("a range", table("sex range\na 75.5\nb 72.5"), "C9 look column 2"),
    one("a percentile of few", table("sex n p99\na 795 93.5\nb 1200 97.5"), "C9 look column 3"),
    one("a percentile of many", table("sex n p99\na 800 93.5\nb 1200 97.5")),
    one("a middle percentile", table("sex n p50\na 100 43.5\nb 1200 47.5")),
    one("bands are no extremes", table("age_range n\n40-49 120\n50-59 115")),
    one("words that hold min and max", table("sex minutes climax\na 18.5 1.5\nb 19.5 2.5")),
    # C10
    one("a mean of hidden people", table("sex n mean\na [redacted] 4.5\nb 120 5.5"), "C10 fix cell 1 3"),
    one("a mean of a few", table("sex n mean\na 5 4.5\nb 120 5.5"), "C1 fix cell 1 2", "C10 fix cell 1 3"),
    one("a median of hidden people", table("sex n median\na 120 4.5\nb <=7 5.5"), "C10 fix cell 2 3"),
    one("a mean of enough", table("sex n mean\na 10 4.5\nb 120 5.5")),
    one("a hidden mean", table("sex n mean\na [redacted] [redacted]\nb 120 5.5")),
    one("na hides by default", table("sex n mean\na na 4.5\nb 120 5.5"), "C10 fix cell 1 3"),
    one(
        "na is missing where the policy lists it not",
        table("sex n mean\na na 4.5\nb 120 5.5"),
        policy={"tokens": {"hidden": ["[redacted]"]}},
    ),
    # C11 and C12
    one("a model without a number", table("term coef se\nsex 0.51 0.12\nage 1.22 0.31"), "C11 look any"),
    one(
        "odds without a number",
        table("term or ci_lower ci_upper\nsex 1.51 1.12 1.93\nage 0.92 0.81 1.04"),
        "C11 look any",
    ),
    one("a model with a number", table("term coef se n\nsex 0.51 0.12 1200\nage 1.22 0.31 1200")),
    one("a model with degrees of freedom", table("term coef se dof\nsex 0.51 0.12 10\nage 1.22 0.31 11")),
    one("coefficients alone", table("term coef\nsex 0.51\nage 1.22")),
    one(
        "few degrees of freedom",
        table("term coef se dof\nsex 0.51 0.12 4\nage 1.22 0.31 11"),
        "C12 fix cell 1 4",
    ),
    one(
        "one degree too few", table("term coef se dof\nsex 0.51 0.12 11\nage 1.22 0.31 9"), "C12 fix cell 2 4"
    ),
    one(
        "another limit",
        table("term coef se dof\nsex 0.51 0.12 4\nage 1.22 0.31 11"),
        policy={"models": {"min_dof": 4}},
    ),
    # how columns are read
    one("leading zeros are codes", table("code n\n0003 120\n0004 115")),
    one("years", table("x n\n1999 120\n2003 115")),
    one("one, two, three", table("x n\n1 120\n2 115\n3 130")),
    one("labels by their header", table("age_years quintile n\n43 2 120\n44 5 115\n61 1 130")),
    one("years and others", table("sex x n\na 1999 120\nb 2103 115"), "C2 look column 2"),
    one("different numbers that lead are keys", table("x n\n1999 120\n2103 115")),
    one("negative numbers are no counts", table("x sex\n-3 a\n4 b\n\u22126 c")),
    one("decimals are no counts", table("x sex\n3.5 a\n4 b\n6 c")),
    one(
        "a long table",
        table("measure group value\nevents a 5\nevents b 120\nmean a 3\nmean b 4"),
        "C1 fix cell 1 3",
    ),
    one("json has no cells", '{"n": 3, "events": [1, 2]}', file="t.json"),
    one(
        "a table of a page",
        "<!DOCTYPE html><html><head><title>T</title></head><body><table><tr><th>sex</th><th>n</th></tr>"
        "<tr><td>a</td><td>5</td></tr><tr><td>b</td><td>120</td></tr></table></body></html>\n",
        "F6 fix file",
        "C1 fix cell 1 2",
        file="t.html",
    ),
)

CASES += (
    case(
        "a number said elsewhere in the group",
        {"a.csv": table("term coef se\nsex 0.51 0.12\nage 1.22 0.31"), "b.csv": table("model n\nfirst 1200")},
    ),
    one("hazards without a number", table("term HR p_value\nsex 1.51 0.012\nage 0.92 0.510"), "C11 look any"),
    one("a number of people named so", table("sex Number_of_patients\na 5\nb 120"), "C1 fix cell 1 2"),
    one(
        "counts with a percent sign in their cells",
        table("sex percent events\na 13.1% 15\nb 27.7% 50\nc 10.0% 120"),
        "C7 look column 2",
    ),
    one("a guessed column beside a named one", table("sex n seen\na 120 5\nb 115 40"), "C1 look cell 1 3"),
    one("tokens with blanks inside", 'sex,n\na,< 8\nb,"[ redacted ]"\nc,N / A\nd,120\n'),
    one(
        "a rate within its printed figures",
        table("sex cases population rate\na 15 700 2.14\nb 40 900 4.44\nc 25 1100 2.27"),
    ),
    one(
        "a rate just outside its printed figures",
        table("sex cases population rate\na 15 700 2.16\nb 40 900 4.44\nc 25 1100 2.27"),
        "C5 fix cell 1 4",
    ),
    one(
        "a prevalence of six people",
        table("sex denominator prevalence\na 2000 0.30%\nb 1000 12.0%"),
        "C6 fix cell 1 3",
        "C7 look column 3",
    ),
    one(
        "a rate of nobody",
        table("sex n percent\na 120 0.0\nb 200 20.0"),
        "C7 look column 3",
        "C8 look cell 1 3",
    ),
    one(
        "midpoints and a small value that is none",
        table("sex n\na 9\nb 123\nc 4"),
        "C1 fix cell 3 2",
        "C2 fix column 2",
    ),
    one("three among midpoints", table("sex n\na 9\nb 123\nc 3"), "C3 note column 2"),
    one(
        "nearest only",
        table("sex n\na 9\nb 123\nc 27"),
        "C2 fix column 2",
        policy={"counts": {"allow": ["nearest"]}},
    ),
    one(
        "midpoint only",
        table("sex n\na 120\nb 115"),
        "C2 fix column 2",
        policy={"counts": {"allow": ["midpoint6"]}},
    ),
    one("nobody at all", table("sex n\na 0\nb 0")),
    one("a column of running numbers from nought", table("x n\n0 120\n1 115\n2 130")),
    one("an index without a head", ",sex,n\n0,a,120\n1,b,115\n2,c,130\n"),
)
