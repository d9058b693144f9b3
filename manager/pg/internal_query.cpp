/*
 * A relation of the text is analyzed as a relation in memory that has its columns, because PostgreSQL
 * requires no privilege to name one. After analysis its range table entry is turned into one of the relation
 * itself.
 */
#include "pg/internal_query.hpp"

#include "pg/type_name.hpp"
#include "pg/versions/json.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Names that represent a relation while the text is analyzed; `only` excludes inheritance children. */
constexpr const char *all_format = "pgt_relation_%u";
constexpr const char *only_format = "pgt_only_relation_%u";

struct Text {
    const List *constants;
    QueryEnvironment *given;       /* relations in memory that the text may read; nullptr: none */
    QueryEnvironment *environment; /* relations that the text reads, for this analysis only */
};

bool is_scalar_of_postgres(Oid type)
{
    if (type >= FirstUnpinnedObjectId || OidIsValid(get_element_type(type)) || get_typtype(type) != TYPTYPE_BASE)
        return false;
    switch (type) {
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCLASSOID:
    case REGCOLLATIONOID:
    case REGTYPEOID:
    case REGROLEOID:
    case REGNAMESPACEOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID: return false; /* the input function looks up a name in the catalogs */
    default: return true;
    }
}

[[noreturn]] void refuse_literal(const char *value)
{
    elog(ERROR, "literal \"%s\" in a maintenance statement", value);
}

Oid relation_named(const RangeVar *name)
{
    Oid relation = get_relname_relid(name->relname, get_namespace_oid(name->schemaname, false));
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation \"%s.%s\" does not exist", name->schemaname, name->relname)));
    return relation;
}

/* Replaces the name of a relation by a name in memory, under which analysis finds its columns. */
void read_in_memory(RangeVar *name, Text *text)
{
    Oid relation = relation_named(name);
    LockRelationOid(relation, AccessShareLock);
    if (name->alias == nullptr)
        name->alias = makeAlias(name->relname, NIL);
    name->relname = psprintf(name->inh ? all_format : only_format, relation);
    name->schemaname = nullptr;
    if (get_ENR(text->environment, name->relname) != nullptr)
        return;
    auto *columns = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    columns->md.name = name->relname;
    columns->md.reliddesc = relation;
    columns->md.enrtype = ENR_NAMED_TUPLESTORE;
    register_ENR(text->environment, columns);
}

/* Registers the relation in memory of that name. If there is none, the name belongs to a WITH of the
 * statement itself; read_relation() refuses any other. */
void read_given(const RangeVar *name, Text *text)
{
    EphemeralNamedRelation given = text->given != nullptr ? get_ENR(text->given, name->relname) : nullptr;
    if (given != nullptr && get_ENR(text->environment, name->relname) == nullptr)
        register_ENR(text->environment, given);
}

bool is_text(Node *node)
{
    return IsA(node, A_Const) && !castNode(A_Const, node)->isnull && IsA(&castNode(A_Const, node)->val, String);
}

/* Whether the grammar itself produced the call of a function of pg_catalog, as for EXTRACT: a text argument
 * is then the name of a field or a form, not a literal. */
bool is_function_of_postgres(const FuncCall *call)
{
    return list_length(call->funcname) == 2 && strcmp(strVal(linitial(call->funcname)), "pg_catalog") == 0;
}

bool resolve_names(Node *node, void *context);

bool resolve_arguments(FuncCall *call, void *context)
{
    List *arguments = call->args;
    ListCell *cell;
    if (is_function_of_postgres(call)) {
        call->args = NIL;
        foreach (cell, arguments)
            if (!is_text(static_cast<Node *>(lfirst(cell))))
                (void)resolve_names(static_cast<Node *>(lfirst(cell)), context);
    }
    (void)walk_raw(reinterpret_cast<Node *>(call), resolve_names, context);
    call->args = arguments;
    return false;
}

/* Resolves the names in `node`, except the literal at `place`, which is read as a type that no user can
 * influence. */
bool resolve_beside(Node **place, Node *node, void *context)
{
    Node *literal = *place;
    *place = nullptr;
    (void)walk_raw(node, resolve_names, context);
    *place = literal;
    return false;
}

/* Names a column whose name PostgreSQL would take from the type of a cast: resolve_type() has removed that
 * name. */
void name_target(ResTarget *target)
{
    if (target->name != nullptr)
        return;
    switch (nodeTag(target->val)) {
    case T_TypeCast:
    case T_CollateClause:
    case T_CaseExpr:
    case T_A_Indirection: target->name = pstrdup("?column?"); break;
    default: break;
    }
}

bool resolve_names(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, ResTarget))
        name_target(castNode(ResTarget, node));
    if (IsA(node, RangeVar)) {
        auto *name = castNode(RangeVar, node);
        auto *text = static_cast<Text *>(context);
        if (name->schemaname != nullptr)
            read_in_memory(name, text);
        else
            read_given(name, text);
        return false;
    }
    if (Node **path = json_path_of(node); path != nullptr && is_text(*path))
        return resolve_beside(path, node, context);
    if (is_text(node))
        refuse_literal(strVal(&castNode(A_Const, node)->val));
    if (IsA(node, FuncCall))
        return resolve_arguments(castNode(FuncCall, node), context);
    if (IsA(node, TypeCast)) {
        auto *cast = castNode(TypeCast, node);
        resolve_type(cast->typeName);
        if (!is_text(cast->arg))
            return resolve_names(cast->arg, context);
        if (!OidIsValid(cast->typeName->typeOid) || !is_scalar_of_postgres(cast->typeName->typeOid))
            refuse_literal(strVal(&castNode(A_Const, cast->arg)->val));
        return false;
    }
    if (IsA(node, TypeName)) {
        resolve_type(castNode(TypeName, node));
        return false;
    }
    if (IsA(node, RangeTableFuncCol) && castNode(RangeTableFuncCol, node)->typeName != nullptr)
        resolve_type(castNode(RangeTableFuncCol, node)->typeName);
    return walk_raw(node, resolve_names, context);
}

