/*
 * The order of things: everything that can be refused is refused before core creates the
 * foreign table, so that errors speak of the query and not of catalogs. Then core runs;
 * then the internal view, the dependencies and the state row; then the storage; then capture,
 * which waits out writers; and last the fill, under a snapshot taken after that.
 *
 * A definition that comes with original_query or recorded settings is being restored: its
 * query is read as it was printed, its sources may be empty as yet and its grants missing.
 * So nobody's privileges are asked, nothing is captured and nothing filled; the manager
 * does that later.
 */
#include "fdw/ddl/create.hpp"

#include "capture/installer.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "definition/text_search_setting.hpp"
#include "definition/definition_view.hpp"
#include "fdw/ddl/capture_right.hpp"
#include "fdw/ddl/fill.hpp"
#include "fdw/ddl/publication.hpp"
#include "setup/full_refresh_sources.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/relation_owner.hpp"
#include "pg/settings.hpp"
#include "refresh/sets/diamond.hpp"
#include "refresh/program/missing_index.hpp"
#include "refresh/refresh.hpp"
#include "translate/check/refusal.hpp"
#include "translate/check/dependence.hpp"
#include "translate/check/rejection.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "tsearch/ts_cache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <set>

namespace pgtrickle {

namespace {

[[noreturn]] void refuse_clause(const RangeVar *relation, const char *what, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("%s of stream table \"%s\" is not supported", what, relation->relname),
                    errhint("%s", hint)));
}

/* What CREATE FOREIGN TABLE allows and a stream table cannot keep. */
void check_statement(CreateForeignTableStmt *statement)
{
    RangeVar *relation = statement->base.relation;
    if (statement->base.partbound != nullptr)
        refuse_clause(relation, "the partition bound", "Create it, then attach it as a partition.");
    if (statement->base.inhRelations != NIL)
        refuse_clause(relation, "INHERITS", "Create it, then let it inherit.");
    ListCell *cell;
    foreach (cell, statement->base.tableElts) {
        auto *element = static_cast<::Node *>(lfirst(cell));
        if (!IsA(element, ColumnDef))
            refuse_clause(relation, "a table constraint or LIKE clause",
                          "Declare columns only; constraints belong on the sources.");
        auto *column = reinterpret_cast<ColumnDef *>(element);
        ListCell *constraint_cell;
        foreach (constraint_cell, column->constraints)
            if (static_cast<Constraint *>(lfirst(constraint_cell))->contype != CONSTR_NULL)
                refuse_clause(relation, "a column constraint or default",
                              "Declare columns only; constraints belong on the sources.");
        if (column->fdwoptions != NIL)
            refuse_clause(relation, "a column option", "Options belong to the stream table as a whole.");
        if (column->colname != nullptr && strncmp(column->colname, "pgt_", 4) == 0)
            ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME),
                            errmsg("column name \"%s\" is reserved", column->colname),
                            errdetail("Names that start with \"pgt_\" are those of hidden columns.")));
    }
}

/* Whether IF NOT EXISTS leaves nothing to do; raises if the name is taken. Core is not asked after that: it looks for itself, and
 * where somebody drops what has the name in between it would make a foreign table that we know nothing of. */
bool is_nothing_to_do(CreateForeignTableStmt *statement)
{
    RangeVar *relation = statement->base.relation;
    Oid existing;
    Oid schema = RangeVarGetAndCheckCreationNamespace(relation, NoLock, &existing);
    if (isAnyTempNamespace(schema))
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION), errmsg("a stream table cannot be temporary")));
    if (!OidIsValid(existing))
        return false;
    if (statement->base.if_not_exists)
        ereport(NOTICE, (errcode(ERRCODE_DUPLICATE_TABLE),
                         errmsg("relation \"%s\" already exists, skipping", relation->relname)));
    else if (definition::is_stream_table(existing))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
                        errmsg("stream table already exists: %s", definition::qualified_name(existing)),
                        errhint("Use IF NOT EXISTS, create_or_replace_stream_table, or another name.")));
    else
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" already exists", relation->relname)));
    return true;
}

