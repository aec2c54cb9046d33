"""Cases of the rules on totals and hidden cells, S1 to S5, and on the numbers in texts, L1."""

from tests.checks.labelled_fresh.case import one, table

CASES = (
    # S1
    one("a total of other parts", table("sex n\na 40\nb 75\nTotal 120"), "S1 fix cell 3 2"),
    one("all of other parts", table("sex n\na 40\nb 75\nAll 110"), "S1 fix cell 3 2"),
    one(
        "a total column",
        table("group male female total\na 40 50 90\nb 60 70 130\nc 30 20 55"),
        "S1 fix cell 3 4",
    ),
    one(
        "a total in its block",
        table("region age n\nN 40-49 20\nN 50-59 30\nN Total 50\nS 40-49 25\nS 50-59 15\nS Total 45"),
        "S1 fix cell 6 3",
    ),
    one(
        "a total since the last total",
        table("group n\na 20\nb 30\nTotal 50\nc 25\nd 15\nTotal 45"),
        "S1 fix cell 6 2",
    ),
    one("a total of its parts", table("sex n\na 40\nb 75\nTotal 115")),
    one(
        "a label that holds the word",
        table("operation n\nTotal~hip~replacement 40\nknee 75\nOverall~survival 300"),
    ),
    one(
        "totals of percentages",
        table("sex events population percent\na 40 1200 3.3\nb 60 1200 5.0\nTotal 100 2400 4.2"),
    ),
    one("a denominator called total", table("group n total\na 40 120\nb 55 200\nc 20 300")),
    one("totals computed after hiding", table("sex n\na [redacted]\nb 75\nc 40\nTotal 115")),
    # S2, S3, S4
    one("a single hidden cell", table("sex n\na [redacted]\nb 75\nTotal 115"), "S2 fix cell 1 2"),
    one(
        "a single hidden cell in a row",
        table("group male female total\na 40 50 90\nb 60 [redacted] 130\nc 30 20 50"),
        "S2 fix cell 2 3",
    ),
    one(
        "two hidden cells with much between them", table("sex n\na [redacted]\nb [redacted]\nc 75\nTotal 115")
    ),
    one(
        "a single hidden small cell",
        table("sex n\na [redacted]\nb 75\nTotal 80"),
        "S2 fix cell 1 2",
        "S4 fix cell 3 2",
    ),
    one(
        "two hidden cells with little between them",
        table("sex n\na [redacted]\nb <=7\nc 75\nTotal 80"),
        "S4 fix cell 4 2",
    ),
    one("two hidden cells above the threshold together", table("sex n\na [redacted]\nb <=7\nc 75\nTotal 85")),
    one(
        "a hidden cell that can be told exactly",
        table("sex n\na [redacted]\nb 71\nTotal 77"),
        "C2 fix column 2",
        "S2 fix cell 1 2",
        "S3 fix cell 1 2",
        "S4 fix cell 3 2",
    ),
    one(
        "hidden cells that the threshold narrows",
        table("sex n\na [redacted]\nb [redacted]\nc 71\nTotal 85"),
        "C2 fix column 2",
        "S3 look cell 1 2",
        "S3 look cell 2 2",
    ),
    one(
        "a policy that protects more",
        table("sex n\na [redacted]\nb [redacted]\nc 75\nTotal 80"),
        "S3 fix cell 1 2",
        "S3 fix cell 2 2",
        "S4 fix cell 4 2",
        policy={"counts": {"protect_width": 11}},
    ),
    one(
        "rows and columns together",
        table("group x y total\na [redacted] [redacted] 31\nb [redacted] 21 42\nc 32 44 76\nTotal 61 88 149"),
        "C2 look column 2",
        "C2 look column 3",
        "C2 fix column 4",
        "S2 fix any",
        "S3 fix any",
    ),
    one("a hidden total", table("sex n\na 40\nb 75\nTotal [redacted]")),
    one("a missing cell hides nothing", table("sex n\na -\nb 115\nTotal 115")),
    one(
        "hidden percentages have no totals",
        "sex,percent,events,population\na,[redacted],[redacted],1000\nb,[redacted],[redacted],1000\nc,7.5,75,1000\n",
    ),
    # S5
    one(
        "a survival row hidden in part",
        table("time at_risk events survival\n1 120 20 0.833\n2 100 [redacted] 0.750\n3 90 10 0.667"),
        "S5 fix any",
    ),
    one(
        "a number at risk hidden alone",
        table("time n_risk n_event surv\n1 120 20 0.833\n2 [redacted] 10 0.750\n3 90 10 0.667"),
        "S5 fix any",
    ),
    one(
        "a survival row hidden whole",
        table(
            "time at_risk events survival\n1 120 20 0.833\n2 [redacted] [redacted] [redacted]\n3 90 10 0.667"
        ),
    ),
    one(
        "a table that is none of survival", table("group at_risk events\na 120 20\nb 100 [redacted]\nc 90 10")
    ),
    # L1
    one("a small count in a text", "Counts\n\nsex n\na 5\nb 120\nc 115\n", "L1 look any", file="t.txt"),
    one(
        "counts that are not rounded, in a text",
        "Counts\n\nsex   n\na   121\nb   117\nc   118\n",
        "L1 look any",
        file="t.txt",
    ),
    one(
        "rows of data in a text",
        "   patient  age sex  weight\n0     a171   43   f    61.5\n1     b182   57   m    83.2\n2     c193   61   f    70.9\n3     d204   35   m    77.7\n",
        "L1 fix any",
        file="t.txt",
    ),
    one(
        "a traceback",
        "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    x()\nNameError: name 'x' is not defined\n",
        file="t.txt",
    ),
    one("two lines are no table", "sex n\na 5\n", file="t.txt"),
    one(
        "prose with numbers",
        "We used 3 models.\nThe first took 5 hours.\nThe second took 4 hours.\nNothing else was done.\n",
        file="t.txt",
    ),
    one("rounded counts in a text", "sex n\na 120\nb 115\nc 130\n", file="t.txt"),
)

