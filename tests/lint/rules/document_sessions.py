"""The SQL in a document is tested: a reader who types it gets what the document shows.

README.md has expected/readme.out, docs/x.md has expected/docs_x.out. The output begins with the blocks of SQL, in
order and complete: each statement, its errors, notices and warnings, and its rows, which the document may leave out
between \\o and \\o. What follows `-- Not in the document` is free. Empty lines do not count. A block that a reader must
adapt before it runs is marked as `text`.
"""

import re
from itertools import zip_longest
from pathlib import Path

BEYOND = "-- Not in the document"


def output_of(document):
    name = "readme" if document == Path("README.md") else f"docs_{document.stem}"
    return Path("expected") / f"{name}.out"


def lines_of(text):
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("\\o")]


def check(top, files):
    for document in files:
        if document != Path("README.md") and (document.parent != Path("docs") or document.suffix != ".md"):
            continue
        blocks = re.findall(r"```sql\n(.*?)```", (top / document).read_text(), re.S)
        if not blocks:
            if document == Path("README.md"):
                yield f"{document}: no session"
            continue
        if output_of(document) not in files:
            yield f"{document}: {output_of(document)} is missing"
            continue
        output = (top / output_of(document)).read_text()
        shown, printed = lines_of("\n".join(blocks)), lines_of(output.partition(BEYOND)[0])[1:]
        for ours, theirs in zip_longest(shown, printed, fillvalue="the end"):
            if ours != theirs:
                yield f"{document}: {output_of(document)} has {theirs!r}, not {ours!r}"
                break
