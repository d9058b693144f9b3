/*
 * The options of a stream table: which there are, what values they take.
 *
 * One table lists them: its name, which is that of the argument of SQL functions, too; how a value is checked, how it
 * is put into a Definition, and how it is read there. The validator, CREATE, ALTER, the SQL functions and the views
 * go by it. An option is either a user's to set, or *kept*: written by us (original_query and the
 * recorded settings). A CREATE FOREIGN TABLE that comes with kept options is a definition
 * being restored.
 */
#pragma once

#include "definition/definition.hpp"

namespace pgtrickle::options {

/* Recorded settings are options named by this prefix and the setting's name. */
constexpr const char *setting_prefix = "setting_";

/* An option with its value, as in pg_foreign_table or a statement. */
struct Option {
    std::string name;
    std::string value;
};

/* The options in a list of DefElems (of a statement, or of the catalogs). C++ frame. */
std::vector<Option> from_list(List *def_elements);

/* Raises what is wrong with a complete set of options: an unknown or doubled one
 * (HV00D, 42710), a value that makes no sense (22023), no query. C++ frame. */
void check(const std::vector<Option> &options);
/* Raises what is wrong with one option's value. C++ frame. */
void check_value(const std::string &name, const std::string &value);

/* Raises 22023 if the schedule, which somebody is setting, is shorter than may be set now; one that stands already
 * stays. C++ frame. */
void check_interval(const scheduler::Schedule &schedule);

/* Whether pg_trickle writes this option itself. */
bool is_kept(const std::string &name);
/* Those that are a user's to set, in the order of the table. C++ frame. */
std::vector<const char *> names_for_users();
/* The value of an option of the table, as a user would write it. C++ frame. */
std::string value_of(const Definition &definition, const std::string &name);
/* Whether an option says what the definition says already. C++ frame. */
bool is_same(const Option &option, const Definition &definition);

/* Fills what options say into `definition` (query, schedule, mode, settings …). C++ frame. */
void apply(const std::vector<Option> &options, Definition *definition);

/* The schedule of a stream table that is given less of it: warm waits twice as long, cold ten times. */
scheduler::Schedule in_tier(scheduler::Schedule schedule, const std::string &tier);

RefreshMode parse_mode(const std::string &text); /* raises 22023 */
const char *name_of(RefreshMode mode);

/* Of a word that stands for a value: in any case it is the same one, as in other options of relations. */
std::string lower(std::string word);

/* A phrase that says what is wrong with a value, as an error's DETAIL. */
std::string as_sentence(std::string phrase);
bool parse_boolean(const std::string &name, const std::string &value); /* raises 22023 */

} // namespace pgtrickle::options
