#include "translate/check/rewrite.hpp"

#include "definition/query/view_expansion.hpp"
#include "pg/settings.hpp"
#include "pg/versions/json.hpp"
#include "pg/versions/walkers.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/guc.h"
}

namespace pgtrickle::translate {

Query *expand_views(const Query *query)
{
    CHECK_FOR_INTERRUPTS();
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    CHECK_FOR_INTERRUPTS(); /* PostgreSQL checks for none in a copy, which is large where many relations are joined */
    /* With row_security off, the rewriter would raise an error where a policy applies. */
    const int nest_level = NewGUCNestLevel();
    set_for_now("row_security", "on");
    copy->querySource = QSRC_ORIGINAL;
    copy->canSetTag = true;
    List *rewritten = definition::expand(copy);
    CHECK_FOR_INTERRUPTS();
    AtEOXact_GUC(true, nest_level);
    if (list_length(rewritten) != 1)
        elog(ERROR, "a SELECT was rewritten into %d queries", list_length(rewritten));
    Query *expanded = normalize_json(linitial_node(Query, rewritten));
    remove_planner_marks(expanded);
    return expanded;
}

} // namespace pgtrickle::translate
