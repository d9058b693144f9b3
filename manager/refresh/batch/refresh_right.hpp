#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* Whether this session may refresh the stream table without having been asked to, as an upstream or for a reader: its
 * user has the rights of the owner (definition::may_store()), and the queries of it, and of what is refreshed together
 * with it, may run here. What this transaction has created, such as a superuser's restore for other roles, no other
 * process can fill: it is refreshed here whatever it runs. A worker refreshes what its owners own. C++ frame. */
bool may_refresh_here(Oid relid);
/* Whether the queries of the stream table, and of what is refreshed together with it, may run when this session
 * commits, whatever rights its user has: they run no interpreted code. The caller has KnownCodeOnly in force. C++
 * frame. */
bool may_refresh_at_commit(Oid relid);

} // namespace pgtrickle::refresh
