/*
 * Settings that are in force for a while.
 *
 * Text settings are those under which we print and parse SQL: whatever the session has set,
 * a name, a literal or an operator in our text means one thing.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frames. Both are undone with the nest level of settings they were made in. */
void set_for_now(const char *name, const char *value);
void set_text_settings();

/* A nest level of settings: what is set while it lives is undone when it is destroyed. C++ frames. */
class SettingsLevel {
  public:
    SettingsLevel();
    ~SettingsLevel();
    SettingsLevel(const SettingsLevel &) = delete;
    SettingsLevel &operator=(const SettingsLevel &) = delete;

  private:
    int level_;
};

/* What a session has set of its own (app.x) is, while the outermost one of these lives, what the database gives to all: what code of a
 * stream table finds does not depend on the session or worker that runs it. In a transaction. */
class SharedSettings : public SettingsLevel {
  public:
    SharedSettings();
    ~SharedSettings() { depth_--; }

  private:
    static inline int depth_ = 0;
};

/* The text settings, while it lives. */
class TextSettings : public SettingsLevel {
  public:
    TextSettings();
};

} // namespace pgtrickle