definition::WantedColumn *wanted_columns(List *column_definitions, const char *text)
{
    auto *wanted = static_cast<definition::WantedColumn *>(
        palloc0(sizeof(definition::WantedColumn) * (list_length(column_definitions) + 1)));
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    int i = 0;
    ListCell *cell;
    foreach (cell, column_definitions) {
        auto *column = static_cast<ColumnDef *>(lfirst(cell));
        definition::WantedColumn &one = wanted[i++];
        one.name = column->colname;
        typenameTypeIdAndMod(state, column->typeName, &one.type, &one.typmod);
        if (column->collClause != nullptr)
            one.collation = GetColumnDefCollation(state, column, one.type);
        one.location = column->location;
    }
    free_parsestate(state);
    return wanted;
}

/* The query cast to the declared columns, and the columns completed from the query. */
Query *reconcile_columns(CreateForeignTableStmt *statement, const definition::ParsedQuery &parsed, const char *text)
{
    if (statement->base.tableElts == NIL)
        statement->base.tableElts = definition::column_definitions(parsed.query);
    List *definitions = statement->base.tableElts;
    definition::WantedColumn *wanted = wanted_columns(definitions, text);
    Query *query = definition::fit_columns(parsed, wanted, list_length(definitions), text);
    int i = 0;
    ListCell *cell;
    foreach (cell, definitions) {
        auto *column = static_cast<ColumnDef *>(lfirst(cell));
        if (column->collClause == nullptr)
            column->collOid = wanted[i].collation;
        i++;
    }
    check_statement(statement);
    return query;
}

void set_option(List **list, const char *name, const char *value)
{
    ListCell *cell;
    foreach (cell, *list) {
        auto *element = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(element->defname, name) == 0) {
            element->arg = reinterpret_cast<::Node *>(makeString(pstrdup(value)));
            return;
        }
    }
    *list = lappend(*list, makeDefElem(pstrdup(name), reinterpret_cast<::Node *>(makeString(pstrdup(value))), -1));
}

/* An error context callback in a C++ frame. */
class TransposedPositions {
  public:
    explicit TransposedPositions(const std::string &text)
        : callback_{error_context_stack, definition::transpose_position, const_cast<char *>(text.c_str())}
    {
        error_context_stack = &callback_;
    }
    ~TransposedPositions() { error_context_stack = callback_.previous; }
    TransposedPositions(const TransposedPositions &) = delete;
    TransposedPositions &operator=(const TransposedPositions &) = delete;

  private:
    ErrorContextCallback callback_;
};

definition::ParsedQuery parse_checked(const std::string &text, Oid self)
{
    definition::ParsedQuery parsed = definition::parse_query(text);
    TransposedPositions transposed(text);
    translate::check_rejected(parsed.query, text.c_str(), self);
    return parsed;
}

Oid created_relation(CreateForeignTableStmt *statement)
{
    CommandCounterIncrement();
    return RangeVarGetRelid(statement->base.relation, NoLock, false);
}

} // namespace

definition::ParsedQuery parse_defining_query(const Definition &definition, bool is_restored, Oid self)
{
    if (!is_restored)
        return parse_checked(definition.query, self);
    TextSettings text_settings;
    for (const Setting &setting : definition.settings)
        call([&] { set_for_now(setting.name.c_str(), setting.value.c_str()); });
    return parse_checked(definition.query, self);
}

namespace {

/* A configuration by a name that means it under any search_path. PostgreSQL frame. */
const char *value_to_record(const char *name)
{
    if (strcmp(name, definition::text_search_setting) == 0)
        if (Oid configuration = getTSCurrentConfig(false); OidIsValid(configuration))
            return definition::configuration_name(configuration);
    return GetConfigOptionByName(name, nullptr, false);
}

} // namespace

std::vector<options::Option> recorded_settings(const Query *query)
{
    std::vector<options::Option> recorded;
    for (const std::string &name : translate::settings_of(query)) {
        const char *value = call([&] { return value_to_record(name.c_str()); });
        recorded.push_back({options::setting_prefix + name, value});
    }
    return recorded;
}

