/*
 * The options of a stream table: which ones exist, and which values they accept.
 *
 * One table lists them: the name, which is also the name of the argument of SQL functions; how a value is
 * checked, how it is put into a Definition, and how it is read from one. The validator, CREATE, ALTER, the
 * SQL functions and the views use this table. An option is either set by users, or *kept*: written by
 * pg_trickle (original_query and the recorded settings). A CREATE FOREIGN TABLE with kept options is a
 * definition that is being restored.
 */
#pragma once

#include "definition/definition.hpp"

namespace pgtrickle::options {

/* The name of a recorded setting's option is this prefix and the setting's name. */
constexpr const char *setting_prefix = "setting_";

/* An option with its value, as in pg_foreign_table or in a statement. */
struct Option {
    std::string name;
    std::string value;
    bool operator==(const Option &) const = default;
};

/* Returns the options in a list of DefElems, of a statement or of the catalogs. C++ frame. */
std::vector<Option> from_list(List *def_elements);

/* Raises an error if a complete set of options is wrong: an unknown or duplicate option (HV00D, 42710), an
 * invalid value (22023), or no query. C++ frame. */
void check(const std::vector<Option> &options);
/* Raises an error if the value of an option is invalid. C++ frame. */
void check_value(const std::string &name, const std::string &value);

/* Raises 22023 if a schedule that is about to be set is shorter than the present minimum. Schedules that were
 * set earlier stay valid. C++ frame. */
void check_interval(const scheduler::Schedule &schedule);
/* Whether it is. */
bool is_too_short(const scheduler::Schedule &schedule);

/* Returns true if pg_trickle itself writes this option. */
bool is_internal(const std::string &name);
/* Returns the options that users set, in the order of the table. C++ frame. */
std::vector<const char *> names_for_users();
/* Returns the value of an option of the table, as a user would write it. C++ frame. */
std::string value_of(const Definition &definition, const std::string &name);
/* Returns true if the definition has this value of the option already. C++ frame. */
bool is_same(const Option &option, const Definition &definition);

/* Stores the values of options in `definition` (query, schedule, mode, settings …). C++ frame. */
void apply(const std::vector<Option> &options, Definition *definition);

/* Returns the schedule that the option `schedule` has in the tier: 'warm' doubles its interval, or takes every second
 * firing of its cron expression; 'cold' does so with ten. A stream table in mode IMMEDIATE is always fresh. C++ frame.
 */
scheduler::Schedule schedule_in_force(const std::string &text, const std::string &tier, RefreshMode mode);

RefreshMode parse_mode(const std::string &text); /* raises 22023 */
const char *name_of(RefreshMode mode);

/* Returns a word in lower case: words that stand for values are case-insensitive, as in other options of
 * relations. */
std::string lower(std::string word);

/* Turns a phrase that describes an invalid value into a sentence for an error's DETAIL. */
std::string as_sentence(std::string phrase);

} // namespace pgtrickle::options
