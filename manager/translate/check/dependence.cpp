/* All functions of this file are PostgreSQL frames, except those for other folders at its end. */
#include "translate/check/dependence.hpp"

#include "definition/stream_table.hpp"
#include "pg/versions/json.hpp"
#include "pg/walker.hpp"
#include "translate/check/anonymous_rows.hpp"
#include "translate/check/known_function.hpp"
#include "translate/check/rewrite.hpp"
#include "translate/check/time_text.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "optimizer/clauses.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

struct Search {
    Dependence found;
    Query *query;                        /* null where an expression is examined without one */
    const AnonymousRows *anonymous_rows; /* anonymous rows of `query`; null until they are needed */
    Node *node;                          /* the node whose functions are being examined */
    const RangeTblFunction *from_item;   /* the last FROM item seen */
    List *types[2];                      /* types (OIDs) whose contents are noted, by direction */
    bool is_in_default;                  /* in the default of an argument, where texts are not checked */
    List *defaulted[FUNC_MAX_ARGS];      /* functions (OIDs) whose default of an argument was visited, by its place */
};

enum class Direction { input, output };

void note_function(Search *search, Oid function, Direction direction, Oid contained_in);

void note_volatility(Search *search, Volatility volatility, Oid function)
{
    if (volatility <= search->found.volatility)
        return;
    search->found.volatility = volatility;
    search->found.function = function;
    search->found.node = search->node;
    search->found.location = exprLocation(search->node);
    search->found.is_user_function = function >= FirstNormalObjectId;
}

/* Adds the dependencies of the output or input function of `type`. */
void note_type(Search *search, Oid type, Direction direction)
{
    Oid function;
    Oid parameter;
    bool is_varlena;

    if (get_typtype(type) == TYPTYPE_PSEUDO && type != RECORDOID && type != RECORDARRAYOID)
        return;
    if (direction == Direction::output)
        getTypeOutputInfo(type, &function, &is_varlena);
    else
        getTypeInputInfo(type, &function, &parameter);
    note_function(search, function, direction, type);
}

/* An anonymous row has an output function, but no input function. */
void note_anonymous_row(Search *search, Direction direction)
{
    ListCell *cell;

    if (direction == Direction::input)
        return;
    if (search->query == nullptr) {
        search->found.settings |= all_settings;
        return;
    }
    if (search->anonymous_rows == nullptr) {
        auto *rows = static_cast<AnonymousRows *>(palloc(sizeof(AnonymousRows)));
        *rows = anonymous_rows_of(search->query);
        search->anonymous_rows = rows;
    }
    foreach (cell, search->anonymous_rows->types)
        note_type(search, lfirst_oid(cell), direction);
    if (!search->anonymous_rows->are_known) {
        search->found.settings |= all_settings;
        note_volatility(search, Volatility::unknown, F_RECORD_OUT);
    }
}

/* Adds the dependencies of the types that an array, range, domain or row contains. Each type is visited once: one may
 * be contained in another many times, at each level. */
void note_contents(Search *search, Oid type, Direction direction)
{
    List *&noted = search->types[static_cast<int>(direction)];
    if (list_member_oid(noted, type))
        return;
    noted = lappend_oid(noted, type);
    const Oid element = get_element_type(type);
    if (OidIsValid(element)) {
        note_type(search, element, direction);
    } else if (get_typtype(type) == TYPTYPE_DOMAIN) {
        note_type(search, getBaseType(type), direction);
    } else if (type_is_range(type)) {
        note_type(search, get_range_subtype(type), direction);
    } else if (type_is_multirange(type)) {
        note_type(search, get_range_subtype(get_multirange_range(type)), direction);
    } else if (type == RECORDOID) {
        note_anonymous_row(search, direction);
    } else if (type_is_rowtype(type)) {
        TupleDesc descriptor = lookup_rowtype_tupdesc_domain(type, -1, false);
        for (int i = 0; i < descriptor->natts; i++) {
            if (!TupleDescAttr(descriptor, i)->attisdropped)
                note_type(search, TupleDescAttr(descriptor, i)->atttypid, direction);
        }
        ReleaseTupleDesc(descriptor);
    }
}