namespace {

void note_full_refreshes(const engine::Objection &objection)
{
    bool is_news = !objection.hint.empty() && objection.hint != translate::use_full;
    call([&] {
        ereport(NOTICE, (errmsg("the stream table will be kept by full refreshes: %s", objection.construct.c_str()),
                         errdetail("%s", objection.why.c_str()),
                         is_news ? errhint("%s", objection.hint.c_str()) : 0));
    });
}

/* Its program, which has deltas where all sources may be captured. */
Maintenance incremental_maintenance(translate::Translation &translation, RefreshMode mode, Oid owner, DeniedCapture denied)
{
    Maintenance maintenance = {std::move(translation.sources), true};
    note_captured(maintenance.sources, owner);
    std::optional<translate::Objection> objection = capture_objection(maintenance.sources, owner);
    if (!objection || denied == DeniedCapture::is_accepted)
        return maintenance;
    if (mode != RefreshMode::automatic && denied == DeniedCapture::is_refused)
        raise_denied_capture(*objection);
    note_full_refreshes(*objection);
    return maintenance;
}

Maintenance full_maintenance(const Query *query, const std::string &text, Oid owner)
{
    Maintenance fully = {sources_of_full_refresh(query, text), false};
    note_captured(fully.sources, owner);
    return fully;
}

} // namespace

Maintenance plan_maintenance(const Query *query, const std::string &text, RefreshMode mode, Oid owner, DeniedCapture denied)
{
    TransposedPositions transposed(text);
    if (mode == RefreshMode::full)
        return full_maintenance(query, text, owner);
    auto translated = translate::translate(query, owner);
    if (auto *translation = std::get_if<translate::Translation>(&translated))
        return incremental_maintenance(*translation, mode, owner, denied);
    const translate::Objection &objection = std::get<translate::Objection>(translated);
    if (mode != RefreshMode::automatic)
        translate::raise_objection(objection, text.empty() ? nullptr : text.c_str());
    /* First, because a source that cannot be captured is an error in this mode too. */
    Maintenance fully = full_maintenance(query, text, owner);
    note_full_refreshes(objection);
    return fully;
}

void store_definition(Oid relid, Query *query, const Maintenance &maintenance)
{
    call([=] {
        definition::store_query(relid, query);
        state::invalidate_refresh_sets();
        state::remove_dependencies(relid);
    });
    /* A query may read an inheritance parent both with and without its children. */
    std::vector<Oid> stored;
    for (const translate::SourceRef &source : maintenance.sources) {
        if (std::find(stored.begin(), stored.end(), source.relid) != stored.end())
            continue;
        std::set<AttrNumber> columns;
        for (const translate::SourceRef &other : maintenance.sources)
            if (other.relid == source.relid)
                columns.insert(other.columns.begin(), other.columns.end());
        const std::vector<AttrNumber> all(columns.begin(), columns.end());
        call([&] {
            state::insert_dependency(relid, source.relid, static_cast<int>(stored.size()), all.data(),
                                     static_cast<int>(all.size()), source.is_captured);
        });
        stored.push_back(source.relid);
    }
}

void note_missing_indexes(Oid relid)
{
    if (definition::load(relid).uncaptured_source() != nullptr)
        return; /* full refreshes use none */
    for (const refresh::MissingIndex &missing : refresh::missing_indexes(relid))
        call([&] {
            ereport(NOTICE, (errmsg("refreshes of stream table \"%s\" may read the whole of \"%s\"",
                                    get_rel_name(relid), get_rel_name(missing.source)),
                             errhint("An index avoids it: %s;", missing.statement.c_str())));
        });
}

