#include "translate/check/relation_location.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "parser/parser.h"
}

namespace pgtrickle::translate {

namespace {

struct Wanted {
    Oid relid;
    int location;
};

bool search(::Node *node, void *context)
{
    auto *wanted = static_cast<Wanted *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, RangeVar))
        return walk_raw(node, search, context);
    auto *name = reinterpret_cast<RangeVar *>(node);
    if (RangeVarGetRelid(name, NoLock, true) != wanted->relid)
        return false;
    wanted->location = name->location;
    return true;
}

} // namespace

int location_of_relation(const char *query_text, Oid relid)
{
    Wanted wanted = {relid, -1};
    List *statements = raw_parser(query_text, RAW_PARSE_DEFAULT);
    if (list_length(statements) == 1)
        (void)search(linitial_node(RawStmt, statements)->stmt, &wanted);
    return wanted.location;
}

} // namespace pgtrickle::translate
