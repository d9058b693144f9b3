"""The SQL in README is what the tests see: its parts stand, in order, in expected/readme.out."""

import re
from pathlib import Path

README, OUTPUT = Path("README.md"), Path("expected/readme.out")


def check(top, files):
    if README not in files or OUTPUT not in files:
        return
    blocks = re.findall(r"```sql\n(.*?)```", (top / README).read_text(), re.S)
    if not blocks:
        yield f"{README}: no session"
        return
    output, position = (top / OUTPUT).read_text(), 0
    for part in "\n\n".join(block.strip() for block in blocks).split("\n\n"):
        found = output.find(part, position)
        if found < 0:
            yield f"{README}: not in {OUTPUT}: {part.splitlines()[0]}"
            return
        position = found + len(part)
