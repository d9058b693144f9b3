"""The SQL in a document is tested: a reader who pastes it gets what the document shows.

README.md has expected/readme.out, docs/x.md has expected/docs_x.out. The output begins with the blocks `sql` and `output`
of the document, in order and complete: each statement, its errors, notices and warnings, and its rows, which the
document may leave out between \\o and \\o. A block `sql` contains statements only: those of sql/readme.sql or
sql/docs_x.sql. What follows `-- Not in the document` is free. Empty lines do not count. A block that a reader must adapt
before it runs is marked as `text`.
"""

import re
from itertools import zip_longest
from pathlib import Path

BEYOND = "-- Not in the document"


def session_of(document):
    return "readme" if document == Path("README.md") else f"docs_{document.stem}"


def lines_of(text):
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("\\o")]


def differences(document, shown, test, text):
    """Yields the first one between lines of the document and the text of the test, which begins with a comment of its own."""
    for ours, theirs in zip_longest(shown, lines_of(text.partition(BEYOND)[0])[1:], fillvalue="the end"):
        if ours != theirs:
            yield f"{document}: {test} has {theirs!r}, not {ours!r}"
            return


def check(top, files):
    for document in files:
        if document != Path("README.md") and (document.parent != Path("docs") or document.suffix != ".md"):
            continue
        blocks = re.findall(r"```(sql|output)\n(.*?)```", (top / document).read_text(), re.S)
        if not blocks:
            if document == Path("README.md"):
                yield f"{document}: no session"
            continue
        name = session_of(document)
        for test, kinds in (Path("expected") / f"{name}.out", ("sql", "output")), (Path("sql") / f"{name}.sql", ("sql",)):
            if test not in files:
                yield f"{document}: {test} is missing"
                continue
            shown = lines_of("\n".join(text for kind, text in blocks if kind in kinds))
            yield from differences(document, shown, test, (top / test).read_text())
