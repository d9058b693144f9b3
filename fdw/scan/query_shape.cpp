#include "fdw/scan/query_shape.hpp"

#include "pg/versions/planner.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rowsecurity.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

void add_conditions(Shape &shape, ::Node *quals, const std::vector<int> &sides)
{
    List *clauses = call([&] { return make_ands_implicit(reinterpret_cast<Expr *>(quals)); });
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = static_cast<::Node *>(lfirst(cell));
        clause = call([&] { return without_join_aliases(shape.query, clause); });
        const bool is_usable =
            call([&] { return !contain_leaked_vars(clause) && !contain_volatile_functions(clause); });
        if (is_usable)
            shape.conditions.push_back({clause, sides});
    }
}

/* A subquery of a policy reads tables that are not in FROM, or reads them once more. */
bool has_policy_with_subquery(Oid relid)
{
    Relation table = relation_open(relid, NoLock);
    bool is_found = false;
    ListCell *cell;
    foreach (cell, table->rd_rsdesc != nullptr ? table->rd_rsdesc->policies : NIL)
        is_found |= static_cast<RowSecurityPolicy *>(lfirst(cell))->hassublinks;
    relation_close(table, NoLock);
    return is_found;
}

void add_from(Shape &shape, ::Node *node, const std::vector<int> &sides)
{
    if (IsA(node, RangeTblRef)) {
        const auto number = static_cast<Index>(reinterpret_cast<RangeTblRef *>(node)->rtindex);
        const RangeTblEntry *entry = rt_fetch(number, shape.query->rtable);
        const bool is_table = entry->rtekind == RTE_RELATION && entry->tablesample == nullptr &&
                              (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE);
        shape.is_supported &= is_table && (entry->inh || call([&] { return !has_subclass(entry->relid); })) &&
                              !call([&] { return has_policy_with_subquery(entry->relid); });
        shape.references.push_back({number, entry->relid, sides});
    } else if (IsA(node, FromExpr)) {
        const auto *from = reinterpret_cast<FromExpr *>(node);
        ListCell *cell;
        foreach (cell, from->fromlist)
            add_from(shape, static_cast<::Node *>(lfirst(cell)), sides);
        add_conditions(shape, from->quals, sides);
    } else {
        const auto *join = reinterpret_cast<JoinExpr *>(node);
        shape.is_supported &= join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT;
        std::vector<int> right_sides = sides;
        if (join->jointype == JOIN_LEFT)
            right_sides.push_back(++shape.left_joins);
        add_from(shape, join->larg, sides);
        add_from(shape, join->rarg, right_sides);
        add_conditions(shape, join->quals, right_sides);
    }
}

bool is_simple(const Query *query)
{
    return query->setOperations == nullptr && !query->hasSubLinks && !query->hasTargetSRFs && query->cteList == NIL &&
           query->limitCount == nullptr && query->limitOffset == nullptr && query->groupingSets == NIL &&
           query->rowMarks == NIL && !(query->hasAggs && query->groupClause == NIL) &&
           (query->havingQual == nullptr || query->groupClause != NIL);
}

bool is_among(const TargetEntry *target, List *clauses)
{
    ListCell *cell;
    foreach (cell, clauses)
        if (lfirst_node(SortGroupClause, cell)->tleSortGroupRef == target->ressortgroupref)
            return target->ressortgroupref != 0;
    return false;
}

/* Whether no group, no window and no duplicate that the query removes spans several values of the output. */
bool cuts_the_query(const Query *query, const TargetEntry *target)
{
    if ((query->groupClause != NIL && !is_among(target, query->groupClause)) ||
        (query->distinctClause != NIL && !is_among(target, query->distinctClause)))
        return false;
    ListCell *cell;
    foreach (cell, query->windowClause)
        if (!is_among(target, lfirst_node(WindowClause, cell)->partitionClause))
            return false;
    return true;
}

/* Finds the equality by which PostgreSQL groups values of the type. PostgreSQL frame. */
bool find_equality(const Var *var, Column *found)
{
    TypeCacheEntry *type = lookup_type_cache(var->vartype, TYPECACHE_EQ_OPR);
    if (!OidIsValid(type->eq_opr) || get_typtype(var->vartype) == TYPTYPE_DOMAIN)
        return false;
    Oid left, right;
    op_input_types(type->eq_opr, &left, &right);
    found->equals = type->eq_opr;
    found->compared_as = left;
    return left == right && OidIsValid(get_array_type(left)) && !IsPolymorphicType(left) &&
           IsBinaryCoercible(var->vartype, left);
}

/* Returns 0 if the column is the first one of a unique index of the table, 1 if of another index, else 2. */
int distance_to_index(Oid relid, AttrNumber column)
{
    int distance = 2;
    Relation table = relation_open(relid, NoLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(table)) {
        Relation index = relation_open(lfirst_oid(cell), AccessShareLock);
        if (index->rd_index->indisvalid && index->rd_index->indkey.values[0] == column)
            distance = std::min(distance, index->rd_index->indisunique && index->rd_index->indnkeyatts == 1 ? 0 : 1);
        relation_close(index, AccessShareLock);
    }
    relation_close(table, NoLock);
    return distance;
}

} // namespace

bool is_prefix(const std::vector<int> &one, const std::vector<int> &of)
{
    return one.size() <= of.size() && std::equal(one.begin(), one.end(), of.begin());
}

Shape shape_of(const Query *query)
{
    Shape shape;
    shape.query = call([&] { return static_cast<Query *>(copyObjectImpl(query)); });
    shape.is_supported = is_simple(query);
    if (shape.is_supported)
        add_from(shape, reinterpret_cast<::Node *>(shape.query->jointree), {});
    return shape;
}

const Reference *reference_of(const Shape &shape, Index number)
{
    for (const Reference &reference : shape.references)
        if (reference.number == number)
            return &reference;
    return nullptr;
}

bool find_column(const Shape &shape, const Bitmapset *outputs, Column *found)
{
    int best = 3;
    ListCell *cell;
    foreach (cell, shape.query->targetList) {
        const auto *target = lfirst_node(TargetEntry, cell);
        auto *expression = reinterpret_cast<::Node *>(target->expr);
        expression =
            call([&] { return without_join_aliases(shape.query, without_group_aliases(shape.query, expression)); });
        if (target->resjunk || !IsA(expression, Var) || !cuts_the_query(shape.query, target) ||
            (outputs != nullptr && !bms_is_member(target->resno, outputs)))
            continue;
        auto *var = reinterpret_cast<Var *>(expression);
        const Reference *reference = reference_of(shape, static_cast<Index>(var->varno));
        Column column = {var, target->resno, false, InvalidOid, InvalidOid};
        if (reference == nullptr || var->varlevelsup > 0 || var->varattno <= 0 || !reference->sides.empty() ||
            !call([&] { return find_equality(var, &column); }))
            continue;
        const int distance = call([&] { return distance_to_index(reference->relid, var->varattno); });
        if (distance < best) {
            best = distance;
            *found = column;
            found->is_indexed = distance < 2;
        }
    }
    return best < 3;
}

} // namespace pgtrickle
