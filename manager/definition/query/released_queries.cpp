#include "definition/query/released_queries.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::definition {

namespace {

const ReleasedQueries *innermost = nullptr;

} // namespace

ReleasedQueries::ReleasedQueries(const std::vector<Oid> &relids) : relids_(relids), outer_(innermost)
{
    innermost = this;
}

ReleasedQueries::~ReleasedQueries()
{
    innermost = outer_;
}

void ReleasedQueries::refuse(Oid relid)
{
    for (const ReleasedQueries *each = innermost; each != nullptr; each = each->outer_)
        if (std::find(each->relids_.begin(), each->relids_.end(), relid) != each->relids_.end())
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                     errmsg("a statement alters the type of a column that the query of stream table \"%s\" reads",
                            get_rel_name(relid)),
                     errhint("Read the stream table after that statement.")));
}

} // namespace pgtrickle::definition
