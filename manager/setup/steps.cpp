#include "setup/steps.hpp"

#include "definition/query/output_columns.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
}

namespace pgtrickle::setup {

std::optional<translate::Translation> translation_of(const Definition &definition)
{
    if (!rules_of(definition.mode).may_use_deltas)
        return std::nullopt;
    Query *query = call([&] { return definition::query_of(definition.relid); });
    auto result = translate::translate(query, definition.owner);
    if (auto *translation = std::get_if<translate::Translation>(&result))
        return std::move(*translation);
    if (!rules_of(definition.mode).may_fall_back)
        translate::raise_objection(std::get<translate::Objection>(result), nullptr);
    return std::nullopt;
}

engine::Step step_of_rows(Oid relid)
{
    const TextSettings text_settings; /* a collation that the session finds has no schema in its name */
    Relation relation = call([=] { return table_open(relid, AccessShareLock); });
    TupleDesc descriptor = RelationGetDescr(relation);
    engine::Step step;
    for (int i = 0; i < descriptor->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        engine::Column column;
        if (attribute->attisdropped) {
            column.name = call([=] { return definition::dropped_column(static_cast<AttrNumber>(i + 1)).name; });
            column.type = "pg_catalog.int4";
            step.columns.push_back({column, engine::Role::value, ""});
            continue;
        }
        column.name = NameStr(attribute->attname);
        column.type = call([=] {
            return format_type_extended(attribute->atttypid, attribute->atttypmod,
                                        FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
        });
        if (call([=] {
                return OidIsValid(attribute->attcollation) &&
                       attribute->attcollation != get_typcollation(attribute->atttypid);
            }))
            column.collation = call([=] { return generate_collation_name(attribute->attcollation); });
        step.columns.push_back({column, engine::Role::value, ""});
    }
    step.output_count = descriptor->natts;
    call([=] { table_close(relation, NoLock); });
    return step;
}

Steps steps_of(const Definition &definition)
{
    auto translation = translation_of(definition);
    if (!translation)
        return {{step_of_rows(definition.relid)}, {}};
    return {translation->program.steps(), translation->parts};
}

} // namespace pgtrickle::setup
