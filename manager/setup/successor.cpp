#include "setup/successor.hpp"

#include "definition/cycle.hpp"
#include "definition/shown_as.hpp"
#include "definition/state/state.hpp"
#include "pg/relation_row.hpp"
#include "setup/heaps.hpp"
#include "setup/setup.hpp"
#include "storage/adoption.hpp"
#include "storage/column_settings.hpp"
#include "storage/layout.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace pgtrickle::setup {

namespace {

/* ---- PostgreSQL frames ---- */

/* Gives a column the name and the type of the definition. */
void set_column(TupleDesc columns, AttrNumber number, const ColumnDef *column)
{
    TupleDescInitEntry(columns, number, column->colname, column->typeName->typeOid, column->typeName->typemod, 0);
    if (OidIsValid(column->collOid))
        TupleDescInitEntryCollation(columns, number, column->collOid);
}

/* A successor has the column that its query and its storage have. */
void set_dropped(TupleDesc columns, AttrNumber number)
{
    const definition::WantedColumn dropped = definition::dropped_column(number);
    TupleDescInitEntry(columns, number, dropped.name, dropped.type, dropped.typmod, 0);
}

TupleDesc columns_of(Oid relid, const definition::ColumnChanges &changes)
{
    Relation table = table_open(relid, NoLock);
    TupleDesc present = RelationGetDescr(table);
    TupleDesc columns = CreateTemplateTupleDesc(present->natts + list_length(changes.appended));
    AttrNumber number = 1;
    for (; number <= present->natts; number++)
        TupleDescCopyEntry(columns, number, present, number);
    ListCell *cell;
    foreach (cell, changes.dropped)
        set_dropped(columns, get_attnum(relid, strVal(lfirst(cell))));
    for (number = 1; number <= present->natts; number++)
        if (TupleDescAttr(present, number - 1)->attisdropped)
            set_dropped(columns, number);
    foreach (cell, changes.retyped)
        set_column(columns, get_attnum(relid, lfirst_node(ColumnDef, cell)->colname), lfirst_node(ColumnDef, cell));
    foreach (cell, changes.appended)
        set_column(columns, number++, lfirst_node(ColumnDef, cell));
    table_close(table, NoLock);
    return columns;
}

void insert_foreign_table(Oid successor, Oid server, List *options)
{
    Relation table = table_open(ForeignTableRelationId, RowExclusiveLock);
    Datum values[Natts_pg_foreign_table] = {};
    bool nulls[Natts_pg_foreign_table] = {};
    values[Anum_pg_foreign_table_ftrelid - 1] = ObjectIdGetDatum(successor);
    values[Anum_pg_foreign_table_ftserver - 1] = ObjectIdGetDatum(server);
    values[Anum_pg_foreign_table_ftoptions - 1] =
        transformGenericOptions(ForeignTableRelationId, PointerGetDatum(nullptr), options, InvalidOid);
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    table_close(table, RowExclusiveLock);
}

/* The name is that of no heap or internal view. Other transactions that alter `relid` are excluded. */
Oid create_foreign_table(Oid relid, List *options, const definition::ColumnChanges &changes)
{
    const Oid successor = create_internal_relation({.name = psprintf("next_%u", relid),
                                                    .schema = get_namespace_oid(storage::schema_name, false),
                                                    .owner = owner_of_relation(relid),
                                                    .columns = columns_of(relid, changes),
                                                    .kind = RELKIND_FOREIGN_TABLE,
                                                    .access_method = InvalidOid});
    insert_foreign_table(successor, GetForeignTable(relid)->serverid, options);
    CommandCounterIncrement();
    /* Its heaps get them from it, and are analyzed when they have been filled. */
    storage::copy_settings_for_analyze(relid, successor);
    return successor;
}

List *def_elements(const std::vector<options::Option> &options)
{
    List *list = NIL;
    for (const options::Option &option : options)
        list = call([&] {
            auto *value = reinterpret_cast<::Node *>(makeString(pstrdup(option.value.c_str())));
            return lappend(list, makeDefElem(pstrdup(option.name.c_str()), value, -1));
        });
    return list;
}

/* Upstreams are read as they stand until the successor takes over: it is the apex of no diamond. */
std::vector<options::Option> options_of_successor(std::vector<options::Option> options)
{
    std::erase_if(options, [](const options::Option &option) { return option.name == "diamond_consistency"; });
    options.push_back({"diamond_consistency", "none"});
    return options;
}

} // namespace

Successor create_successor(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources,
                           const std::vector<options::Option> &options, const definition::ColumnChanges &changes)
{
    std::vector<Oid> reads;
    for (const translate::SourceRef &source : sources)
        reads.push_back(source.relid);
    check_for_cycle(relid, reads);
    for (Oid heap : heaps_of(relid))
        call([=] {
            ListCell *cell;
            foreach (cell, storage::row_heaps(heap))
                storage::check_not_in_use(relid, lfirst_oid(cell));
        });
    Successor made;
    List *list = def_elements(options_of_successor(options));
    made.relid = call([&] { return create_foreign_table(relid, list, changes); });
    set_up_successor(made.relid, query, sources, relid);
    made.indexes = storage::user_indexes_of(storage::storage_of(relid));
    const Oid storage = storage::storage_of(made.relid);
    call([&] { storage::leave_out_lost_indexes(relid, storage, &made.indexes); });
    const definition::ShownAs shown(made.relid, relid);
    storage::create_hidden_indexes(made.relid, storage, made.indexes);
    return made;
}

void drop_successor(Oid successor)
{
    call([=] {
        ObjectAddress object;
        ObjectAddressSet(object, RelationRelationId, successor);
        performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
        CommandCounterIncrement();
    });
}

} // namespace pgtrickle::setup
