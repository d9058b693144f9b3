#include "fdw/read/untouched_scans.hpp"

#include "capture/triggers/open_statement.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/exact_planning.hpp"
#include "fdw/scan/query_trees.hpp"
#include "fdw/scan/user_type.hpp"
#include "pg/versions/processes.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* ---- the scans of a plan ------------------------------------------------------------------- */

/* A node that scans a relation, and what each of its rows satisfies. */
struct StoredScan {
    Index entry;
    List *quals[2];
    const List *index_columns; /* TargetEntries to which Vars of INDEX_VAR refer */
};

struct Scans {
    List *found; /* of StoredScan */
    bool is_complete;
};

void add_scan(Scans *scans, const Plan *plan, List *of_index, const List *index_columns)
{
    auto *scan = static_cast<StoredScan *>(palloc(sizeof(StoredScan)));
    *scan = {reinterpret_cast<const Scan *>(plan)->scanrelid, {plan->qual, of_index}, index_columns};
    scans->found = lappend(scans->found, scan);
}

void find_scans(const Plan *plan, Scans *scans);

void find_scans_in(const List *plans, Scans *scans)
{
    ListCell *cell;
    foreach (cell, plans)
        find_scans(static_cast<const Plan *>(lfirst(cell)), scans);
}

/* Sets is_complete to false at a node that may contain others in an unknown way. */
void find_scans(const Plan *plan, Scans *scans)
{
    if (plan == nullptr)
        return;
    check_stack_depth();
    switch (nodeTag(plan)) {
    case T_SeqScan: add_scan(scans, plan, NIL, NIL); break;
    case T_IndexScan: add_scan(scans, plan, reinterpret_cast<const IndexScan *>(plan)->indexqualorig, NIL); break;
    case T_IndexOnlyScan: {
        const auto *scan = reinterpret_cast<const IndexOnlyScan *>(plan);
        add_scan(scans, plan, scan->recheckqual, scan->indextlist);
        break;
    }
    case T_BitmapHeapScan:
        add_scan(scans, plan, reinterpret_cast<const BitmapHeapScan *>(plan)->bitmapqualorig, NIL);
        return; /* its inputs scan indexes */
    case T_Append: find_scans_in(reinterpret_cast<const Append *>(plan)->appendplans, scans); break;
    case T_MergeAppend: find_scans_in(reinterpret_cast<const MergeAppend *>(plan)->mergeplans, scans); break;
    case T_SubqueryScan: find_scans(reinterpret_cast<const SubqueryScan *>(plan)->subplan, scans); break;
    case T_SampleScan:
    case T_TidScan:
    case T_TidRangeScan:
    case T_ForeignScan:
    case T_CustomScan: scans->is_complete = false; break;
    default: break;
    }
    find_scans(plan->lefttree, scans);
    find_scans(plan->righttree, scans);
}

/* ---- their conditions ------------------------------------------------------------------------ */

/* column = one of some constants, of a relation. */
struct Equality {
    AttrNumber column; /* of the storage */
    Oid equals;
    Oid collation;
    Datum *constants; /* those that are not NULL */
    int count;
};

const Var *column_of(const Node *node, const List *index_columns)
{
    node = unrelabelled(node);
    if (node == nullptr || !IsA(node, Var))
        return nullptr;
    const auto *var = reinterpret_cast<const Var *>(node);
    if (var->varno != INDEX_VAR)
        return var;
    const int number = var->varattno;
    if (number <= 0 || number > list_length(index_columns))
        return nullptr;
    const Expr *column = list_nth_node(TargetEntry, index_columns, number - 1)->expr;
    return IsA(column, Var) ? reinterpret_cast<const Var *>(column) : nullptr;
}

/* Sets the value of a constant or of a parameter of the statement. Returns false if it is neither. */
bool find_constant(const Node *node, ParamListInfo parameters, Datum *value, bool *is_null)
{
    node = unrelabelled(node);
    if (node != nullptr && IsA(node, Const)) {
        const auto *constant = reinterpret_cast<const Const *>(node);
        *value = constant->constvalue;
        *is_null = constant->constisnull;
        return true;
    }
    if (node == nullptr || !IsA(node, Param) || parameters == nullptr)
        return false;
    const auto *wanted = reinterpret_cast<const Param *>(node);
    if (wanted->paramkind != PARAM_EXTERN || wanted->paramid <= 0 || wanted->paramid > parameters->numParams)
        return false;
    ParamExternData space;
    const ParamExternData *given = parameters->paramFetch != nullptr
                                       ? parameters->paramFetch(parameters, wanted->paramid, false, &space)
                                       : &parameters->params[wanted->paramid - 1];
    *value = given->value;
    *is_null = given->isnull;
    return given->ptype == wanted->paramtype;
}

