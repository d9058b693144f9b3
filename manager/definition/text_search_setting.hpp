/*
 * default_text_search_config, as recorded with a stream table: which configuration it means. The stream table depends on that one
 * as on what its query names, so it is found by its OID, and the recorded name follows a rename.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::definition {

constexpr const char *text_search_setting = "default_text_search_config";

/* The configuration that the recorded setting names, as a refresh finds it; InvalidOid: none. PostgreSQL frame. */
Oid recorded_configuration(Oid relid);

/* Qualified, and quoted as a setting is. PostgreSQL frame. */
const char *configuration_name(Oid configuration);

} // namespace pgtrickle::definition
