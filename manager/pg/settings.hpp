/*
 * Settings that are in force temporarily.
 *
 * Text settings are those under which the extension prints and parses SQL: whatever the session has set, a
 * name, a literal or an operator in a printed text has one meaning.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* The settings on which the value of an expression may depend as its author means it to. The ones on which a defining
 * query depends are recorded with it, and are in force whenever it is parsed or run. A definition can contain no other
 * setting, and in particular not search_path. */
inline constexpr const char *recorded_settings[] = {
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "default_text_search_config",
    "bytea_output",
    "xmlbinary",
    "xmloption",
    "array_nulls",
    "quote_all_identifiers",
    "timezone_abbreviations",
};

/* Whether the session, its role or its client has set a setting of a library that is not loaded, or one of users
 * (app.x). PostgreSQL frame. */
bool has_set_placeholders();

/* PostgreSQL frames. The effect of both functions ends with the GUC nest level in which they are called. */
void set_for_now(const char *name, const char *value);
void set_text_settings();

/* Gives this process, to its end, the limit on temporary files that ALTER ROLE … SET gives sessions of the role: no
 * other setting of a role is a limit on what it uses that it cannot raise itself. PostgreSQL frame; must be called in a
 * transaction. */
void take_limits_of(Oid role);

/* A GUC nest level: settings that are made during the lifetime of the object are undone when it is destroyed.
 * C++ frames. */
class SettingsLevel {
  public:
    SettingsLevel();
    ~SettingsLevel();
    SettingsLevel(const SettingsLevel &) = delete;
    SettingsLevel &operator=(const SettingsLevel &) = delete;

  private:
    int level_;
};

/* Which settings a session has no part in. */
enum class Sharing {
    custom, /* those of users (app.x), while a text is analyzed that means what the settings of the session make it */
    all /* these, and all others that a role may be allowed to set and on which results depend: a literal, an operator
         * or an index scan has other ones under standard_conforming_strings, transform_null_equals or
         * gin_fuzzy_search_limit; and the recorded settings, which a definition that depends on them sets afterwards */
};

/* Replaces settings of the session by the values that the database gives to all sessions, during the lifetime of the
 * outermost such object, or of each that shares all: what code of a stream table computes does not depend on the
 * session or worker that runs it. Must be used in a transaction. */
class SharedSettings : public SettingsLevel {
  public:
    explicit SharedSettings(Sharing sharing);
    ~SharedSettings() { depth_--; }

  private:
    static inline int depth_ = 0;
};

/* Puts the text settings in force during the lifetime of the object. */
class TextSettings : public SettingsLevel {
  public:
    TextSettings();
};

/* During the lifetime of the object, a wait for a lock ends by 55P03 after 10 ms. For functions that list all stream
 * tables: to look at a query, PostgreSQL locks what it reads, with views and indexes, and any owner may keep some of
 * that locked for as long as a transaction lasts. The function does without this stream table then, and shows all
 * others. C++ frames. */
class BriefWaits : SettingsLevel {
  public:
    BriefWaits();
};

} // namespace pgtrickle
