"""PostgreSQL's hooks and its (sub)transaction callbacks are set in one place, manager/pg/hooks.cpp, from the
list in fdw/module.cpp. An assignment to a hook variable, or a registration, elsewhere would put a function in
an order that the list does not show.

A hook variable is a name that ends in _hook and that the file does not declare itself; a member of that name
is none."""

import re

import cpp

INSTALLER = "manager/pg/hooks.cpp"
# Files that set a hook nevertheless, each with the variable and the reason.
EXCEPTIONS = {
    ("manager/refresh/program/join_search.cpp", "join_search_hook"): "for what is planned while an object lives, which puts it back",
    ("manager/refresh/program/join_search.hpp", "join_search_hook"): "puts it back",
    ("manager/refresh/program/estimate_bounds.cpp", "set_rel_pathlist_hook"): "likewise",
    ("manager/refresh/program/estimate_bounds.cpp", "set_join_pathlist_hook"): "likewise",
}
SET = re.compile(r"(?<![\w.>])(?:::)?(\w+_hook)\s*=(?!=)")
DECLARED = re.compile(r"(?<!\breturn)(?<!\belse)[\w>*&]\s+[*&]?(\w+_hook)\s*[=;{]")
REGISTERED = re.compile(r"\b(Register(?:Sub)?XactCallback|RegisterResourceReleaseCallback)\s*\(")


def check(top, files):
    used = set()
    for path in filter(cpp.is_ours, files):
        if str(path) == INSTALLER:
            continue
        text = cpp.code((top / path).read_text())
        own = set(DECLARED.findall(text))
        for match in SET.finditer(text):
            name = match.group(1)
            if (str(path), name) in EXCEPTIONS:
                used.add((str(path), name))
            elif name not in own:
                yield f"{path}:{cpp.line_of(text, match.start(1))}: sets {name}, which is {INSTALLER}'s to set"
        for match in REGISTERED.finditer(text):
            yield f"{path}:{cpp.line_of(text, match.start())}: {match.group(1)}() is {INSTALLER}'s to call"
    for path, name in EXCEPTIONS.keys() - used:
        if (top / path).exists():
            yield f"{path}: does not set {name} any more; take it off the list in {__name__}.py"