/* Sets the elements of an array that are not NULL. */
void find_elements(Equality *equality, Datum array)
{
    ArrayType *values = DatumGetArrayTypeP(array);
    int16 length;
    bool is_by_value;
    char alignment;
    get_typlenbyvalalign(ARR_ELEMTYPE(values), &length, &is_by_value, &alignment);
    bool *nulls;
    int count;
    deconstruct_array(values, ARR_ELEMTYPE(values), length, is_by_value, alignment, &equality->constants, &nulls,
                      &count);
    for (int i = 0; i < count; i++)
        if (!nulls[i])
            equality->constants[equality->count++] = equality->constants[i];
}

/* `of_any`: the second operand is an array, of which any element is meant. */
bool find_equality_of(const StoredScan *scan, const List *operands, bool of_any, ParamListInfo parameters,
                      Equality *equality)
{
    const Var *column = column_of(static_cast<const Node *>(linitial(operands)), scan->index_columns);
    Datum value;
    bool is_null;
    if (column == nullptr || column->varattno <= 0 || static_cast<Index>(column->varno) != scan->entry ||
        column->varcollid != equality->collation || is_type_of_a_user(column->vartype) ||
        !op_hashjoinable(equality->equals, column->vartype) ||
        !find_constant(static_cast<const Node *>(lsecond(operands)), parameters, &value, &is_null))
        return false;
    equality->column = column->varattno;
    if (!is_null && of_any) {
        find_elements(equality, value);
    } else if (!is_null) {
        equality->constants = static_cast<Datum *>(palloc(sizeof(Datum)));
        equality->constants[equality->count++] = value;
    }
    return true;
}

bool find_equality(const Node *clause, const StoredScan *scan, ParamListInfo parameters, Equality *equality)
{
    *equality = {};
    if (IsA(clause, OpExpr)) {
        const auto *comparison = reinterpret_cast<const OpExpr *>(clause);
        equality->equals = comparison->opno;
        equality->collation = comparison->inputcollid;
        return list_length(comparison->args) == 2 &&
               find_equality_of(scan, comparison->args, false, parameters, equality);
    }
    if (!IsA(clause, ScalarArrayOpExpr))
        return false;
    const auto *comparison = reinterpret_cast<const ScalarArrayOpExpr *>(clause);
    equality->equals = comparison->opno;
    equality->collation = comparison->inputcollid;
    return comparison->useOr && find_equality_of(scan, comparison->args, true, parameters, equality);
}

/* Returns the Equalities that each row of the scan satisfies. */
List *equalities_of(const StoredScan *scan, ParamListInfo parameters)
{
    List *equalities = NIL;
    for (const List *quals : scan->quals) {
        ListCell *cell;
        foreach (cell, quals) {
            auto *equality = static_cast<Equality *>(palloc(sizeof(Equality)));
            if (find_equality(static_cast<const Node *>(lfirst(cell)), scan, parameters, equality))
                equalities = lappend(equalities, equality);
        }
    }
    return equalities;
}

/* ---- one stream table -------------------------------------------------------------------------- */

/* Adds the Equalities of each scan of a storage of `relid` to `scanned`. Returns false if an entry of the plan that
 * refers to a storage is not scanned: PostgreSQL has found by the stored rows that it need not be. */
bool find_stored(const PlannedStmt *plan, const List *scans, Oid relid, ParamListInfo parameters, List **scanned)
{
    Index number = 0;
    ListCell *cell, *each;
    foreach (cell, plan->rtable) {
        number++;
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_FOREIGN_TABLE ||
            get_rel_namespace(entry->relid) != storage::namespace_oid() || served_from_storage(entry->relid) != relid)
            continue;
        bool is_scanned = false;
        foreach (each, scans) {
            const auto *scan = static_cast<const StoredScan *>(lfirst(each));
            if (scan->entry != number)
                continue;
            is_scanned = true;
            *scanned = lappend(*scanned, equalities_of(scan, parameters));
        }
        if (!is_scanned)
            return false;
    }
    return *scanned != NIL;
}

/* Returns the outputs of the defining query that the first scan compares. */
Bitmapset *compared_outputs(const ServedRelation *served, const List *equalities)
{
    const AttrNumber *numbers = output_numbers(served);
    Bitmapset *outputs = nullptr;
    ListCell *cell;
    foreach (cell, equalities)
        for (int i = 0; i < served->column_count; i++)
            if (served->columns[i] == static_cast<const Equality *>(lfirst(cell))->column)
                outputs = bms_add_member(outputs, numbers[i]);
    return outputs;
}

bool is_any_touched(Oid relid, const Equality *equality)
{
    for (int i = 0; i < equality->count; i++)
        if (may_be_touched(relid, equality->equals, equality->collation, equality->constants[i]))
            return true;
    return false;
}

