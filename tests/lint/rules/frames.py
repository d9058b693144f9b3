"""Each frame belongs to one world (manager/pg/boundary.hpp): where C++ objects live, PostgreSQL is called by
call() only, as a longjmp would skip their destructors; and a lambda of call() owns none. The rule reads
tokens, not C++: it does not see an object of a caller, a temporary, nor a type or function that neither the
file nor the comment of a header describes."""

import re

import cpp

# Functions of PostgreSQL that may raise an error, if only for lack of memory.
POSTGRES = re.compile(r"(?<![\w.>:])(" + "|".join((
    r"palloc0?|repalloc|MemoryContextAlloc\w*|AllocSetContextCreate|psprintf|pstrdup|ereport|elog|CHECK_FOR_INTERRUPTS",
    r"lappend\w*|lcons\w*|list_(?:make|copy|concat|append|delete|union|intersection|difference)\w*|make[A-Z]\w+|copyObject\w*",
    r"get_\w+|type_is_\w+|lookup_\w+|format_type\w*|bms_(?:add|copy|del|union|join|int|make)\w*|has_privs\w*|has_subclass",
    r"(?:Search|Get|Release)SysCache\w*|SysCacheGetAttr\w*|systable_\w+|CatalogTuple\w+|RelationGetIndexList|RelationIdGetRelation",
    r"(?:try_)?(?:table|relation|index)_(?:open|close|open\w*rv)|RelationClose|RangeVar[A-Z]\w+|find_\w*inherit\w*|GetForeign\w+",
    r"LockRelationOid|LockAcquire|ConditionalLock\w+|UnlockRelationOid|performDeletion\w*|recordDependency\w*|deleteDependency\w*",
    r"\w*FunctionCall\d?\w*|InputFunctionCall|CStringGetTextDatum|cstring_to_text\w*|text_to_cstring|TextDatumGetCString|defGet\w+",
    r"DatumGet(?:TextP\w*|ArrayTypeP|JsonbP|Bytea\w*)|PG_GETARG_(?:TEXT|JSONB|ARRAY|NAME|BYTEA|VARLENA)\w*|detoast\w*",
    r"(?:de)?construct_\w*array\w*|tuplestore_(?:put|begin|get)\w*|heap_(?:insert|form|modify|copy|deform)\w*|SPI_\w+",
    r"Push(?:Active|Copied)Snapshot|Get(?:Transaction|Latest)Snapshot|RegisterSnapshot|quote_(?:identifier|literal\w*|qualified\w*)",
    r"CommandCounterIncrement|GetConfigOption\w*|[Ss]et_?[Cc]onfig_?[Oo]ption|BeginInternalSubTransaction|WaitLatch|hash_(?:search|create)",
    r"pg_get_\w+|exprType\w*|exprLocation|eval_const\w*|standard_planner|pg_plan_query|pg_analyze\w*|parse_analyze\w*|pg_parse_query",
    r"raw_parser|stringToNode|nodeToString|AcceptInvalidationMessages|ExecInit\w+|CreateExecutorState|CreateT\w*TupleDesc\w*|TupleDescInit\w+",
    r"(?:init|append)StringInfo\w*|escape_json|MakeSingleTupleTableSlot|ExecDrop\w+|shm_mq_\w+|dsm_(?:create|attach)|RegisterDynamic\w+",
    r"AfterTrigger\w+|Async_Notify|aclcheck_error|pg_class_\w+check|object_\w+check|GetUserNameFromId|(?:ex)?change[A-Z]\w+For",
)) + r")\s*\(")
OWNER = r"std::(?:string|vector|map|set|unordered_map|unordered_set|optional|function|list|deque|unique_ptr|shared_ptr)\b(?:<[^;(){}]*>)?"
CLASS = re.compile(r"\b(?:struct|class) (\w+)[^;{}()=]*(?=\{)")
TEMPORARY = re.compile(r"std::to_string\s*\(|\.str\(\)|\.to_text\(\)|std::string\s*[({]")
# Functions that run a lambda as a PostgreSQL frame.
CALLERS = ("call", "made_of")
# Classes of the extension, in a namespace, that have the name of a type of PostgreSQL, which owns nothing.
POSTGRES_TYPES = {"Relation"}
# The comments of headers state the frames of their functions.
# A line of a comment may end between the two words.
SAID = re.compile(r"\b(PostgreSQL|C\+\+)\s+(?:\*\s+)?frames?\b")
DECLARED = re.compile(r"^(?:[\w:<>,]+[ *&]+)+(\w+)\([^;{]*\);", re.M)


