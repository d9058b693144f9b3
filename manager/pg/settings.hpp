/*
 * Settings that are in force temporarily.
 *
 * Text settings are those under which the extension prints and parses SQL: whatever the session has set, a
 * name, a literal or an operator in a printed text has one meaning.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frames. The effect of both functions ends with the GUC nest level in which they are called. */
void set_for_now(const char *name, const char *value);
void set_text_settings();

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

/* Replaces custom settings of the session (app.x) by the values that the database gives to all sessions,
 * during the lifetime of the outermost such object: the values that code of a stream table reads do not
 * depend on the session or worker that runs it. Must be used in a transaction. */
class SharedSettings : public SettingsLevel {
  public:
    SharedSettings();
    ~SharedSettings() { depth_--; }

  private:
    static inline int depth_ = 0;
};

/* Puts the text settings in force during the lifetime of the object. */
class TextSettings : public SettingsLevel {
  public:
    TextSettings();
};

} // namespace pgtrickle
