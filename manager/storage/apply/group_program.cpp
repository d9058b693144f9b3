#include "storage/apply/group_program.hpp"

#include "pg/context.hpp"
#include "pg/internal_query.hpp"
#include "pg/walker.hpp"
#include "storage/layout.hpp"

extern "C" {
#include "access/table.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/queryenvironment.h"
}

namespace pgtrickle::storage {

namespace {

constexpr const char *delta_name = "pgt_merge";

/* Makes Vars of the first relation (the stored row, o) read the outer slot, and Vars of the second relation
 * (the delta row, d) the inner slot. */
Node *assign_slots(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Var)) {
        auto *var = static_cast<Var *>(copyObjectImpl(node));
        var->varno = var->varno == 1 ? OUTER_VAR : INNER_VAR;
        return reinterpret_cast<Node *>(var);
    }
    return mutate_expression(node, assign_slots, context);
}

/* Returns the target list of one SELECT, analyzed but not planned. */
List *analyzed_targets(const char *sql, const QueryParts &parts, TupleDesc delta_descriptor)
{
    auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    relation->md.name = pstrdup(delta_name);
    relation->md.tupdesc = delta_descriptor;
    relation->md.enrtype = ENR_NAMED_TUPLESTORE;
    relation->md.enrtuples = 1;
    QueryEnvironment *environment = create_queryEnv();
    register_ENR(environment, relation);
    return analyze_internal(sql, parts, environment)->targetList;
}

/* Prepares the expressions of a target list for execution, as planning would. The result is a copy in
 * `kept`. */
List *plan_target_list(List *targets, bool has_two_rows, MemoryContext kept)
{
    ListCell *cell;
    foreach (cell, targets) {
        auto *entry = lfirst_node(TargetEntry, cell);
        if (has_two_rows)
            entry->expr = reinterpret_cast<Expr *>(assign_slots(reinterpret_cast<Node *>(entry->expr), nullptr));
        entry->expr = expression_planner(entry->expr);
    }
    MemoryContext previous = MemoryContextSwitchTo(kept);
    auto *copy = static_cast<List *>(copyObjectImpl(targets));
    MemoryContextSwitchTo(previous);
    return copy;
}

/* Returns the descriptor of delta rows. PostgreSQL frame. */
TupleDesc describe_delta(TupleDesc physical, const engine::Step &step, const GroupProgram *program)
{
    const auto key_count = static_cast<int>(step.key.size());
    TupleDesc descriptor =
        CreateTemplateTupleDesc(key_count + program->state_count + static_cast<int>(step.changes.size()));
    AttrNumber number = 0;
    for (int key : step.key)
        TupleDescCopyEntry(descriptor, ++number, physical, static_cast<AttrNumber>(key + 1));
    for (int i = 0; i < program->state_count; i++)
        TupleDescCopyEntry(descriptor, ++number, physical, static_cast<AttrNumber>(program->state_targets[i] + 1));
    for (const engine::Column &column : step.changes)
        describe_column(descriptor, ++number, column);
    return descriptor;
}

struct Texts {
    std::string states, finals, recompute;
};

void append(std::string &list, const std::string &sql)
{
    list += (list.empty() ? "SELECT " : ", ") + ("(" + sql + ")");
}

/* Collects the step's columns by role: their positions in the program, and their expressions. */
Texts collect(const engine::Step &step, GroupProgram *program)
{
    Texts texts;
    for (int i = 0; i < static_cast<int>(step.columns.size()); i++) {
        const engine::ArrangementColumn &column = step.columns[i];
        if (column.role == engine::Role::state) {
            program->state_targets[program->state_count++] = i;
            append(texts.states, column.sql);
        } else if (column.role == engine::Role::final) {
            program->final_targets[program->final_count++] = i;
            append(texts.finals, column.sql);
        }
    }
    if (!step.recompute_sql_condition.empty())
        append(texts.recompute, step.recompute_sql_condition);
    return texts;
}

