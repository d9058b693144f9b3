#include "refresh/code/refused_code.hpp"

#include "definition/stream_table.hpp"
#include "pg/hooks.hpp"
#include "pg/versions/text_runners.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/code/known_query.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Whether a look would call the function known, but for what it takes, which only functions in C can. */
bool is_known(Oid function)
{
    if (function >= FirstNormalObjectId)
        return is_compiled(function) && func_volatile(function) == PROVOLATILE_IMMUTABLE;
    return !runs_text(function) && func_volatile(function) != PROVOLATILE_VOLATILE;
}

bool is_only_known_code_run()
{
    return KnownCodeOnly::is_in_force() || CodeOf::is_refused();
}

/* `what` is the subject of a sentence. */
[[noreturn]] void refuse(const char *what)
{
    if (KnownCodeOnly::is_in_force())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("%s must not run at a commit", what)));
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("%s must not run in this session", what),
                    errdetail("What a stream table reads was redefined meanwhile."), errhint("Try again.")));
}

[[noreturn]] void refuse(Oid function)
{
    refuse(psprintf("function %s", get_func_name(function)));
}

void refuse_if_interpreted(Oid function)
{
    if (function >= FirstNormalObjectId && is_only_known_code_run() && !is_compiled(function))
        refuse(function);
}

bool are_known(KnownQuery *query, const Oid *operator_families, int count)
{
    return std::all_of(operator_families, operator_families + count,
                       [=](Oid one) { return query->code.includes_family(one); });
}

bool is_known_key(KnownQuery *query, const RelOptInfo *rel)
{
    const PartitionScheme scheme = rel->part_scheme;
    if (scheme == nullptr)
        return true;
    for (int i = 0; i < scheme->partnatts; i++)
        if (!query->includes(reinterpret_cast<::Node *>(rel->partexprs[i])))
            return false;
    return are_known(query, scheme->partopfamily, scheme->partnatts);
}

bool has_known_parts(const RelOptInfo *rel)
{
    KnownQuery query;
    if (!is_known_key(&query, rel))
        return false;
    ListCell *cell;
    foreach (cell, rel->indexlist) {
        const auto *index = lfirst_node(IndexOptInfo, cell);
        if (!query.includes(reinterpret_cast<::Node *>(index->indexprs)) ||
            !query.includes(reinterpret_cast<::Node *>(index->indpred)) ||
            !are_known(&query, index->opfamily, index->nkeycolumns))
            return false;
    }
    foreach (cell, rel->statlist)
        if (!query.includes(reinterpret_cast<::Node *>(lfirst_node(StatisticExtInfo, cell)->exprs)))
            return false;
    return !query.code.is_unknown_as_a_whole();
}

} // namespace

CodeOf::CodeOf(Oid relid) : outer_(is_refused_)
{
    is_refused_ = !may_run_any_code_of(relid);
}

void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int, void *)
{
    if (access == OAT_FUNCTION_EXECUTE && class_id == ProcedureRelationId && is_only_known_code_run() &&
        !is_known(object_id))
        refuse(object_id);
}

bool refuse_interpreted_function(Oid function)
{
    refuse_if_interpreted(function);
    return previous_hooks().function_call != nullptr && previous_hooks().function_call(function);
}

void refuse_interpreted_switch(FmgrHookEventType event, FmgrInfo *called, Datum *argument)
{
    if (event == FHET_START)
        refuse_if_interpreted(called->fn_oid);
    if (previous_hooks().switched_call != nullptr)
        previous_hooks().switched_call(event, called, argument);
}

void refuse_unknown_parts(PlannerInfo *, Oid relation, bool, RelOptInfo *rel)
{
    if (!is_only_known_code_run())
        return;
    if (get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE && !definition::is_stream_table(relation))
        refuse(psprintf("the wrapper of foreign table \"%s\"", get_rel_name(relation)));
    if (!has_known_parts(rel))
        refuse(psprintf("code of an index, statistics or the partition key of table \"%s\"", get_rel_name(relation)));
}

} // namespace pgtrickle::refresh