/* Returns the arguments of a call, with the defaults of those that it omits, which only the planner adds. */
List *all_arguments(List *given, Oid function, Oid result_type)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    List *arguments = expand_function_arguments(given, false, result_type, tuple);
    ReleaseSysCache(tuple);
    return arguments;
}

List *arguments_of(Node *node)
{
    if (IsA(node, FuncExpr))
        return all_arguments(castNode(FuncExpr, node)->args, castNode(FuncExpr, node)->funcid,
                             castNode(FuncExpr, node)->funcresulttype);
    if (IsA(node, OpExpr))
        return castNode(OpExpr, node)->args;
    if (IsA(node, Aggref))
        return castNode(Aggref, node)->args;
    if (IsA(node, WindowFunc))
        return castNode(WindowFunc, node)->args;
    return NIL;
}

/* Adds the settings on which reading a text as a value of `type` depends. */
void note_settings_of_reading(Search *search, Oid type)
{
    const Dependence before = search->found;
    List *&noted = search->types[static_cast<int>(Direction::input)];
    const int noted_before = list_length(noted);
    note_type(search, type, Direction::input);
    noted = list_truncate(noted, noted_before);
    const unsigned settings = search->found.settings;
    search->found = before;
    search->found.settings = settings;
}

/* Adds the dependencies of writing the values as text. */
void note_printed(Search *search, List *values)
{
    ListCell *cell;

    foreach (cell, values) {
        auto *argument = static_cast<Node *>(lfirst(cell));
        if (IsA(argument, TargetEntry))
            argument = reinterpret_cast<Node *>(castNode(TargetEntry, argument)->expr);
        note_type(search, exprType(argument), Direction::output);
    }
}

void note_read_columns(Search *search, List *types)
{
    ListCell *cell;

    foreach (cell, types)
        note_type(search, lfirst_oid(cell), Direction::input);
}

/* Adds the dependencies of reading columns from text: the columns of a FROM item's definition, or of the type
 * returned. */
void note_columns(Search *search, Oid function)
{
    const RangeTblFunction *item = search->from_item;
    const Oid type = exprType(search->node);
    if (type != RECORDOID) {
        note_type(search, type, Direction::input);
    } else if (item != nullptr && item->funcexpr == search->node && item->funccoltypes != NIL) {
        note_read_columns(search, item->funccoltypes);
    } else {
        note_volatility(search, Volatility::unknown, function);
    }
}

/* Whether the body of a function cannot be trusted to be as declared: it is a user's function and not
 * compiled. */
bool is_opaque(Oid function)
{
    if (function < FirstNormalObjectId)
        return false;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    const Oid language = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang;
    ReleaseSysCache(tuple);
    return language != INTERNALlanguageId && language != ClanguageId;
}

/*
 * Whether a user's function takes values of any type. Such a function is declared without regard to the type,
 * and usually writes the value as text (hstore(record) is declared IMMUTABLE) or reads one (populate_record()).
 */
bool takes_any_type(Oid function)
{
    Oid *types;
    int count;

    if (function < FirstNormalObjectId)
        return false;
    (void)get_func_signature(function, &types, &count);
    return std::any_of(types, types + count,
                       [](Oid type) { return type == ANYOID || type == RECORDOID || IsPolymorphicType(type); });
}

/* Whether a function that is not in the list may run SQL or read any setting. Of PostgreSQL's own VOLATILE functions,
 * those that do are in the list. */
bool is_unknown(Oid function, char volatility)
{
    return volatility == PROVOLATILE_STABLE || (volatility == PROVOLATILE_VOLATILE && function >= FirstNormalObjectId);
}

/* The volatility in the catalog is meaningless for a user's aggregate: that of its functions counts. */
void note_aggregate(Search *search, Oid function)
{
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return;
    auto *form = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
    for (regproc part : {form->aggtransfn, form->aggfinalfn, form->aggcombinefn, form->aggserialfn, form->aggdeserialfn,
                         form->aggmtransfn, form->aggminvtransfn, form->aggmfinalfn}) {
        if (OidIsValid(part))
            note_function(search, part, Direction::output, InvalidOid);
    }
    ReleaseSysCache(tuple);
}