def said_in(comment):
    found = SAID.findall(comment)
    return found[0] if len(set(found)) == 1 else None


def frames_of(header):
    """Returns the functions of a header, each with the world that the comments state, None where they do not."""
    head = re.match(r"\s*/\*.*?\*/", header, re.S)
    usual = said_in(" ".join(head.group().split())) if head else None
    said = usual
    for paragraph in re.split(r"\n\s*\n", header[head.end() if head else 0:]):
        said = usual
        for part in re.split(r"(/\*.*?\*/)", paragraph, flags=re.S):
            if part.startswith("/*"):
                said = said_in(" ".join(part.split())) or usual
            else:
                yield from ((name, said) for name in DECLARED.findall(part))


def own_frames(top, files):
    """Returns the extension's PostgreSQL frames, by header: functions whose name has no other description."""
    said, by_header = {}, {}
    for path in files:
        if path.suffix == ".hpp":
            for name, world in frames_of((top / path).read_text()):
                said.setdefault(name, set()).add(world)
                by_header.setdefault(str(path).removeprefix("manager/"), set()).add(name)
    return {header: {name for name in names if said[name] == {"PostgreSQL"}} for header, names in by_header.items()}


def classes(text):
    """Returns the classes that a file defines, with their contents."""
    return {match.group(1): text[match.end():cpp.end_of(text, match.end(), "{}")] for match in CLASS.finditer(text)}


def owners(defined, known=frozenset()):
    """Returns the classes that have a destructor to run: they declare one, or have a member that has one."""
    found = set(known)
    while True:
        declared = declaration_of(found)
        more = {name for name, body in defined.items() if name not in found and ("~" + name in body or declared.search(body))}
        if not more:
            return found
        found |= more


def declaration_of(names):
    own = "".join("|" + name for name in sorted(names))
    return re.compile(r"(?<![\w:<])(?:\w+::)*(?:%s%s)\s+\w+\s*(?:=|;|\{|\()" % (OWNER, own))


def arguments_of(text, *names):
    """Returns the arguments of these functions that contain a lambda: begin and end."""
    for match in re.finditer(r"(?<![\w.>])(?:%s)\([^()\[\];{}]*\[" % "|".join(names), text):
        begin = text.index("(", match.start())
        yield begin, cpp.end_of(text, begin)


def without(text, *names):
    """Returns the text without the lambdas that these functions run."""
    for begin, end in list(arguments_of(text, *names)):
        text = text[:begin] + cpp.blank(text[begin:end]) + text[end:]
    return text


def bodies(text):
    """Returns function bodies: their brace is alone on its line."""
    for match in re.finditer(r"^([ ]*)\{\n.*?^\1\}", text, re.S | re.M):
        yield match.start(), match.end()


def check(top, files):
    ours = [path for path in files if cpp.is_ours(path)]
    by_header = own_frames(top, ours)
    headers = {}
    for path in ours:
        if path.suffix == ".hpp":
            headers.update(classes(cpp.code((top / path).read_text())))
    known = owners(headers) - POSTGRES_TYPES
    for path in ours:
        source = (top / path).read_text()
        included = re.findall(r'^#include "(.*)"', source, re.M)
        frames = sorted(set().union(*(by_header.get(header, ()) for header in included)))
        own = re.compile(r"(?<![\w.>])(?:\w+::)*(%s)\s*\(" % "|".join(frames)) if frames else None
        text = cpp.code(source)
        here = classes(text)
        owned = declaration_of(owners(here, known - here.keys()))
        for begin, end in bodies(text):
            yield from complaints_of_frame(path, text, begin, end, owned, own)
        for begin, end in arguments_of(text, "enter"):
            yield from complaints_of_frame(path, text, begin + 1, end, owned, own)
        for begin, end in arguments_of(text, *CALLERS):
            lambda_text = without(text[begin + 1:end], "enter")
            for match in (owned.search(lambda_text), TEMPORARY.search(lambda_text)):
                if match:
                    yield (f"{path}:{cpp.line_of(text, begin + 1 + match.start())}: a lambda of call() owns an object: "
                           f"{' '.join(match.group().split())}")


def complaints_of_frame(path, text, begin, end, owned, own):
    frame = without(text[begin:end], *CALLERS, "enter")
    if not owned.search(frame):
        return
    for pattern in (POSTGRES, own):
        for match in pattern.finditer(frame) if pattern else ():
            yield f"{path}:{cpp.line_of(text, begin + match.start(1))}: {match.group(1)}() outside of call(), beside C++ objects"
