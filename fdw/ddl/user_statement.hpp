/*
 * A utility statement of the user whose effects on stream tables are a part of it. To event triggers it is one
 * statement: they fire before anything is read for it and after all of it is done, as the current user, under the
 * session's settings. So a trigger may alter or drop what the statement names, and may use what it has created. What
 * the extension does itself belongs to a list of commands and dropped objects of its own, which no trigger sees.
 *
 * PostgreSQL looks up the name of a relation once more than the extension, and an object that is created in between may
 * have the name. So the extension's look-ups and PostgreSQL's are given the schema of the relation that was found
 * first; and if the user does not own that, the statement does not succeed, whatever the name means by then: no part of
 * it is applied to a relation that PostgreSQL has not altered.
 *
 *     UserStatement statement(call);
 *     statement.begin();      refused where PostgreSQL refuses it; ddl_command_start; the name is bound
 *     …                       the extension's own part
 *     statement.run();        PostgreSQL's part, which is
 *     …
 *     statement.end();        sql_drop, ddl_command_end
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

class UserStatement : public UtilityCall {
  public:
    /* `planned` is a copy, which may be changed. */
    explicit UserStatement(const UtilityCall &call);
    ~UserStatement();
    UserStatement(const UserStatement &) = delete;
    UserStatement &operator=(const UserStatement &) = delete;

    /* C++ frames. */
    void begin();
    void end();

    /* Has PostgreSQL run the statement. PostgreSQL frame. */
    void run() const;
    /* Runs `part`, whose commands event triggers see: for what PostgreSQL does not run. PostgreSQL frame. */
    template <class Part> void collect(Part part) const
    {
        show_commands();
        part();
        hide_commands();
    }

  private:
    void bind_name();
    void show_commands() const;
    void hide_commands() const;

    bool fires_;                     /* event triggers; not PostgreSQL's part does */
    bool is_collecting_ = false;     /* for them */
    bool is_of_another_ = false;     /* the user does not own the relation that is to be altered */
    mutable bool is_hiding_ = false; /* what is done from them */
};

/* Executes a statement. C++ frame. */
using StatementHandler = void (*)(const UserStatement &statement);

} // namespace pgtrickle
