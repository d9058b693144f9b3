#include "fdw/scan/storage_rte.hpp"

#include "pg/versions/rights.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

Alias *columns_of(Relation storage, const char *alias)
{
    Alias *names = makeAlias(alias, NIL);
    TupleDesc columns = RelationGetDescr(storage);
    for (int i = 0; i < columns->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(columns, i);
        char *name = pstrdup(column->attisdropped ? "" : NameStr(column->attname));
        names->colnames = lappend(names->colnames, makeString(name));
    }
    return names;
}

} // namespace

RangeTblEntry *add_storage_entry(Query *query, const ServedRelation *served, Alias *names, Oid read_as)
{
    Relation storage = table_open(served->storage, NoLock);
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = served->storage;
    entry->relkind = storage->rd_rel->relkind;
    entry->rellockmode = AccessShareLock;
    entry->inh = storage->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    entry->inFromCl = true;
    set_rights(query, entry, {0, read_as, nullptr});
    entry->alias = makeAlias(names->aliasname, NIL);
    entry->eref = names;
    table_close(storage, NoLock);
    query->rtable = lappend(query->rtable, entry);
    return entry;
}

RangeTblEntry *add_storage_entry(Query *query, const ServedRelation *served, const char *alias, Oid read_as)
{
    Relation storage = table_open(served->storage, NoLock);
    Alias *names = columns_of(storage, alias);
    table_close(storage, NoLock);
    return add_storage_entry(query, served, names, read_as);
}

Var *storage_column(const RangeTblEntry *entry, Index entry_number, AttrNumber column)
{
    Oid type;
    int32 modifier;
    Oid collation;
    get_atttypetypmodcoll(entry->relid, column, &type, &modifier, &collation);
    return makeVar(static_cast<int>(entry_number), column, type, modifier, collation, 0);
}

} // namespace pgtrickle
