"""No object at namespace scope has a constructor or a destructor: it would run when the server loads the library, where an
exception ends the postmaster, and again at exit, in each process. constexpr, pointers and plain values need none."""

import re

import cpp

# Allowed besides constexpr: values that the loader lays out. Structs of this list have no constructor and no
# destructor.
PLAIN = re.compile(
    r"^(?:static |inline |const |volatile |thread_local )*(?:"
    r"bool|char|int|long|double|float|unsigned(?: int)?|size_t|Size|Oid|TimestampTz|AttrNumber|BlockNumber|TimeoutId|sig_atomic_t"
    r"|u?int(?:8|16|32|64)(?:_t)?|FullTransactionId|\w+_hook_type|config_enum_entry"
    r"|CacheListener|Family|Followed|Known|PreviousHooks|RelationListener|SessionStack<\w+>|Wait|WorkerKey"
    r") \w+")
NOT_OBJECTS = re.compile(r"^(?:using|typedef|template|struct|class|enum|union|extern|friend|static_assert|namespace|PG_\w+)\b")
SCOPE = re.compile(r"^(?:inline )?namespace\b[\w: ]*$|^extern \"\s*\"$")


def statements(text):
    """Returns the declarations at namespace scope, each with its line, without the content of braces."""
    begin = place = 0
    written = ""
    while place < len(text):
        char = text[place]
        if not written.strip():
            begin = place
        if char == "{" and SCOPE.match(" ".join(written.split())) or char == "}":
            written = ""
        elif char == "{":
            place = cpp.end_of(text, place, "{}")
            if "(" in written and "=" not in written:  # a function's body
                written = ""
            else:
                written += "{}"
        elif char == ";":
            yield cpp.line_of(text, begin), " ".join(written.split())
            written = ""
        else:
            written += char
        place += 1


def is_object(statement):
    declared = re.split(r"[={]", statement)[0]
    return (re.search(r"[\w>][ *&]+[\w:]+(?:\[.*\])*\s*$", declared) and "(" not in declared and "operator" not in declared and
            not NOT_OBJECTS.match(statement))


def needs_nothing(statement):
    declared = re.split(r"[={]", statement)[0]
    return "constexpr " in declared or "*" in declared or PLAIN.match(declared)


def check(top, files):
    for path in filter(cpp.is_ours, files):
        for line, statement in statements(cpp.code((top / path).read_text())):
            if is_object(statement) and not needs_nothing(statement):
                yield f"{path}:{line}: an object at namespace scope: {statement[:60]}"
