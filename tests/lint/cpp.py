"""C++ text for rules: without comments, literals and directives, of the same length and with the same lines."""

import re


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text):
    """Blanks comments and directives, and the content of literals."""
    pattern = (r'/\*.*?\*/|//[^\n]*|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
               r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*")

    def without(match):
        found = match.group()
        return '"' + blank(found[1:-1]) + '"' if found[0] == '"' else blank(found)

    return re.sub(pattern, without, text, flags=re.S | re.M)


def end_of(text, begin, pair="()"):
    """Returns the place of the bracket that closes the one at `begin`."""
    depth = 0
    for place in range(begin, len(text)):
        depth += (text[place] == pair[0]) - (text[place] == pair[1])
        if depth == 0:
            return place
    return len(text) - 1


def line_of(text, place):
    return text.count("\n", 0, place) + 1


def is_ours(path):
    return path.suffix in (".cpp", ".hpp") and path.parts[0] in ("fdw", "manager")
