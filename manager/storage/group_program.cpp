#include "storage/group_program.hpp"

#include "pg/context.hpp"
#include "pg/superuser.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/table.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "tcop/tcopprot.h"
#include "utils/queryenvironment.h"
}

namespace pgtrickle::storage {

namespace {

constexpr const char *delta_name = "pgt_merge";

/* Vars of the first relation (the stored row, o) read the outer slot, those of the second
 * (the delta row, d) the inner one. */
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

/* Parses one SELECT and returns its target list, before any planning. */
List *parse_target_list(const char *sql, TupleDesc delta_descriptor)
{
    auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    relation->md.name = pstrdup(delta_name);
    relation->md.tupdesc = delta_descriptor;
    relation->md.enrtype = ENR_NAMED_TUPLESTORE;
    relation->md.enrtuples = 1;
    QueryEnvironment *environment = create_queryEnv();
    register_ENR(environment, relation);
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = sql;
    state->p_queryEnv = environment;
    Query *query = transformTopLevelStmt(state, linitial_node(RawStmt, pg_parse_query(sql)));
    free_parsestate(state);
    return query->targetList;
}

/* Binds the expressions of a target list, as planning would. The result is a copy in `kept`. */
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

/* The descriptor of delta rows: key columns, then state columns. */
TupleDesc describe_delta(TupleDesc physical, const int *targets, int count)
{
    TupleDesc descriptor = CreateTemplateTupleDesc(count);
    for (int i = 0; i < count; i++)
        TupleDescCopyEntry(descriptor, i + 1, physical, targets[i] + 1);
    return descriptor;
}

struct Texts {
    std::string states, finals, visible, recompute;
};

void append(std::string &list, const std::string &sql)
{
    list += (list.empty() ? "SELECT " : ", ") + ("(" + sql + ")");
}

/* Sorts the step's columns into what the program needs of each, by position. */
Texts collect(const engine::Step &step, GroupProgram *program)
{
    Texts texts;
    for (int key : step.key)
        program->delta_targets[program->delta_count++] = key;
    for (int i = 0; i < static_cast<int>(step.columns.size()); i++) {
        const engine::ArrangementColumn &column = step.columns[i];
        if (column.role == engine::Role::state) {
            program->delta_targets[program->delta_count++] = i;
            program->state_targets[program->state_count++] = i;
            append(texts.states, column.sql);
        } else if (i == step.visible_column) {
            append(texts.visible, column.sql);
        } else if (column.role == engine::Role::final) {
            program->final_targets[program->final_count++] = i;
            append(texts.finals, column.sql);
        }
    }
    if (!step.recompute_sql_condition.empty())
        append(texts.recompute, step.recompute_sql_condition);
    return texts;
}

/* The engine casts where needed: a mismatch here would store bytes of another type. */
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

struct Parsed {
    List *states, *finals, *visible, *recompute;
};

List *parse(const std::string &select, const std::string &from, TupleDesc delta_descriptor)
{
    if (select.empty())
        return NIL;
    std::string sql = select + " FROM " + from;
    return call([&] { return parse_target_list(pstrdup(sql.c_str()), delta_descriptor); });
}

struct Planned {
    List *states, *finals, *visible, *recompute;
};

Planned plan(const Parsed &parsed, MemoryContext kept)
{
    return {plan_target_list(parsed.states, true, kept), plan_target_list(parsed.finals, false, kept),
            plan_target_list(parsed.visible, false, kept), plan_target_list(parsed.recompute, true, kept)};
}

void bind(GroupProgram *program, const Planned &planned, TupleDesc physical)
{
    auto project = [&](List *targets, const int *positions) {
        check_types(targets, positions, physical);
        return ExecBuildProjectionInfo(targets, program->context,
                                       MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual), nullptr,
                                       nullptr);
    };
    program->context = CreateStandaloneExprContext();
    /* All but empty between two refreshes: a kilobyte instead of eight, for each of a thousand. */
    MemoryContextDelete(program->context->ecxt_per_tuple_memory);
    program->context->ecxt_per_tuple_memory =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle group", ALLOCSET_START_SMALL_SIZES);
    program->merged = MakeSingleTupleTableSlot(physical, &TTSOpsVirtual);
    program->absent = MakeSingleTupleTableSlot(physical, &TTSOpsVirtual);
    ExecStoreAllNullTuple(program->absent);
    program->states = project(planned.states, program->state_targets);
    if (planned.finals != NIL)
        program->finals = project(planned.finals, program->final_targets);
    if (planned.visible != NIL)
        program->is_visible = ExecInitExpr(linitial_node(TargetEntry, planned.visible)->expr, nullptr);
    if (planned.recompute != NIL)
        program->must_recompute = ExecInitExpr(linitial_node(TargetEntry, planned.recompute)->expr, nullptr);
}

int *allocate_positions(size_t count)
{
    return call([=] { return static_cast<int *>(palloc0(sizeof(int) * (count + 1))); });
}

} // namespace

GroupProgram *compile_groups(const engine::Step &step, Oid heap, const std::string &heap_name, Oid owner)
{
    auto *program = call([] { return static_cast<GroupProgram *>(palloc0(sizeof(GroupProgram))); });
    program->delta_targets = allocate_positions(step.columns.size() + step.key.size());
    program->state_targets = allocate_positions(step.columns.size());
    program->final_targets = allocate_positions(step.columns.size());
    Texts texts = collect(step, program);
    TupleDesc physical = call([=] {
        Relation relation = table_open(heap, AccessShareLock);
        TupleDesc copy = CreateTupleDescCopy(RelationGetDescr(relation));
        table_close(relation, NoLock);
        return copy;
    });
    program->delta_descriptor =
        call([=] { return describe_delta(physical, program->delta_targets, program->delta_count); });
    MemoryContext kept = CurrentMemoryContext;
    Scratch scratch;
    Parsed parsed;
    {
        /* Names in the reserved schema resolve for a superuser only; parsing runs no user code. */
        AsSuperuser as_superuser;
        std::string both = heap_name + " o, " + delta_name + " d";
        parsed.states = parse(texts.states, both, program->delta_descriptor);
        parsed.recompute = parse(texts.recompute, both, program->delta_descriptor);
        parsed.finals = parse(texts.finals, heap_name + " n", program->delta_descriptor);
        parsed.visible = parse(texts.visible, heap_name + " n", program->delta_descriptor);
    }
    AsOwner as_owner(owner);
    Planned planned = call([=] { return plan(parsed, kept); });
    ContextSwitch in_kept(kept);
    call([=] { bind(program, planned, physical); });
    return program;
}

} // namespace pgtrickle::storage
