#include "translate/rewrite.hpp"

#include "pg/settings.hpp"
#include "pg/versions.hpp"

extern "C" {
#include "rewrite/rewriteHandler.h"
#include "utils/guc.h"
}

namespace pgtrickle::translate {

Query *expand_views(const Query *query, Oid owner)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    Oid user;
    int security_context;

    /* With row_security off the rewriter would raise an error where a policy applies. */
    const int nest_level = NewGUCNestLevel();
    set_for_now("row_security", "on");
    /* An error leaves by (sub)transaction abort, which restores the user as well. */
    GetUserIdAndSecContext(&user, &security_context);
    if (OidIsValid(owner))
        SetUserIdAndSecContext(owner, security_context | SECURITY_LOCAL_USERID_CHANGE);
    copy->querySource = QSRC_ORIGINAL;
    copy->canSetTag = true;
    AcquireRewriteLocks(copy, true, false);
    List *rewritten = QueryRewrite(copy);
    SetUserIdAndSecContext(user, security_context);
    AtEOXact_GUC(true, nest_level);
    if (list_length(rewritten) != 1)
        elog(ERROR, "a SELECT was rewritten into %d queries", list_length(rewritten));
    forget_nulling_joins(linitial_node(Query, rewritten));
    return linitial_node(Query, rewritten);
}

} // namespace pgtrickle::translate
