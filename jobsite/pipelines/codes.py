"""Every code a report can hold: what it means, and one sentence as an example. `docs/project-yaml.md` shows them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A stable name for one kind of mistake. `kind` is "problem" (the file cannot run) or "warning"."""

    name: str
    kind: str
    meaning: str
    example: str


def _code(name: str, meaning: str, example: str, kind: str = "problem") -> tuple[str, Code]:
    return name, Code(name, kind, meaning, example)


CODES: dict[str, Code] = dict(
    (
        _code(
            "yaml-encoding",
            "The bytes are no UTF-8 or UTF-16 text, or a control character stands in the file.",
            "The file has an unacceptable character on line 4: U+0000.",
        ),
        _code(
            "yaml-syntax",
            "The file breaks the rules of YAML. The line is where the cause most likely is.",
            'YAML error on line 7: the quote " that opens here is never closed (noticed on line 12).',
        ),
        _code(
            "yaml-duplicate-key",
            "The same key stands twice in one dictionary.",
            "There is a duplicate key: `make_table` stands on line 9 and again on line 21.",
        ),
        _code(
            "yaml-alias",
            "A value refers to an anchor that does not exist, nearly always an unquoted `*`.",
            "`*.csv` is an undefined alias: it refers to an anchor `&.csv`, and there is none before it.",
        ),
        _code(
            "yaml-documents",
            "A line `---` or `...` splits the file in two.",
            "A project file must be a single document, but a second one starts on line 12.",
        ),
        _code(
            "yaml-nesting",
            "The file passes a limit: bytes, levels, actions, values, or what its aliases stand for.",
            "The file is nested too deeply: on line 3 there are more than 100 levels.",
        ),
        _code(
            "file-empty",
            "Nothing stands in the file but blanks and comments.",
            "The project file is empty.",
        ),
        _code(
            "file-not-mapping",
            "The file is a list or a single text, not keys with values.",
            "A project file must be a dictionary of key/value pairs, but this is a list.",
        ),
        _code(
            "version-missing",
            "The file does not say which version of the format it has.",
            "The project file must have a `version` attribute; the latest version is 5.",
        ),
        _code(
            "version-not-number",
            "The version is no number.",
            "`version` must be a number between 1 and 5, but it is five.",
        ),
        _code(
            "version-too-old",
            "The version is below 1.",
            "`version` must be a number between 1 and 5, but it is 0; the latest version is 5.",
        ),
        _code(
            "version-too-new",
            "The version is above 5.",
            "`version` must be a number between 1 and 5, but it is 6; the latest version is 5.",
        ),
        _code(
            "expectations-missing",
            "Version 3 wants to know the size of the invented population.",
            "A project file of version 3 must include `expectations` section.",
        ),
        _code(
            "expectations-not-mapping",
            "The section has no keys.",
            "`expectations` must be a dictionary with the key `population_size`, but it is a number.",
        ),
        _code(
            "expectations-unknown-key",
            "The section knows one key only.",
            "Unexpected parameters (population) in project `expectations` section.",
        ),
        _code(
            "expectations-population-missing",
            "The section lacks that key.",
            "Project `expectations` section must include `population_size` section.",
        ),
        _code(
            "expectations-population-not-number",
            "The size is no number.",
            "Project expectations population size must be a number, but it is many.",
        ),
        _code(
            "expectations-not-allowed",
            "From version 4 on the section has no use.",
            "Project includes `expectations` section, which version 5 does not use; you can safely remove it.",
        ),
        _code(
            "top-unknown-key",
            "A key at the top level that means nothing there.",
            "Unexpected parameters (acton) in project: only version, actions and expectations may stand "
            "at the top level.",
        ),
        _code(
            "actions-not-mapping",
            "There are no actions where they are looked for.",
            "The `actions` section must be a dictionary of key/value pairs, but it is missing.",
        ),
        _code(
            "name-reserved",
            "From version 5 on no action may be named `run_all`.",
            "`run_all` is a reserved action name from version 5 on.",
        ),
        _code(
            "name-unsafe",
            "The name of an action has letters that file names should not have.",
            "An action's name becomes part of file names, but this one is `make table`. Use letters, "
            "digits, `_`, `-` and `.` only.",
        ),
        _code(
            "action-not-mapping",
            "Below the name of an action there are no keys.",
            "Configuration for action make_table must be a dictionary of key/value pairs, but it is empty.",
        ),
        _code(
            "action-run-missing",
            "An action without a command.",
            "Action make_table must contain a configuration for 'run'.",
        ),
        _code(
            "action-outputs-missing",
            "An action without outputs.",
            "Action make_table must contain a configuration for 'outputs'.",
        ),
        _code(
            "action-unknown-key",
            "A key that actions do not have.",
            "Unexpected parameters (need) in action make_table: its keys are run, needs, outputs, config "
            "and dummy_data_file.",
        ),
        _code(
            "action-wrong-type",
            "The value of a key is of the wrong kind.",
            "`needs` section for action make_table must be a list, but it is text.",
        ),
        _code(
            "run-empty",
            "The command is empty.",
            "Action make_table: run must have a value, but it is empty.",
        ),
        _code(
            "run-quotes",
            "A quote in the command is never closed.",
            'Action make_table: No closing quotation in run: the quote " is opened and never closed.',
        ),
        _code(
            "run-version",
            "The first word of the command does not name an image and its version.",
            "Action make_table: `python` must have a version specified in the form :vN, for example "
            "`python:v2`.",
        ),
        _code(
            "run-latest",
            "From version 5 on the tag `latest` is not allowed.",
            "Action make_table: the tag `latest` is not allowed. Provide a version e.g. `:v2` instead.",
        ),
        _code(
            "run-cohortextractor",
            "From version 4 on cohortextractor cannot be used.",
            "Action extract uses cohortextractor actions, which are not supported in this version.",
        ),
        _code(
            "run-duplicate",
            "Two actions have the same command.",
            "Action make_table_2 has the same 'run' command as other actions: make_table.",
        ),
        _code(
            "outputs-none",
            "No privacy level is given.",
            "Action make_table must specify at least one output of: highly_sensitive, "
            "moderately_sensitive, minimally_sensitive.",
        ),
        _code(
            "outputs-unknown-level",
            "A key below `outputs` that is no privacy level.",
            "Unexpected parameters (moderate_sensitive) in `outputs` section for action make_table: the "
            "levels are highly_sensitive, moderately_sensitive, minimally_sensitive.",
        ),
        _code(
            "outputs-level-wrong-type",
            "A privacy level that has no labels and paths below it.",
            "`moderately_sensitive` section for action make_table must be a dictionary of key/value "
            "pairs, but it is text.",
        ),
        _code(
            "outputs-pattern-not-text",
            "An output that is no path.",
            "`table` output for action make_table must be a string, but it is a list.",
        ),
        _code(
            "path-backslash",
            "A path in the manner of Windows.",
            "Output path output\\table.csv is invalid: use forward slashes only.",
        ),
        _code(
            "path-wildcard",
            "A path with `**`, `?` or `[`.",
            "Output path output/**/table.csv is invalid: only the * wildcard character is supported.",
        ),
        _code(
            "path-extension",
            "A path whose last part has no file type.",
            "Output path output/table is invalid: it must have a file type extension at the end.",
        ),
        _code(
            "path-level4-type",
            "A type of file that nobody may look at on the Level 4 server.",
            "Output path output/model.rds is invalid: .rds is not an allowed file type for "
            "moderately_sensitive outputs.",
        ),
        _code(
            "path-not-standard",
            "A path with `..`, `.`, a double slash or a slash at the end.",
            "Output path ../table.csv is invalid: it is not in standard form (contains double slashes or "
            "'..' elements).",
        ),
        _code(
            "path-metadata",
            "A path below the folder `metadata`.",
            "Output path metadata/table.csv is invalid: it should not include the metadata directory.",
        ),
        _code(
            "path-absolute",
            "A path that does not begin at the root of the repository.",
            "Output path /tmp/table.csv is invalid: it is an absolute path.",
        ),
        _code(
            "path-duplicate",
            "From version 2 on each output stands once in the file.",
            "Output path output/table.csv is invalid: it is not unique, it stands in action make_table "
            "too (line 8).",
        ),
        _code(
            "needs-not-text",
            "An entry of `needs` is no text.",
            "`needs` of action make_table must be a list of action names, but one entry is a number.",
        ),
        _code(
            "needs-spaces",
            "An entry of `needs` has a blank inside, so it is probably several.",
            "Action make_table: names in `needs` should be separated with commas, but `extract clean` "
            "has a blank inside.",
        ),
        _code(
            "needs-unknown",
            "An entry of `needs` names no action of the file.",
            "Action make_table references an unknown action in its `needs` list: extrct.",
        ),
        _code(
            "needs-cycle",
            "An action needs itself, directly or through others.",
            "Action clean needs itself: clean → make_table → clean.",
        ),
        _code(
            "cohort-one-level",
            "A cohort is extracted to one privacy level only.",
            "Action extract: a generate_cohort command must have exactly one output level, but it has "
            "highly_sensitive and moderately_sensitive.",
        ),
        _code(
            "cohort-one-directory",
            "A cohort is extracted to one directory only.",
            "Action extract: generate_cohort can write its output in only one directory, but its outputs "
            "are in output/ and data/.",
        ),
        _code(
            "dataset-not-highly",
            "A dataset has one line per patient, so it is highly sensitive.",
            "Action extract reads patient data, so all outputs must be labelled `highly_sensitive`, but "
            "some are moderately_sensitive.",
        ),
        _code(
            "dataset-output-missing",
            "A dataset command does not say where to write.",
            "Action extract does not provide an `--output` argument.",
        ),
        _code(
            "dataset-output-mismatch",
            "The file that the command writes is not the one that `outputs` lists.",
            "Action extract: the output specification must match the `--output` argument: got "
            "output/data.csv, expected output/dataset.csv.",
        ),
        _code(
            "version-old",
            "The file has an older version of the format, which still runs.",
            "The file has format version 3; the latest version is 5.",
            kind="warning",
        ),
        _code(
            "name-run-all",
            "An action named `run_all` before version 5.",
            "The action `run_all` is ignored when all actions are run, because the name means just that.",
            kind="warning",
        ),
        _code(
            "needs-repeated",
            "An entry of `needs` stands twice.",
            "Action make_table lists extract more than once in its `needs`; it counts once.",
            kind="warning",
        ),
        _code(
            "output-overlap",
            "Two patterns can match the same file.",
            "Output output/*.csv can match the same file as output output/table.csv of action clean "
            "(line 9): the action that runs later replaces the file.",
            kind="warning",
        ),
        _code(
            "run-similar",
            "Two commands differ in blanks or quotes only.",
            "Action make_table_2 runs the same command as action make_table; only blanks or quotes differ.",
            kind="warning",
        ),
        _code(
            "output-type",
            "A file type that is unusual, or in capital letters.",
            "The file type .CSV of output output/table.CSV is unusual.",
            kind="warning",
        ),
        _code(
            "unused-key",
            "`dummy_data_file` from version 4 on.",
            "Action extract has a `dummy_data_file`, which nothing uses from version 4 on.",
            kind="warning",
        ),
        _code(
            "dataset-second-word",
            "The command reads the database only if that word comes right after the image.",
            "Action extract has `generate-dataset` later in its command, so it gets no access to the "
            "database.",
            kind="warning",
        ),
        _code(
            "no-actions",
            "`actions` is empty, which is valid.",
            "The file has no actions, so there is nothing to run.",
            kind="warning",
        ),
    )
)
"""In the order of the specification: reading, version, actions, run, outputs, needs, database; then warnings."""


def table() -> str:
    """The codes as a Markdown table, as the manual shows it."""
    rows = [
        f"| `{code.name}` | {code.kind} | {code.meaning} | {_cell(code.example)} |" for code in CODES.values()
    ]
    return "\n".join(["| code | kind | when | for example |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