void note_function(Search *search, Oid function, Direction direction, Oid contained_in)
{
    if (function >= FirstNormalObjectId)
        note_aggregate(search, function);
    const KnownFunction *known = known_function(function);
    const char volatility = func_volatile(function);

    /* Users declare functions that read settings IMMUTABLE to be able to index them. */
    const bool may_run_sql = known == nullptr && is_unknown(function, volatility);
    search->found.may_read_tables |= may_run_sql;
    if (is_opaque(function) || may_run_sql)
        search->found.settings |= all_settings;
    else if (known != nullptr)
        search->found.settings |= known->settings;
    else if (function >= FirstNormalObjectId && direction == Direction::output && OidIsValid(contained_in))
        search->found.settings |= on_printing; /* cube_out() is declared IMMUTABLE, and prints floats */
    if (List *arguments = arguments_of(search->node); arguments != NIL && takes_any_type(function)) {
        note_printed(search, arguments);
        note_settings_of_reading(search, exprType(search->node));
    }
    if (volatility == PROVOLATILE_VOLATILE) {
        note_volatility(search, Volatility::is_volatile, function);
    } else if (known == nullptr) {
        if (volatility == PROVOLATILE_STABLE)
            note_volatility(search, Volatility::unknown, function);
    } else if (known->beyond == Beyond::now) {
        note_volatility(search, Volatility::now, function);
    } else if (known->beyond == Beyond::words) {
        note_volatility(search, Volatility::words, function);
    } else if (known->beyond == Beyond::arguments) {
        note_printed(search, arguments_of(search->node));
    } else if (known->beyond == Beyond::columns) {
        note_columns(search, function);
    } else if (known->beyond == Beyond::contents && OidIsValid(contained_in)) {
        note_contents(search, contained_in, direction);
    }
}

/* Adds the dependencies of reading a text as a value; the clock is not one of them if the text is checked. */
void note_read(Search *search, const CoerceViaIO *cast)
{
    if (!search->is_in_default && has_checked_text(cast))
        note_settings_of_reading(search, cast->resulttype);
    else
        note_type(search, cast->resulttype, Direction::input);
}

bool note_called(Oid function, void *context)
{
    note_function(static_cast<Search *>(context), function, Direction::output, InvalidOid);
    return false;
}

void note_json(Search *search, const JsonWork &work)
{
    note_printed(search, work.printed);
    if (OidIsValid(work.read))
        note_type(search, work.read, Direction::input);
    if (work.is_on_path)
        search->found.settings |= on_time_zone | on_template;
    if (work.mixes_times)
        note_volatility(search, Volatility::now, InvalidOid);
}

bool visit(Node *node, void *context);

/* Visits the defaults of the arguments that a call omits. Each is visited once: defaults whose calls omit arguments
 * may contain one another many times, at each level. */
void visit_defaults(Search *search, List *arguments, Oid function, Oid result_type)
{
    List *given = NIL;
    ListCell *cell;
    foreach (cell, arguments) {
        void *argument = lfirst(cell);
        given = lappend(given, IsA(argument, NamedArgExpr) ? castNode(NamedArgExpr, argument)->arg : argument);
    }
    const bool was_in_default = search->is_in_default;
    search->is_in_default = true;
    List *all = all_arguments(arguments, function, result_type);
    foreach (cell, all) {
        List **functions = &search->defaulted[foreach_current_index(cell)];
        if (list_member_ptr(given, lfirst(cell)) || list_member_oid(*functions, function))
            continue;
        *functions = lappend_oid(*functions, function);
        (void)visit(static_cast<Node *>(lfirst(cell)), search);
    }
    search->is_in_default = was_in_default;
}

