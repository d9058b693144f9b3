#include "fdw/ddl/publication.hpp"

extern "C" {
#include "catalog/pg_publication.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

void warn_of(const char *publication)
{
    ereport(WARNING, (errmsg("publication \"%s\" contains the internal tables of stream tables", publication),
                      errdetail("Subscribers do not have these tables, and fail at the first change of one."),
                      errhint("Publish individual tables or schemas instead of FOR ALL TABLES.")));
}

} // namespace

bool is_publishing_all_tables(const CreatePublicationStmt *statement)
{
    return statement->for_all_tables;
}

void create_publication(const UserStatement &utility)
{
    call([&] {
        utility.run();
        warn_of(reinterpret_cast<CreatePublicationStmt *>(utility.statement())->pubname);
    });
}

void warn_of_publications()
{
    ListCell *cell;
    foreach (cell, GetAllTablesPublications())
        if (const char *name = get_publication_name(lfirst_oid(cell), true))
            warn_of(name);
}

} // namespace pgtrickle
