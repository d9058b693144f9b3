#include "translate/query/search_and_cycle.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/walker.hpp"
#include "translate/check/refusal.hpp"
#include "translate/expression/expression.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "nodes/makefuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

#include <optional>

namespace pgtrickle::translate {

namespace {

/* CTEs with SEARCH or CYCLE, and for each the query that has it. */
struct Holding {
    List *ctes;
    List *holders;
};

/* A column of a CTE that is replaced by an array. */
struct HeldColumn {
    AttrNumber number;
    Oid type; /* an array */
    Oid collation;
};

/* The functions from here to find_other_reading() are PostgreSQL frames. */

bool find_clauses(Node *node, void *context)
{
    auto *found = static_cast<Holding *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, find_clauses, context);
    auto *query = castNode(Query, node);
    ListCell *cell;
    foreach (cell, query->cteList) {
        auto *cte = lfirst_node(CommonTableExpr, cell);
        if (cte->search_clause == nullptr && cte->cycle_clause == nullptr)
            continue;
        found->ctes = lappend(found->ctes, cte);
        found->holders = lappend(found->holders, query);
    }
    return walk_query(query, find_clauses, context, 0);
}

/* Returns a term of the CTE's query, as PostgreSQL has rewritten it. */
Query *term_of(const CommonTableExpr *cte, bool is_recursive)
{
    const auto *query = castNode(Query, cte->ctequery);
    const auto *operation = castNode(SetOperationStmt, query->setOperations);
    Node *operand = is_recursive ? operation->rarg : operation->larg;
    return rt_fetch(castNode(RangeTblRef, operand)->rtindex, query->rtable)->subquery;
}

TargetEntry *target_of(const Query *query, int number)
{
    return list_nth_node(TargetEntry, query->targetList, number - 1);
}

/* Returns the expressions of the columns by which the CTE searches or detects cycles. */
List *values_of(const Query *term, const List *names)
{
    List *values = NIL;
    ListCell *name, *entry;
    foreach (name, names) {
        foreach (entry, term->targetList) {
            const auto *target = lfirst_node(TargetEntry, entry);
            if (strcmp(target->resname, strVal(lfirst(name))) == 0) {
                values = lappend(values, copyObjectImpl(target->expr));
                break;
            }
        }
    }
    return values;
}

bool is_integer(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* Returns the type of the array's elements, InvalidOid if the values have no common type. */
Oid element_type(List *values, bool with_depth)
{
    const Oid first = exprType(static_cast<Node *>(linitial(values)));
    bool are_alike = true;
    bool are_integers = true;
    ListCell *cell;
    foreach (cell, values) {
        auto *value = static_cast<Node *>(lfirst(cell));
        are_integers = are_integers && is_integer(exprType(value));
        are_alike = are_alike && exprType(value) == first &&
                    exprCollation(value) == exprCollation(static_cast<Node *>(linitial(values)));
    }
    if (are_integers && (with_depth || !are_alike))
        return INT8OID;
    if (with_depth)
        return are_alike && first == NUMERICOID ? NUMERICOID : InvalidOid;
    const bool has_array = OidIsValid(get_array_type(first)) && !OidIsValid(get_element_type(first));
    return are_alike && has_array ? first : InvalidOid;
}

Node *cast(Node *value, Oid type)
{
    return coerce_to_target_type(nullptr, value, exprType(value), type, -1, COERCION_EXPLICIT, COERCE_EXPLICIT_CAST,
                                 -1);
}

Node *array_of(List *values, Oid element)
{
    ArrayExpr *array = makeNode(ArrayExpr);
    array->array_typeid = get_array_type(element);
    array->element_typeid = element;
    array->location = -1;
    ListCell *cell;
    foreach (cell, values)
        array->elements = lappend(array->elements, cast(static_cast<Node *>(lfirst(cell)), element));
    return reinterpret_cast<Node *>(array);
}

Node *appended(const HeldColumn &column, Node *array)
{
    Var *before = makeVar(1, column.number, column.type, -1, column.collation, 0);
    return reinterpret_cast<Node *>(makeFuncExpr(F_ARRAY_CAT, column.type, list_make2(before, array), InvalidOid,
                                                 InvalidOid, COERCE_EXPLICIT_CALL));
}

/* Returns one more than the first element of the column. */
Node *next_depth(const HeldColumn &column)
{
    const Oid element = get_element_type(column.type);
    SubscriptingRef *depth = makeNode(SubscriptingRef);
    depth->refcontainertype = column.type;
    depth->refelemtype = element;
    depth->refrestype = element;
    depth->reftypmod = -1;
    depth->refupperindexpr =
        list_make1(makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(1), false, true));
    depth->refexpr = reinterpret_cast<Expr *>(makeVar(1, column.number, column.type, -1, column.collation, 0));
    return reinterpret_cast<Node *>(makeFuncExpr(element == NUMERICOID ? F_NUMERIC_INC : F_INT8INC, element,
                                                 list_make1(depth), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

Node *image_of(List *values)
{
    const Oid function = definition::extension_function("image", {ANYOID});
    CollateExpr *collated = makeNode(CollateExpr);
    collated->arg =
        reinterpret_cast<Expr *>(makeFuncExpr(function, TEXTOID, values, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
    collated->collOid = C_COLLATION_OID;
    collated->location = -1;
    return reinterpret_cast<Node *>(collated);
}

void set_expression(TargetEntry *entry, Node *value)
{
    assign_expr_collations(nullptr, value);
    entry->expr = reinterpret_cast<Expr *>(value);
}

void set_var(Node *node, const HeldColumn &column)
{
    Var *var = castNode(Var, node);
    var->vartype = column.type;
    var->varcollid = column.collation;
}

void set_oid(List *list, int number, Oid value)
{
    if (list_length(list) >= number)
        list_nth_cell(list, number - 1)->oid_value = value;
}

void set_operators(SortGroupClause *clause, Oid type)
{
    const bool is_descending = clause->sortop == RECORD_GT_OP || clause->sortop == ARRAY_GT_OP;
    Oid less, equal, greater;
    get_sort_group_operators(type, false, true, false, &less, &equal, &greater, &clause->hashable);
    clause->eqop = equal;
    if (OidIsValid(clause->sortop))
        clause->sortop = is_descending ? greater : less;
}

/* Sets the type of the column in the CTE's own query and in its terms; their targets have it already. */
void set_types(CommonTableExpr *cte, const HeldColumn &column)
{
    auto *query = castNode(Query, cte->ctequery);
    auto *operation = castNode(SetOperationStmt, query->setOperations);
    auto *inner = rt_fetch(1, term_of(cte, true)->rtable)->subquery;
    set_oid(cte->ctecoltypes, column.number, column.type);
    set_oid(cte->ctecolcollations, column.number, column.collation);
    set_oid(operation->colTypes, column.number, column.type);
    set_oid(operation->colCollations, column.number, column.collation);
    if (!operation->all)
        set_operators(list_nth_node(SortGroupClause, operation->groupClauses, column.number - 1), column.type);
    set_var(reinterpret_cast<Node *>(target_of(query, column.number)->expr), column);
    set_var(reinterpret_cast<Node *>(target_of(inner, column.number)->expr), column);
}

HeldColumn held_sequence(CommonTableExpr *cte)
{
    Query *base = term_of(cte, false);
    Query *step = term_of(cte, true);
    const CTESearchClause *search = cte->search_clause;
    const int extra = cte->cycle_clause != nullptr ? 3 : 1;
    HeldColumn column = {static_cast<AttrNumber>(list_length(cte->ctecolnames) - extra + 1), InvalidOid, InvalidOid};
    List *first = values_of(base, search->search_col_list);
    List *next = values_of(step, search->search_col_list);
    const Oid element = element_type(first, search->search_breadth_first);
    if (!OidIsValid(element))
        return column;
    column.type = get_array_type(element);
    if (search->search_breadth_first)
        first =
            lcons(makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL), first);
    Node *array = array_of(first, element);
    set_expression(target_of(base, column.number), array);
    column.collation = exprCollation(array);
    if (search->search_breadth_first)
        next = lcons(next_depth(column), next);
    Node *added = array_of(next, element);
    set_expression(target_of(step, column.number), search->search_breadth_first ? added : appended(column, added));
    set_types(cte, column);
    return column;
}

HeldColumn held_path(CommonTableExpr *cte)
{
    Query *base = term_of(cte, false);
    Query *step = term_of(cte, true);
    const auto number = static_cast<AttrNumber>(list_length(cte->ctecolnames));
    const HeldColumn column = {number, TEXTARRAYOID, C_COLLATION_OID};
    Node *first = image_of(values_of(base, cte->cycle_clause->cycle_col_list));
    Node *next = image_of(values_of(step, cte->cycle_clause->cycle_col_list));
    set_expression(target_of(base, number), array_of(list_make1(first), TEXTOID));
    set_expression(target_of(step, number), appended(column, array_of(list_make1(copyObjectImpl(next)), TEXTOID)));
    auto *mark = castNode(CaseExpr, target_of(step, number - 1)->expr);
    auto *test = castNode(ScalarArrayOpExpr, linitial_node(CaseWhen, mark->args)->expr);
    test->opno = TextEqualOperator;
    test->opfuncid = InvalidOid;
    test->args = list_make2(next, makeVar(1, number, column.type, -1, column.collation, 0));
    set_sa_opfuncid(test);
    assign_expr_collations(nullptr, reinterpret_cast<Node *>(mark));
    set_types(cte, column);
    return column;
}

/* Search for references to the CTE, each of which must get the columns' new types. */
struct Reading {
    const CommonTableExpr *cte;
    HeldColumn sequence; /* number is 0 if there is none */
    HeldColumn path;
    Index depth;         /* of the current query, below the query that has the CTE */
    const List *entries; /* range table of the query that reads the CTE; the other members describe its Vars */
    int number;          /* range table index of the reference */
    Index below;
    int location; /* location of a Var that cannot be supported */
    bool is_refused;
};

/* Returns the column of the CTE to which `var` refers, directly or through a join; 0 is the whole row. */
std::optional<AttrNumber> column_read(const Reading *reading, const Var *var)
{
    if (var->varlevelsup != reading->below)
        return std::nullopt;
    while (var->varno != reading->number) {
        const RangeTblEntry *entry = rt_fetch(var->varno, reading->entries);
        if (entry->rtekind != RTE_JOIN)
            return std::nullopt;
        if (var->varattno == 0)
            return 0; /* the whole row of a join, which may contain the CTE */
        auto *alias = static_cast<Node *>(list_nth(entry->joinaliasvars, var->varattno - 1));
        if (alias == nullptr || !IsA(alias, Var))
            return std::nullopt;
        var = castNode(Var, alias);
    }
    return var->varattno;
}

bool is_sequence(const Reading *reading, const Var *var)
{
    return reading->sequence.number > 0 && column_read(reading, var) == reading->sequence.number;
}

bool is_held(const Reading *reading, const Var *var)
{
    const auto column = column_read(reading, var);
    return column == 0 || is_sequence(reading, var) || (reading->path.number > 0 && column == reading->path.number);
}

/* Sets the columns of joins, which contain Vars of the CTE whether they are read or not. */
void set_aliases(const Reading *reading)
{
    ListCell *cell, *alias;
    foreach (cell, reading->entries) {
        foreach (alias, lfirst_node(RangeTblEntry, cell)->joinaliasvars) {
            auto *var = static_cast<Var *>(lfirst(alias));
            if (var == nullptr || !IsA(var, Var) || !is_held(reading, var) || column_read(reading, var) == 0)
                continue;
            set_var(reinterpret_cast<Node *>(var), is_sequence(reading, var) ? reading->sequence : reading->path);
        }
    }
}

/* Sets the operators in the ORDER BY of a query, a window or an aggregate. */
void set_order(List *clauses, const TargetEntry *entry, Oid type)
{
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = lfirst_node(SortGroupClause, cell);
        if (clause->tleSortGroupRef == entry->ressortgroupref)
            set_operators(clause, type);
    }
}

bool is_sequence_sorted_by(const Reading *reading, const TargetEntry *entry)
{
    const auto *var = reinterpret_cast<const Var *>(entry->expr);
    return entry->resjunk && entry->ressortgroupref > 0 && IsA(var, Var) && is_sequence(reading, var);
}

void set_sorted(const Reading *reading, List *targets, List *clauses)
{
    ListCell *cell;
    foreach (cell, targets) {
        auto *entry = lfirst_node(TargetEntry, cell);
        if (is_sequence_sorted_by(reading, entry))
            set_order(clauses, entry, reading->sequence.type);
    }
}

bool visit_reader(Node *node, void *context)
{
    auto *reading = static_cast<Reading *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, TargetEntry) && is_sequence_sorted_by(reading, castNode(TargetEntry, node))) {
        set_var(reinterpret_cast<Node *>(castNode(TargetEntry, node)->expr), reading->sequence);
        return false;
    }
    if (IsA(node, Var) && is_held(reading, castNode(Var, node))) {
        reading->is_refused = true;
        reading->location = castNode(Var, node)->location;
        return true;
    }
    if (IsA(node, Aggref))
        set_sorted(reading, castNode(Aggref, node)->args, castNode(Aggref, node)->aggorder);
    if (IsA(node, Query)) {
        auto *query = castNode(Query, node);
        reading->below++;
        for (List *clauses : {query->sortClause, query->groupClause, query->distinctClause})
            set_sorted(reading, query->targetList, clauses);
        ListCell *cell;
        foreach (cell, query->windowClause) {
            const auto *window = lfirst_node(WindowClause, cell);
            set_sorted(reading, query->targetList, window->orderClause);
            set_sorted(reading, query->targetList, window->partitionClause);
        }
        const bool is_refused = walk_query(query, visit_reader, context, QTW_IGNORE_JOINALIASES);
        reading->below--;
        return is_refused;
    }
    return walk_expression(node, visit_reader, context);
}

bool find_other_reading(Node *node, void *context)
{
    auto *reading = static_cast<Reading *>(context);
    if (node == nullptr || node == reinterpret_cast<const Node *>(reading->cte))
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, find_other_reading, context);
    auto *query = castNode(Query, node);
    ListCell *cell;
    foreach (cell, query->rtable) {
        auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind != RTE_CTE || entry->ctelevelsup != reading->depth ||
            strcmp(entry->ctename, reading->cte->ctename) != 0)
            continue;
        for (const HeldColumn &column : {reading->sequence, reading->path}) {
            if (column.number > 0) {
                set_oid(entry->coltypes, column.number, column.type);
                set_oid(entry->colcollations, column.number, column.collation);
            }
        }
        reading->entries = query->rtable;
        reading->number = foreach_current_index(cell) + 1;
        reading->below = 0;
        set_aliases(reading);
        reading->below = static_cast<Index>(-1);
        if (visit_reader(node, context))
            return true;
    }
    reading->depth++;
    const bool is_refused = walk_query(query, find_other_reading, context, 0);
    reading->depth--;
    return is_refused;
}

