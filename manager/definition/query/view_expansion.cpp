#include "definition/query/view_expansion.hpp"

#include "pg/settings.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rowsecurity.h"
#include "tcop/tcopprot.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace pgtrickle::definition {

namespace {

constexpr int64 most_nodes = 1'000'000;
constexpr Size bytes_of_node = 64; /* a long constant counts as several nodes */

/* A view, or a table with policies as a role reads it. */
struct Expanded {
    Oid relid;
    Oid read_as;
};

struct CountedNodes {
    Expanded key;
    int64 nodes; /* 0 while it is being counted, for a recursion */
};

/* Sizes that are known already, so that each view is walked once. */
struct Count {
    HTAB *known;
    int64 nodes; /* at most most_nodes + 1 */
};

bool count_node(::Node *node, void *context);

void add(Count *count, int64 nodes)
{
    count->nodes = std::min(count->nodes + nodes, most_nodes + 1);
}

/* Adds the size of what `walk` counts, which it does for the first one with this key only. */
template <class Walk> void add_once(Count *count, Expanded key, Walk walk)
{
    bool is_known;
    auto *size = static_cast<CountedNodes *>(hash_search(count->known, &key, HASH_ENTER, &is_known));
    if (!is_known) {
        size->nodes = 0;
        Count alone = {count->known, 0};
        walk(&alone);
        size->nodes = alone.nodes; /* entries of a dynahash do not move */
    }
    add(count, size->nodes);
}

void count_policies(Count *count, const Query *query, const RangeTblEntry *entry, int index)
{
    List *quals, *checks;
    bool has_policies, has_subqueries;
    get_row_security_policies(const_cast<Query *>(query), const_cast<RangeTblEntry *>(entry), index, &quals, &checks,
                              &has_policies, &has_subqueries);
    (void)count_node(reinterpret_cast<::Node *>(quals), count);
}

void count_relation(Count *count, const Query *query, const RangeTblEntry *entry, int index)
{
    const Oid relid = entry->relid;
    Relation relation = relation_open(relid, AccessShareLock);
    const char kind = relation->rd_rel->relkind;
    add(count, list_length(entry->eref->colnames));
    if (kind == RELKIND_VIEW)
        add_once(count, {relid, InvalidOid}, [=](Count *of_view) {
            (void)count_node(reinterpret_cast<::Node *>(get_view_query(relation)), of_view);
        });
    else if (relation->rd_rel->relrowsecurity && (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE))
        add_once(count, {relid, rights_of(query, entry).read_as},
                 [=](Count *of_policies) { count_policies(of_policies, query, entry, index); });
    relation_close(relation, NoLock);
}

bool count_query(Count *count, Query *query)
{
    CHECK_FOR_INTERRUPTS();
    for (int i = 0; i < list_length(query->rtable); i++) {
        auto *entry = list_nth_node(RangeTblEntry, query->rtable, i);
        if (entry->rtekind == RTE_RELATION)
            count_relation(count, query, entry, i + 1);
    }
    return walk_query(query, count_node, count, 0);
}

/* Stops at the limit. */
bool count_node(::Node *node, void *context)
{
    auto *count = static_cast<Count *>(context);
    if (node == nullptr)
        return false;
    add(count, 1);
    if (IsA(node, Const)) {
        const auto *constant = castNode(Const, node);
        if (!constant->constisnull && !constant->constbyval)
            add(count,
                static_cast<int64>(datumGetSize(constant->constvalue, false, constant->constlen) / bytes_of_node));
    }
    if (count->nodes > most_nodes)
        return true;
    return IsA(node, Query) ? count_query(count, castNode(Query, node)) : walk_expression(node, count_node, context);
}

/* A recursion is counted once: the rewriter refuses it. Locks what the expansion reads. */
void check_expansion(const Query *query)
{
    HASHCTL control = {};
    control.keysize = sizeof(Expanded);
    control.entrysize = sizeof(CountedNodes);
    control.hcxt = CurrentMemoryContext;
    Count count = {hash_create("sizes of views", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT), 0};
    (void)count_node(reinterpret_cast<::Node *>(const_cast<Query *>(query)), &count);
    hash_destroy(count.known);
    if (count.nodes > most_nodes)
        ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
                        errmsg("the defining query is too large once its views are expanded"),
                        errdetail("A view or policy is part of the query as often as it is read, also by other views."),
                        errhint("Read views fewer times, or put some of them into stream tables.")));
}

} // namespace

List *expand(Query *query)
{
    check_expansion(query);
    AcquireRewriteLocks(query, true, false);
    CHECK_FOR_INTERRUPTS();
    if (restrict_nonsystem_relation_kind == 0)
        return QueryRewrite(query);
    const int level = NewGUCNestLevel();
    set_for_now("restrict_nonsystem_relation_kind", "");
    List *expanded = QueryRewrite(query);
    AtEOXact_GUC(false, level);
    return expanded;
}

} // namespace pgtrickle::definition
