"""A file of more than 500 lines holds two ideas; so does a function of more than 70.

The body of a function is the text between a `{` and a `}` in the first column.
"""

LONGEST_FILE = 500
LONGEST_FUNCTION = 70
LONGEST_REGRESS_FILE = 200
CODE = {".cpp", ".hpp", ".py", ".sql", ".def"}


def check(top, files):
    for path in files:
        if path.suffix not in CODE:
            continue
        lines = (top / path).read_text(errors="replace").splitlines()
        longest = LONGEST_REGRESS_FILE if path.parts[0] == "sql" else LONGEST_FILE
        if len(lines) > longest:
            yield f"{path}: {len(lines)} lines, {longest} at most"
        if path.suffix not in (".cpp", ".hpp"):
            continue
        begun_at = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begun_at = number
            elif line == "}" and begun_at is not None:
                if number - begun_at > LONGEST_FUNCTION:
                    yield f"{path}:{begun_at}: a function of {number - begun_at} lines, {LONGEST_FUNCTION} at most"
                begun_at = None