bool is_untouched(Oid relid, AttrNumber column, const List *equalities)
{
    ListCell *cell;
    foreach (cell, equalities) {
        const auto *equality = static_cast<const Equality *>(lfirst(cell));
        if (equality->column == column && !is_any_touched(relid, equality))
            return true;
    }
    return false;
}

bool reads_untouched(Oid relid, const QueryDesc *query, const List *scans, SourceRows rows)
{
    /* Comes first: what follows locks sources if it looks at the stream table for the first time. */
    const bool is_known = rows == SourceRows::are_known;
    int output = is_known ? known_touched_as_of(relid, query->snapshot) : 0;
    if (is_known && output == 0)
        return false;
    List *scanned = NIL;
    if (may_differ_without_change(relid, query->snapshot) ||
        !find_stored(query->plannedstmt, scans, relid, query->params, &scanned))
        return false;
    const ServedRelation *served = served_relation_to_read(relid);
    const Bitmapset *outputs = compared_outputs(served, static_cast<const List *>(linitial(scanned)));
    if (outputs == nullptr || !storage::is_seen_as_it_is(served->storage, query->snapshot))
        return false;
    if (!is_known)
        output = find_known_touched(relid, outputs, query->snapshot, rows);
    if (!bms_is_member(output, outputs))
        return false;
    served = find_served_relation(relid);
    const AttrNumber *numbers = output_numbers(served);
    AttrNumber column = 0;
    for (int i = 0; i < served->column_count; i++)
        if (numbers[i] == output)
            column = served->columns[i];
    if (column == 0)
        return false;
    ListCell *cell;
    foreach (cell, scanned)
        if (!is_untouched(relid, column, static_cast<const List *>(lfirst(cell))))
            return false;
    return true;
}

Scans scans_of(const PlannedStmt *plan)
{
    Scans scans = {NIL, true};
    find_scans(plan->planTree, &scans);
    find_scans_in(plan->subplans, &scans);
    return scans;
}

LOCKTAG lock_of(Oid source)
{
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, source);
    return tag;
}

/* Whether this transaction reads the source itself. */
bool is_locked(Oid source)
{
    return holds_lock(lock_of(source), AccessShareLock);
}

/* Takes AccessShare on the sources. Returns false if that would wait. */
bool lock_sources_at_once(const List *sources)
{
    ListCell *cell;
    foreach (cell, sources)
        if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessShareLock))
            return false;
    return true;
}

/* Releases what was locked since these sources were not, as often as they were locked. */
void unlock_sources(const List *sources)
{
    ListCell *cell;
    foreach (cell, sources) {
        const LOCKTAG tag = lock_of(lfirst_oid(cell));
        while (holds_lock(tag, AccessShareLock) && LockRelease(&tag, AccessShareLock, false))
            continue;
    }
}

/* Returns the sources that are not locked. */
List *unlocked_sources_of(Oid relid)
{
    List *sources = NIL;
    enter([&] {
        for (const Source &source : definition::sources_of(relid))
            call([&] { sources = is_locked(source.relid) ? sources : lappend_oid(sources, source.relid); });
    });
    return sources;
}

/* As reads_untouched(). The sources are locked until it returns, unless nothing is searched. */
bool reads_untouched_without_sources(Oid relid, const QueryDesc *query, const List *scans)
{
    if (reads_untouched(relid, query, scans, SourceRows::are_known))
        return true;
    const List *sources = unlocked_sources_of(relid);
    const bool answer = lock_sources_at_once(sources) && reads_untouched(relid, query, scans, SourceRows::are_not);
    unlock_sources(sources);
    return answer;
}

} // namespace

bool reads_untouched_rows(const QueryDesc *query, const List *relids, SourceRows rows)
{
    const Scans scans = scans_of(query->plannedstmt);
    if (!scans.is_complete || capture::has_open_statement())
        return false;
    ListCell *cell;
    foreach (cell, relids)
        if (!(rows == SourceRows::are_not ? reads_untouched_without_sources(lfirst_oid(cell), query, scans.found)
                                          : reads_untouched(lfirst_oid(cell), query, scans.found, rows)))
            return false;
    return true;
}

bool looks_up_rows(const QueryDesc *query, const Oid *relids, int count)
{
    const Scans scans = scans_of(query->plannedstmt);
    for (int i = 0; scans.is_complete && i < count; i++) {
        List *scanned = NIL;
        if (!find_stored(query->plannedstmt, scans.found, relids[i], query->params, &scanned))
            return false;
        ListCell *cell;
        foreach (cell, scanned)
            if (lfirst(cell) == NIL)
                return false;
    }
    return scans.is_complete;
}

} // namespace pgtrickle