/* What moves its answer although no captured source changes, or nothing. */
std::string what_moves_it(const Query *query, const Maintenance &maintenance)
{
    const translate::Restlessness restlessness = translate::restlessness_of(query);
    if (!restlessness.function.empty())
        return restlessness.function;
    for (const translate::SourceRef &source : maintenance.sources)
        if (!source.is_stream_table && call([&] { return get_rel_relkind(source.relid); }) == RELKIND_FOREIGN_TABLE)
            return std::string("foreign table ") + call([&] { return quoted_relation_name(source.relid); });
    for (const translate::SourceRef &source : maintenance.sources)
        if (!source.is_captured)
            return std::string("table ") + call([&] { return quoted_relation_name(source.relid); }) + ", which is not captured";
    return {};
}

void note_other_owners(Oid relid)
{
    std::string names;
    for (Oid member : refresh::members_of_other_owners(relid))
        names += (names.empty() ? "" : ", ") + std::string(call([=] { return definition::qualified_name(member); }));
    if (names.empty())
        return;
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is not refreshed together with stream tables of other owners",
                                get_rel_name(relid)),
                         errdetail("It reads a source by way of %s, and may show two states of that source.", names.c_str()),
                         errhint("A refresh group keeps them at one state: see pgtrickle.create_refresh_group().")));
    });
}

/* Of one without a schedule: only a change wakes the manager, and its readers do not wait. */
void note_restlessness(Oid relid, const std::string &mover)
{
    if (mover.empty())
        return;
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is refreshed by itself only when a captured source changes", get_rel_name(relid)),
                         errdetail("What it shows also depends on %s.", mover.c_str()),
                         errhint("Give it a schedule at which it is due, such as '1m', or 0s, with which each read is fresh.")));
    });
}

void capture_sources(Oid relid, const std::vector<translate::SourceRef> &sources)
{
    std::vector<capture::WantedSource> wanted;
    for (const translate::SourceRef &source : sources)
        if (source.is_captured)
            wanted.push_back({source.relid, source.columns});
    capture::begin_capture(wanted, call([=] { return owner_of_relation(relid); }));
}

void create_stream_table(const UtilityCall &utility)
{
    auto *statement = reinterpret_cast<CreateForeignTableStmt *>(utility.statement());
    if (call([=] { return is_nothing_to_do(statement); }))
        return;
    statement->base.if_not_exists = false;
    call([=] { check_statement(statement); });
    std::vector<options::Option> given = options::from_list(statement->options);
    options::check(given);
    Definition definition;
    options::apply(given, &definition);
    bool is_restored = !definition.original_query.empty() || !definition.settings.empty();

    if (!is_restored)
        options::check_interval(definition.schedule);
    definition::ParsedQuery parsed = parse_defining_query(definition, is_restored, InvalidOid);
    if (!is_restored)
        call([&] { definition::check_read_privileges(parsed.query); });
    Query *query = call([&] { return reconcile_columns(statement, parsed, utility.text); });
    Maintenance maintenance = plan_maintenance(query, definition.query, definition.mode, GetUserId(),
                                               is_restored ? DeniedCapture::is_accepted : DeniedCapture::is_refused);
    const char *canonical = call([=] { return definition::canonical_text(query); });
    std::vector<options::Option> kept = {{"query", canonical}};
    if (!is_restored) {
        kept.push_back({"original_query", definition.query});
        for (options::Option &setting : recorded_settings(query))
            kept.push_back(std::move(setting));
    }
    for (const options::Option &option : kept)
        call([&] { set_option(&statement->options, option.name.c_str(), option.value.c_str()); });

    call([&] { utility.run(); });
    Oid relid = call([=] { return created_relation(statement); });
    store_definition(relid, query, maintenance);
    call([=] { state::insert(relid); });
    refresh::create_storage(relid);
    if (!is_restored) {
        capture_sources(relid, maintenance.sources);
        if (definition.initialize)
            fill(relid);
        note_missing_indexes(relid);
        note_other_owners(relid);
        if (definition.schedule.kind == scheduler::Schedule::Kind::calculated)
            note_restlessness(relid, what_moves_it(query, maintenance));
    } else {
        call([=] { definition::begin_restoring(relid); });
    }
    call([] { warn_of_publications(); });
    mailbox::note_definition_change();
}

} // namespace pgtrickle
