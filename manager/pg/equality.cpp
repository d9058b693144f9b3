/*
 * A type whose default btree opclass vouches by its `equalimage` function (support function 4,
 * under the column's collation) has one image for all equal values. An exception is bpchar without
 * a length, which vouches although 'a' and 'a ' are equal (padding to a declared length makes
 * them one image). A few types of the catalog have no btree opclass and compare their bytes.
 */
#include "pg/equality.hpp"

#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle {

bool is_equality_identity(Oid type, int32 typmod, Oid collation)
{
    const Oid base = getBaseTypeAndTypmod(type, &typmod);
    if (base == XIDOID || base == CIDOID)
        return true;
    if (base == BPCHAROID && typmod < VARHDRSZ)
        return false;
    if (!OidIsValid(collation) && type_is_collatable(base))
        return false;
    TypeCacheEntry *entry = lookup_type_cache(base, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(entry->btree_opf))
        return false;
    const Oid vouches =
        get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC);
    return OidIsValid(vouches) &&
           DatumGetBool(OidFunctionCall1Coll(vouches, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

} // namespace pgtrickle