/* The engine casts where needed: with a mismatch here, bytes of another type would be stored. */
void check_types(List *targets, const int *positions, TupleDesc physical)
{
    for (int i = 0; i < list_length(targets); i++) {
        Oid type = exprType(reinterpret_cast<Node *>(list_nth_node(TargetEntry, targets, i)->expr));
        Form_pg_attribute attribute = TupleDescAttr(physical, positions[i]);
        if (type != attribute->atttypid)
            elog(ERROR, "expression for column \"%s\" is of type %s instead of %s", NameStr(attribute->attname),
                 format_type_be(type), format_type_be(attribute->atttypid));
    }
}

struct TargetLists {
    List *states, *finals, *recompute;
};

TargetLists analyze(const Texts &texts, const QueryParts &parts, const std::string &heap_name,
                    TupleDesc delta_descriptor)
{
    auto targets = [&](const std::string &select, const std::string &from) -> List * {
        if (select.empty())
            return NIL;
        const std::string sql = select + " FROM " + from;
        return call([&] { return analyzed_targets(sql.c_str(), parts, delta_descriptor); });
    };
    const std::string both = heap_name + " o, " + delta_name + " d";
    return {targets(texts.states, both), targets(texts.finals, heap_name + " n"), targets(texts.recompute, both)};
}

TargetLists plan(const TargetLists &analyzed, MemoryContext kept)
{
    return {plan_target_list(analyzed.states, true, kept), plan_target_list(analyzed.finals, false, kept),
            plan_target_list(analyzed.recompute, true, kept)};
}

void bind(GroupProgram *program, const TargetLists &planned, TupleDesc physical)
{
    auto project = [&](List *targets, const int *positions) {
        check_types(targets, positions, physical);
        return ExecBuildProjectionInfo(targets, program->context,
                                       MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual), nullptr,
                                       nullptr);
    };
    program->context = CreateStandaloneExprContext();
    /* The context is nearly empty between two refreshes: it takes one kilobyte instead of eight, in each of a
     * thousand programs. */
    MemoryContextDelete(program->context->ecxt_per_tuple_memory);
    program->context->ecxt_per_tuple_memory =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle group", ALLOCSET_START_SMALL_SIZES);
    program->merged = MakeSingleTupleTableSlot(physical, &TTSOpsVirtual);
    program->absent = MakeSingleTupleTableSlot(physical, &TTSOpsVirtual);
    ExecStoreAllNullTuple(program->absent);
    program->states = project(planned.states, program->state_targets);
    if (planned.finals != NIL)
        program->finals = project(planned.finals, program->final_targets);
    if (planned.recompute != NIL)
        program->must_recompute = ExecInitExpr(linitial_node(TargetEntry, planned.recompute)->expr, nullptr);
}

int *allocate_positions(size_t count)
{
    return call([=] { return static_cast<int *>(palloc0(sizeof(int) * (count + 1))); });
}

} // namespace

GroupProgram *compile_groups(const engine::Step &step, const QueryParts &parts, Oid heap, const std::string &heap_name)
{
    auto *program = call([] { return static_cast<GroupProgram *>(palloc0(sizeof(GroupProgram))); });
    program->state_targets = allocate_positions(step.columns.size());
    program->final_targets = allocate_positions(step.columns.size());
    Texts texts = collect(step, program);
    TupleDesc physical = call([=] {
        Relation relation = table_open(heap, AccessShareLock);
        TupleDesc copy = CreateTupleDescCopy(RelationGetDescr(relation));
        table_close(relation, NoLock);
        return copy;
    });
    program->delta_descriptor = call([&] { return describe_delta(physical, step, program); });
    MemoryContext kept = CurrentMemoryContext;
    Scratch scratch;
    const TargetLists analyzed = analyze(texts, parts, heap_name, program->delta_descriptor);
    const TargetLists planned = call([=] { return plan(analyzed, kept); });
    ContextSwitch in_kept(kept);
    call([=] { bind(program, planned, physical); });
    return program;
}

} // namespace pgtrickle::storage
