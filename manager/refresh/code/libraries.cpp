#include "refresh/code/libraries.hpp"

#include "pg/boundary.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <set>
#include <string>

namespace pgtrickle::refresh {

namespace {

uint64 changes = 1; /* of functions */
uint64 loaded_as_of = 0;

void count_change(int, uint32)
{
    changes++;
}

std::set<std::string> libraries_of_functions()
{
    std::set<std::string> names;
    call([&] {
        Relation functions = table_open(ProcedureRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(functions, InvalidOid, false, nullptr, 0, nullptr);
        HeapTuple tuple;
        while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
            bool is_null;
            const Datum library = heap_getattr(tuple, Anum_pg_proc_probin, RelationGetDescr(functions), &is_null);
            if (!is_null && reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == ClanguageId)
                names.insert(TextDatumGetCString(library));
        }
        systable_endscan(scan);
        table_close(functions, AccessShareLock);
    });
    return names;
}

} // namespace

void load_libraries()
{
    static bool is_registered = false;
    if (loaded_as_of == changes || !call(has_set_placeholders))
        return;
    if (!is_registered)
        call([] { listen_to_cache(PROCOID, count_change); });
    is_registered = true;
    const uint64 as_of = changes; /* a function that is created meanwhile counts for the next call */
    for (const std::string &name : libraries_of_functions())
        try {
            call([&] { (void)load_external_function(name.c_str(), "", false, nullptr); });
        } catch (const PgError &) {
            /* One that is not installed, or has to be preloaded, fails where its functions are called. */
        }
    loaded_as_of = as_of;
}

} // namespace pgtrickle::refresh
