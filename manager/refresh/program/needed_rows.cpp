#include "refresh/program/needed_rows.hpp"

#include "pg/context.hpp"
#include "pg/internal_query.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
}

namespace pgtrickle::refresh {

namespace {

constexpr const char *rows_name = "pgt_changes";

/* PostgreSQL frame. */
Node *analyzed(const char *condition, TupleDesc changes, const QueryParts &parts)
{
    auto *rows = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    rows->md.name = pstrdup(rows_name);
    rows->md.tupdesc = changes;
    rows->md.enrtype = ENR_NAMED_TUPLESTORE;
    QueryEnvironment *environment = create_queryEnv();
    register_ENR(environment, rows);
    const Query *query =
        analyze_internal(psprintf("SELECT FROM %s WHERE %s", rows_name, condition), parts, environment);
    return query->jointree->quals;
}

} // namespace

void prepare_needed_rows(Compiled &compiled, CompiledSource &source)
try {
    Scratch scratch;
    TextSettings text_settings;
    call([&] {
        auto *condition = reinterpret_cast<Expr *>(analyzed(source.needed.c_str(), source.changes, compiled.parts));
        List *conjuncts = make_ands_implicit(expression_planner(condition));
        MemoryContext previous = MemoryContextSwitchTo(compiled.context);
        source.needed_conjuncts = static_cast<List *>(copyObjectImpl(conjuncts));
        MemoryContextSwitchTo(previous);
    });
    note_growth(compiled);
} catch (const PgError &) {
    mark_stale(compiled);
    throw;
}

} // namespace pgtrickle::refresh
