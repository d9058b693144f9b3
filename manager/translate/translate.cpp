#include "translate/translate.hpp"

#include "definition/query/sorted_subqueries.hpp"
#include "engine/program.hpp"
#include "pg/limit.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "translate/check/dependence.hpp"
#include "translate/check/rewrite.hpp"
#include "translate/check/time_text.hpp"
#include "translate/check/usable_types.hpp"
#include "translate/expression/constants.hpp"
#include "translate/level/level.hpp"
#include "translate/query/search_and_cycle.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pgtrickle::translate {

namespace {

bool is_anonymous_row(const engine::Column &column)
{
    return column.type == "pg_catalog.record" || column.type == "pg_catalog.record[]";
}

/* Returns an objection if the program stores a value of type record: no heap can have such a column, so keys,
 * sort keys and values kept by aggregates cannot be anonymous rows. */
std::optional<engine::Objection> objection_to_rows(const engine::Program &program)
{
    for (const engine::Step &step : program.steps())
        for (const engine::ArrangementColumn &column : step.columns)
            if (is_anonymous_row(column.column))
                return engine::Objection{
                    "anonymous row type",
                    "The value would have to be stored, and a table cannot have a column of this type.",
                    "Use its columns, or a composite type."};
    return std::nullopt;
}

void refuse_if(const std::optional<engine::Objection> &objection)
{
    if (objection)
        refuse(objection->construct, objection->why, objection->hint);
}

engine::Program program_of(const engine::PlanPtr &plan)
{
    refuse_if(engine::objection(plan));
    engine::Program program(plan);
    refuse_if(engine::objection(program));
    refuse_if(objection_to_rows(program));
    refuse_if(objection_to_types(program));
    return program;
}

void refuse_volatile(const Query *query)
{
    const Dependence found = call([&] { return dependence_of(const_cast<Query *>(query)); });
    if (found.volatility == Volatility::no)
        return;
    const std::string name = call([&] { return volatile_name(found); });
    switch (found.volatility) {
    case Volatility::is_volatile:
        refuse("volatile function " + name, "Its value changes from call to call.",
               "Compute the value when the source's row is written, or use refresh_mode 'FULL'.", found.location);
    case Volatility::now:
        refuse(name, "Its value changes although no source changes.",
               "Compare with the time when the stream table is read, or use refresh_mode 'FULL'.", found.location);
    case Volatility::session:
        refuse(name, "Its value depends on the session.", "Remove it, or use refresh_mode 'FULL'.", found.location);
    case Volatility::words:
        refuse("conversion of text by " + name, "Strings such as 'now' and 'today' depend on the current time.",
               "Use to_date(text, format) or to_timestamp(text, format), or use refresh_mode 'FULL'.", found.location);
    default:
        refuse("STABLE function " + name, "Its value may depend on more than its arguments.",
               found.is_user_function ? "Declare it IMMUTABLE if it is, or use refresh_mode 'FULL'." : use_full,
               found.location);
    }
}

Translation translate_expanded(Query *query, Oid owner)
{
    call([&] { definition::use_order_of_views(query); });
    call([&] { drop_idle_limits(query); });
    query = call([&] { return with_checked_time_texts(query); });
    const KnownObjects known = call([&] { return known_objects_of(query); });
    refuse_volatile(query);
    spell_search_and_cycle(query);
    const Level level = {query, nullptr};
    Constants constants;
    Sources sources(owner);
    SharedQueries shared;
    engine::PlanPtr plan;
    do {
        sources.start_pass();
        shared.start_pass();
        plan = Translator(sources, shared).query(level, all_targets(query));
    } while (sources.needs_another_pass() || shared.needs_another_pass());
    return {program_of(plan), sources.result(), {constants.nodes(), known}};
}

} // namespace

std::variant<Translation, Objection> translate(const Query *query, Oid owner)
{
    AsOwner as_owner(owner, Sharing::custom);
    Query *expanded = call([&] { return expand_views(query); });
    try {
        TextSettings text_settings;
        return translate_expanded(expanded, owner);
    } catch (const Refusal &refusal) {
        return refusal.objection;
    } catch (const engine::OversizedExpression &) {
        return Objection{{"query whose expressions are too large",
                          "Its sub-queries and views repeat the expressions of those that they read.",
                          "Create a stream table for a part of it, or use refresh_mode 'FULL'."}};
    }
}

void raise_objection(const Objection &objection, const char *query_text)
{
    int position = 0;
    if (query_text != nullptr && objection.location >= 0)
        position = call([&] { return pg_mbstrlen_with_len(query_text, objection.location) + 1; });
    raise({.sqlstate = ERRCODE_FEATURE_NOT_SUPPORTED,
           .message = "unsupported operator for DIFFERENTIAL mode: " + objection.construct,
           .detail = objection.why,
           .hint = objection.hint,
           .position = position,
           .is_public = true});
}

} // namespace pgtrickle::translate