/* The functions from here on are C++ frames. */

void spell(CommonTableExpr *cte, Query *holder)
{
    Reading reading = {cte, {}, {}, 0, nullptr, 0, 0, -1, false};
    if (cte->search_clause != nullptr) {
        reading.sequence = call([&] { return held_sequence(cte); });
        if (!OidIsValid(reading.sequence.type))
            refuse("SEARCH by columns of several types", "No array could hold their values in the order of the search.",
                   use_full, cte->search_clause->location);
    }
    if (cte->cycle_clause != nullptr) {
        List *announcing_table =
            call([&] { return values_of(term_of(cte, false), cte->cycle_clause->cycle_col_list); });
        ListCell *cell;
        foreach (cell, announcing_table) {
            if (engine::is_loose(column_of(value_type(static_cast<Node *>(lfirst(cell))))))
                refuse("CYCLE on values that can be equal but not identical",
                       "Cycles are detected by identical values.", use_full, cte->cycle_clause->location);
        }
        reading.path = call([&] { return held_path(cte); });
    }
    (void)call([&] { return find_other_reading(reinterpret_cast<Node *>(holder), &reading); });
    if (reading.is_refused)
        refuse("column of SEARCH or CYCLE that is used other than for sorting",
               "It is an array of rows without a type.",
               "Sort by the column of SEARCH, read the mark of CYCLE, or use refresh_mode 'FULL'.", reading.location);
}

} // namespace

void spell_search_and_cycle(Query *query)
{
    const Holding found = call([&] {
        Holding all = {NIL, NIL};
        (void)find_clauses(reinterpret_cast<Node *>(query), &all);
        return all;
    });
    for (int i = 0; i < list_length(found.ctes); i++)
        spell(list_nth_node(CommonTableExpr, found.ctes, i), list_nth_node(Query, found.holders, i));
}

} // namespace pgtrickle::translate