CASES += (
    one("several totals of one column", table("group n\na 20\nb 30\nTotal 50\nc 25\nd 15\nTotal 40")),
    one("a total above its parts", table("group n\nAll 115\na 40\nb 70"), "S1 fix cell 1 2"),
    one("a sum in capitals", table("sex n\na 40\nb 75\nSUM 125"), "S1 fix cell 3 2"),
    one(
        "a hidden cell in the second block",
        table("region age n\nN 40-49 20\nN 50-59 30\nN Total 50\nS 40-49 [redacted]\nS 50-59 15\nS Total 45"),
        "S2 fix cell 4 3",
    ),
    one(
        "a total column computed after hiding",
        table("group male female total\na 40 50 90\nb 60 [redacted] 60\nc 30 20 50"),
    ),
    one("all beside n is a denominator", table("group n all\na 40 120\nb 55 200\nc 20 300")),
    one(
        "total beside a percentage is a denominator",
        table("group percent n total\na 33.3 40 120\nb 27.5 55 200"),
    ),
    one("a midpoint total", table("sex n_midpoint6\na 9\nb 123\nTotal 135"), "S1 fix cell 3 2"),
    one(
        "a printed frame whose columns stand close",
        "     id sex   age\n0   a17   f  43.5\n1   b18   m  57.5\n2   c19   f  61.5\n",
        "L1 fix any",
        file="t.txt",
    ),
    one("steps with numbers", "Steps taken\n1 load data\n2 clean data\n3 draw figures\n", file="t.txt"),
    one(
        "a log of times",
        "All done\n10:15:01 began\n10:15:07 read\n10:15:09 ended\n",
        "F6 fix file",
        file="t.log",
    ),
    one(
        "a table in Markdown",
        "# People\n\n| sex | n |\n| --- | --- |\n| a | 5 |\n| b | 120 |\n| c | 115 |\n",
        "L1 look any",
        file="t.md",
    ),
    one(
        "a rounded table in Markdown",
        "# People\n\n| sex | n |\n| --- | --- |\n| a | 15 |\n| b | 120 |\n| c | 115 |\n",
        file="t.md",
    ),
    one(
        "a traceback with rows of data",
        "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nKeyError: 'x'\n\n   patient  age\n0  a171     43\n1  b182     57\n2  c193     61\n",
        "L1 fix any",
        file="t.txt",
    ),
)

CASES += (
    one(
        "a header of three rows",
        "sex,F,F,M\nage,young,old,young\narea,,,\nN,15,20,35\nS,3,25,40\n",
        "C1 look cell 4 2",
        "C2 look column 2",
    ),
    one("a header of two rows, rounded", "sex,F,M\narea,,\nN,15,20\nS,35,25\n"),
    one("words before numbers are no header", "site,n,seen\na,none_yet,later\nb,120,9\nc,115,later\n"),
)
