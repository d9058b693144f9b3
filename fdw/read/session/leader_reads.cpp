#include "fdw/read/session/leader_reads.hpp"

#include "capture/triggers/open_statement.hpp"
#include "fdw/read/session/choices.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/parallel.h"
#include "lib/stringinfo.h"
#include "utils/guc.h"
}

namespace pgtrickle {

namespace {

const char *const setting = "pg_trickle.leader_reads";

char *reads = nullptr; /* the value */
bool is_setting = false;

extern "C" bool check_leader_reads(char **value, void **, GucSource)
{
    return is_setting || InitializingParallelWorker || **value == '\0';
}

} // namespace

void define_leader_reads()
{
    DefineCustomStringVariable(setting, "What parallel workers have to know of earlier reads.", nullptr, &reads, "",
                               PGC_USERSET,
                               GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
                               check_leader_reads, nullptr, nullptr);
}

int pass_reads_to_workers(const QueryDesc *query)
{
    StringInfoData text;
    initStringInfo(&text);
    print_choices(&text, query);
    print_past_reads(&text);
    capture::print_open_statements(&text);
    int level = 0;
    /* The value may be that of the statement whose function this one is. */
    if (strcmp(text.data, reads) != 0) {
        level = NewGUCNestLevel();
        is_setting = true;
        PG_TRY();
        {
            set_for_now(setting, text.data);
        }
        PG_FINALLY();
        {
            is_setting = false;
        }
        PG_END_TRY();
    }
    pfree(text.data);
    return level;
}

const char *leader_reads()
{
    return IsParallelWorker() ? reads : "";
}

} // namespace pgtrickle
