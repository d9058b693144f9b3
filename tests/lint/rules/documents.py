"""The documents can be read and followed: short lines, and no link or path that leads nowhere.

A line has 120 columns at most, in the decisions 100, but for rows of tables and for what a script writes; README has
200 lines at most. The titles of all decisions stand in the index, manager/DECISIONS.md.
A relative link leads to a file of the project and, with a #, to a heading of it. A word in `code` that names a file
of the project, as manager/refresh/run/run.cpp, names one that exists; of a folder it ends with a slash.
"""

import re
from pathlib import Path

LONGEST_LINE = 120
LONGEST_LINE_OF_DECISION = 100
LONGEST_README = 200
ROOTS = r"(?:fdw|manager|docs|tests|sql|expected)"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(rf"`({ROOTS}(?:/[\w.*-]+)+/?)`")
DECISIONS = Path("manager/decisions")
INDEX = Path("manager/DECISIONS.md")
FENCE = re.compile(r"^```.*?^```", re.S | re.M)


def is_document(path):
    is_there = len(path.parts) == 1 or path.parts[0] in ("docs", "manager") or path == Path("tests/README.md")
    return path.suffix == ".md" and is_there


def longest_line(path):
    return LONGEST_LINE_OF_DECISION if path == INDEX or DECISIONS in path.parents else LONGEST_LINE


def anchor(heading):
    """Returns the anchor that GitHub derives from a heading."""
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)}


def wrong_links(top, path, text):
    for match in LINK.finditer(FENCE.sub("", text)):
        target = match.group(1) or match.group(2)
        if re.match(r"\w+:", target):
            continue
        name, _, heading = target.partition("#")
        file = top / path.parent / name if name else top / path
        if not file.exists():
            yield f"{path}: a link leads to {target}, which is not there"
        elif heading and heading not in anchors(file.read_text()):
            yield f"{path}: a link leads to {target}, and there is no such heading"


def wrong_paths(top, path, text):
    for name in PATH.findall(text):
        found = list(top.glob(name)) if "*" in name else [top / name]
        if not any(each.is_dir() if name.endswith("/") else each.is_file() for each in found):
            yield f"{path}: `{name}` is not a {'folder' if name.endswith('/') else 'file'} of the project"


def missing_in_index(top, path, text):
    index = (top / INDEX).read_text() if (top / INDEX).exists() else ""
    for title in re.findall(r"^##+ (.*)$", text, re.M):
        if f"- {title}\n" not in index and f"[{title}]" not in index:
            yield f"{path}: \"{title}\" does not stand in {INDEX}"


def check(top, files):
    for path in filter(is_document, files):
        text = (top / path).read_text()
        lines = text.splitlines()
        if path == Path("README.md") and len(lines) > LONGEST_README:
            yield f"{path}: {len(lines)} lines, {LONGEST_README} at most"
        if not lines[0].startswith("<!-- written by"):
            for number, line in enumerate(lines, 1):
                if len(line) > longest_line(path) and not line.startswith("|"):
                    yield f"{path}:{number}: {len(line)} columns, {longest_line(path)} at most"
        yield from wrong_links(top, path, text)
        yield from wrong_paths(top, path, text)
        if DECISIONS in path.parents:
            yield from missing_in_index(top, path, text)
