#include "capture/source/source_kind.hpp"

#include "definition/stream_table.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Returns why the statements on one relation of the source's tree cannot be captured, without the subject of the
 * sentence. */
const char *refusal_of_level(Relation relation)
{
    switch (relation->rd_rel->relkind) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_MATVIEW: break;
    case RELKIND_FOREIGN_TABLE: return "is a foreign table";
    case RELKIND_VIEW: return "is a view";
    default: return "is not a table";
    }
    if (IsCatalogRelation(relation))
        return "is a system catalog";
    if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        return "is a temporary relation";
    return nullptr;
}

/* The log of a stream table has the changes of its own rows only. */
const char *refusal_of_stream_table(Oid source)
{
    List *children = find_inheritance_children(source, AccessShareLock);
    if (children == NIL)
        return nullptr;
    return psprintf("it is a stream table with the child \"%s\"", get_rel_name(linitial_oid(children)));
}

} // namespace

bool is_table(Oid relid)
{
    char kind = get_rel_relkind(relid);
    return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

bool is_subscribed(Oid relid)
{
    CatCList *subscriptions = SearchSysCacheList1(SUBSCRIPTIONRELMAP, ObjectIdGetDatum(relid));
    bool answer = subscriptions->n_members > 0;
    ReleaseCatCacheList(subscriptions);
    return answer;
}

const char *refusal(Oid source)
{
    if (definition::is_stream_table(source))
        return refusal_of_stream_table(source);
    if (definition::is_compared(source))
        return nullptr;
    Relation relation = relation_open(source, AccessShareLock);
    const char *reason = refusal_of_level(relation);
    bool has_children = relation->rd_rel->relhassubclass;
    bool is_partitioned = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    relation_close(relation, NoLock);
    if (reason != nullptr)
        return psprintf("it %s", reason);
    if (!has_children)
        return nullptr;

    ListCell *cell;
    foreach (cell, find_all_inheritors(source, AccessShareLock, nullptr)) {
        Relation level = relation_open(lfirst_oid(cell), NoLock);
        reason = refusal_of_level(level);
        if (reason != nullptr)
            reason = psprintf("its %s \"%s\" %s", is_partitioned ? "partition" : "child",
                              RelationGetRelationName(level), reason);
        relation_close(level, NoLock);
        if (reason != nullptr)
            return reason;
    }
    return nullptr;
}

} // namespace pgtrickle::capture
