"""The SQL in a document is tested: its parts occur, in order, in the output of a regress test.

README.md has expected/readme.out, docs/x.md has expected/docs_x.out. A part is a paragraph of a block of SQL:
statements, with their output or without. A block that a reader must adapt before it runs is marked as `text`.
"""

import re
from pathlib import Path


def output_of(document):
    name = "readme" if document == Path("README.md") else f"docs_{document.stem}"
    return Path("expected") / f"{name}.out"


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
        output, position = (top / output_of(document)).read_text(), 0
        for part in "\n\n".join(block.strip() for block in blocks).split("\n\n"):
            found = output.find(part, position)
            if found < 0:
                yield f"{document}: not in {output_of(document)}: {part.splitlines()[0]}"
                break
            position = found + len(part)
