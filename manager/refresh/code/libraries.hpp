/*
 * The libraries of the functions that code of a stream table may call.
 *
 * Until a library is loaded, a setting of it that the session has set is a placeholder. PostgreSQL gives the setting
 * that value when it loads the library, whatever SharedSettings has put in its place. So that the code of a stream
 * table does not depend on it, all libraries of the database's functions are loaded before: a function, a policy, a
 * domain or an operator may lead to any of them.
 */
#pragma once

namespace pgtrickle::refresh {

/* Loads the libraries if the session has set a placeholder, and functions were created since the last call that did.
 * Must be called with the session's settings in force. C++ frame. */
void load_libraries();

} // namespace pgtrickle::refresh
