/*
 * Dependencies of stream tables, for SQL: the relations whose changes reach a stream table, with the columns
 * that it reads, and the views through which its query names them.
 */
#include "capture/source/source_rows.hpp"
#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/result_rows.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

Datum column_names(const Source &source)
{
    return call([&] {
        auto *names = static_cast<Datum *>(palloc(sizeof(Datum) * (source.columns.size() + 1)));
        int count = 0;
        for (AttrNumber column : source.columns)
            if (char *name = capture::column_name(source.relid, column))
                names[count++] = CStringGetTextDatum(name);
        return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

/* Returns the views that the query of relid names. They are read from the catalogs, because reading the query
 * takes a lock, and a user who looks for the cause of a wait must not wait. */
std::vector<Oid> views_of(Oid relid)
{
    List *named = call([=] { return definition::relations_depended_on(relid); });
    std::vector<Oid> views;
    ListCell *cell;
    foreach (cell, named)
        if (Oid view = lfirst_oid(cell); call([=] { return get_rel_relkind(view); }) == RELKIND_VIEW)
            views.push_back(view);
    return views;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_dependency_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (Oid relid : PG_ARGISNULL(0) ? definition::all() : std::vector<Oid>{PG_GETARG_OID(0)}) {
        if (!call([=] { return definition::is_stream_table(relid) && may_see(relid); }))
            continue;
        for (const Source &source : definition::sources_of(relid))
            rows.number(relid)
                .oid(source.relid)
                .text(name_of(source.kind))
                .datum(column_names(source), TEXTARRAYOID)
                .add();
        for (Oid view : views_of(relid))
            rows.number(relid).oid(view).text("VIEW").null().add();
    }
    return 0;
}