bool visit(Node *node, void *context)
{
    auto *search = static_cast<Search *>(context);

    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return walk_calls(castNode(Query, node), visit, context);
    search->node = node;
    switch (nodeTag(node)) {
    case T_CoerceViaIO:
        note_type(search, exprType(reinterpret_cast<Node *>(castNode(CoerceViaIO, node)->arg)), Direction::output);
        note_read(search, castNode(CoerceViaIO, node));
        break;
    case T_RangeTblFunction: search->from_item = castNode(RangeTblFunction, node); break;
    case T_SQLValueFunction: {
        const SQLValueFunctionOp op = castNode(SQLValueFunction, node)->op;
        const bool is_time = op <= SVFOP_LOCALTIMESTAMP_N;
        /* CURRENT_DATE, LOCALTIME and the like are times in the session's time zone. */
        if (is_time && op != SVFOP_CURRENT_TIMESTAMP && op != SVFOP_CURRENT_TIMESTAMP_N)
            search->found.settings |= on_time_zone;
        note_volatility(search, is_time ? Volatility::now : Volatility::session, InvalidOid);
        break;
    }
    case T_NextValueExpr: note_volatility(search, Volatility::is_volatile, InvalidOid); break;
    case T_XmlExpr:
        search->found.settings |=
            on_xml_binary | on_xml_option | on_time_zone | on_date_style | on_interval_style | on_float_digits;
        note_printed(search, castNode(XmlExpr, node)->named_args);
        note_printed(search, castNode(XmlExpr, node)->args);
        break;
    case T_TableFunc:
        note_read_columns(search, castNode(TableFunc, node)->coltypes);
        note_json(search, json_work(node));
        break;
    default:
        (void)check_called_functions(node, note_called, context);
        note_json(search, json_work(node));
        break;
    }
    if (IsA(node, FuncExpr)) {
        const auto *call = castNode(FuncExpr, node);
        visit_defaults(search, call->args, call->funcid, call->funcresulttype);
    } else if (IsA(node, WindowFunc)) {
        const auto *call = castNode(WindowFunc, node);
        visit_defaults(search, call->args, call->winfnoid, call->wintype);
    }
    return walk_expression(node, visit, context);
}

} // namespace

namespace {

/* Whether the query reads values that change without a captured change: those of a foreign table, or ctid,
 * xmin and other system columns. */
bool reads_uncaptured(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Var))
        return castNode(Var, node)->varattno < 0 && castNode(Var, node)->varattno != TableOidAttributeNumber;
    if (IsA(node, RangeTblEntry)) {
        auto *entry = castNode(RangeTblEntry, node);
        return entry->rtekind == RTE_RELATION && definition::is_compared(entry->relid);
    }
    if (IsA(node, Query))
        return walk_query(castNode(Query, node), reads_uncaptured, context, QTW_EXAMINE_RTES_BEFORE);
    return walk_expression(node, reads_uncaptured, context);
}

} // namespace

Dependence dependence_of(Query *query)
{
    Search search = {{}, query, nullptr, reinterpret_cast<Node *>(query), nullptr, {}, false, {}};
    (void)walk_calls(query, visit, &search);
    return search.found;
}

bool depends_on_settings(Node *expression)
{
    Search search = {{}, nullptr, nullptr, expression, nullptr, {}, false, {}};
    (void)visit(expression, &search);
    return search.found.settings != 0;
}

const char *volatile_name(const Dependence &found)
{
    if (!OidIsValid(found.function))
        switch (nodeTag(found.node)) {
        case T_NextValueExpr: return "nextval()";
        case T_SQLValueFunction: return deparse_expression(found.node, NIL, false, false);
        default: return "JSON path that compares times with and without time zone";
        }
    const char *name = get_func_name(found.function);
    const Oid schema = get_func_namespace(found.function);
    if (found.function < FirstNormalObjectId)
        return psprintf("%s()", name);
    return psprintf("%s()", quote_qualified_identifier(get_namespace_name(schema), name));
}

std::vector<std::string> settings_of(const Query *query)
{
    const unsigned settings = call([&] { return dependence_of(expand_views(query)).settings; });
    std::vector<std::string> names;
    for (size_t i = 0; i < lengthof(recorded_settings); i++) {
        if (settings & (1u << i))
            names.emplace_back(recorded_settings[i]);
    }
    std::sort(names.begin(), names.end());
    return names;
}

TimeDependence time_dependence_of(const Query *query)
{
    const Dependence found = call([&] { return dependence_of(expand_views(query)); });
    TimeDependence answer;
    answer.is_volatile = found.volatility == Volatility::is_volatile;
    answer.is_now_dependent = found.volatility != Volatility::no && !answer.is_volatile;
    answer.may_read_tables = found.may_read_tables;
    if (found.volatility != Volatility::no)
        answer.function = call([&] { return volatile_name(found); });
    if (call([&] { return reads_uncaptured(reinterpret_cast<Node *>(expand_views(query)), nullptr); }))
        answer.is_now_dependent = true;
    return answer;
}

} // namespace pgtrickle::translate