Node *constant_numbered(ParseState *state, ParamRef *reference)
{
    const List *constants = static_cast<Text *>(state->p_ref_hook_state)->constants;
    if (reference->number < 1 || reference->number > list_length(constants))
        return nullptr;
    return static_cast<Node *>(copyObjectImpl(list_nth(constants, reference->number - 1)));
}

Oid relation_in_memory(const RangeTblEntry *entry, bool *is_only)
{
    Oid relation;
    if (entry->rtekind != RTE_NAMEDTUPLESTORE)
        return InvalidOid;
    *is_only = sscanf(entry->enrname, only_format, &relation) == 1;
    return *is_only || sscanf(entry->enrname, all_format, &relation) == 1 ? relation : InvalidOid;
}

/* Returns the one statement of `sql`, ready for analysis. */
RawStmt *parse_resolved(const char *sql, Text *text)
{
    List *statements = raw_parser(sql, RAW_PARSE_DEFAULT);
    if (list_length(statements) != 1)
        elog(ERROR, "a maintenance statement is not one query: %s", sql);
    auto *statement = linitial_node(RawStmt, statements);
    (void)resolve_names(statement->stmt, text);
    return statement;
}

/* Returns a reference to a system column, which a relation in memory does not have. */
Node *system_column(ParseState *state, ColumnRef *reference, Node *found)
{
    Node *field = static_cast<Node *>(llast(reference->fields));
    const FormData_pg_attribute *column = IsA(field, String) ? SystemAttributeByName(strVal(field)) : nullptr;
    if (found != nullptr || column == nullptr)
        return nullptr;
    ParseNamespaceItem *item = nullptr;
    int levels_up = 0;
    if (list_length(reference->fields) == 2)
        item =
            refnameNamespaceItem(state, nullptr, strVal(linitial(reference->fields)), reference->location, &levels_up);
    else if (list_length(state->p_namespace) == 1)
        item = static_cast<ParseNamespaceItem *>(linitial(state->p_namespace));
    bool is_only;
    if (item == nullptr || !OidIsValid(relation_in_memory(item->p_rte, &is_only)))
        return nullptr;
    return reinterpret_cast<Node *>(makeVar(item->p_rtindex, column->attnum, column->atttypid, column->atttypmod,
                                            column->attcollation, static_cast<Index>(levels_up)));
}

void set_hooks(ParseState *state, void *text)
{
    state->p_paramref_hook = constant_numbered;
    state->p_post_columnref_hook = system_column;
    state->p_ref_hook_state = text;
}

/* A name without schema that is not of the statement would find a temporary relation of the session. */
void read_relation(Query *query, RangeTblEntry *entry)
{
    bool is_only;
    if (entry->rtekind == RTE_RELATION)
        elog(ERROR, "unknown relation \"%s\" in a maintenance statement", get_rel_name(entry->relid));
    Oid relation = relation_in_memory(entry, &is_only);
    if (!OidIsValid(relation))
        return;
    entry->rtekind = RTE_RELATION;
    entry->relid = relation;
    entry->relkind = get_rel_relkind(relation);
    entry->rellockmode = AccessShareLock;
    entry->inh = !is_only;
    entry->enrname = nullptr;
    entry->enrtuples = 0;
    entry->coltypes = entry->coltypmods = entry->colcollations = NIL;
    set_rights(query, entry, {});
}

bool read_relations(Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, read_relations, nullptr);
    auto *query = castNode(Query, node);
    ListCell *cell;
    foreach (cell, query->rtable)
        read_relation(query, lfirst_node(RangeTblEntry, cell));
    return walk_query(query, read_relations, nullptr, 0);
}

} // namespace

bool is_printed_constant(const Const *constant)
{
    return is_scalar_of_postgres(constant->consttype);
}

void require_restricted_operation()
{
    if (!InSecurityRestrictedOperation())
        elog(ERROR, "a maintenance statement outside of a security-restricted operation");
}

SelectStmt *parse_internal(const char *sql)
{
    Text text = {NIL, nullptr, create_queryEnv()};
    return castNode(SelectStmt, parse_resolved(sql, &text)->stmt);
}

Query *analyze_internal(const char *sql, const QueryParts &parts, QueryEnvironment *environment)
{
    require_restricted_operation();
    Text text = {parts.constants, environment, create_queryEnv()};
    RawStmt *statement = parse_resolved(sql, &text);
    Query *query = parse_analyze_withcb(statement, sql, set_hooks, &text, text.environment);
    (void)read_relations(reinterpret_cast<Node *>(query), nullptr);
    require_known(reinterpret_cast<Node *>(query), parts.known);
    return query;
}

Node *analyze_internal_expression(const char *sql, const QueryParts &parts, Relation relation)
{
    require_restricted_operation();
    Text text = {parts.constants, nullptr, create_queryEnv()};
    auto *select = castNode(SelectStmt, parse_resolved(psprintf("SELECT %s", sql), &text)->stmt);
    ParseState *state = make_parsestate(nullptr);
    set_hooks(state, &text);
    addNSItemToQuery(state, addRangeTableEntryForRelation(state, relation, AccessShareLock, nullptr, false, true),
                     false, true, true);
    Node *node = transformExpr(state, linitial_node(ResTarget, select->targetList)->val, EXPR_KIND_INDEX_EXPRESSION);
    assign_expr_collations(state, node);
    require_known(node, parts.known);
    return node;
}

} // namespace pgtrickle
