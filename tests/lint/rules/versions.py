"""Only the headers manager/pg/versions/*.hpp depend on PostgreSQL's versions: a port to the next one changes
these, and no other file. A function that such a header calls with another number of arguments for another version is
called there only: elsewhere it would compile against one version."""

import re

HEADERS = "manager/pg/versions/*.hpp"
CALL = re.compile(r"\b([A-Za-z_]\w+)\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def branches(text):
    """Yields the alternatives of each condition on the version, as lists of texts."""
    open_conditions = []
    for line in text.split("\n"):
        if line.startswith("#if"):
            open_conditions.append(("PG_VERSION_NUM" in line, [""]))
        elif line.startswith(("#else", "#elif")):
            open_conditions[-1][1].append("")
        elif line.startswith("#endif"):
            is_of_version, texts = open_conditions.pop()
            if is_of_version and len(texts) > 1:
                yield texts
        for _, texts in open_conditions:
            texts[-1] += line + "\n"


def argument_counts(text):
    """Returns {function: the numbers of arguments of its calls}."""
    counts = {}
    for call in CALL.finditer(text):
        depth, count, has_any = 1, 1, False
        for character in text[call.end():]:
            depth += (character in "([{") - (character in ")]}")
            if depth == 0:
                break
            count += depth == 1 and character == ","
            has_any |= not character.isspace()
        counts.setdefault(call[1], set()).add(count if has_any else 0)
    return counts


def functions_with_versions(text):
    """Returns the functions that each alternative calls, with different numbers of arguments."""
    found = set()
    for texts in branches(COMMENT.sub("", text)):
        calls = [argument_counts(one) for one in texts]
        for name in set.intersection(*map(set, calls)):
            if any(one[name] != calls[0][name] for one in calls):
                found.add(name)
    return found


def check(top, files):
    code = [path for path in files if path.suffix in (".cpp", ".hpp")]
    wrapped = {}
    for path in code:
        if path.match(HEADERS):
            wrapped.update(dict.fromkeys(functions_with_versions((top / path).read_text()), path))
    for path in code:
        if path.match(HEADERS):
            continue
        text = (top / path).read_text()
        if "PG_VERSION_NUM" in text:
            yield f"{path}: asks for PostgreSQL's version, which is {HEADERS}'s to know"
        for name in CALL.findall(COMMENT.sub("", text)):
            if name in wrapped and path.parts[0] in ("fdw", "manager"):
                yield f"{path}: calls {name}(), which differs between versions: {wrapped[name]} has a function for it"
