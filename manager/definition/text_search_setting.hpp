/*
 * default_text_search_config, as recorded with a stream table: the configuration that the setting means. The
 * stream table depends on this configuration as on objects that its query names, so the configuration is
 * found by its OID, and the recorded name follows a rename.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::definition {

constexpr const char *text_search_setting = "default_text_search_config";

/* Returns the configuration that the recorded setting names, as a refresh finds it; InvalidOid if there is
 * none. PostgreSQL frame. */
Oid recorded_configuration(Oid relid);

/* Returns the qualified name, quoted as in the value of a setting. PostgreSQL frame. */
const char *configuration_name(Oid configuration);

} // namespace pgtrickle::definition
