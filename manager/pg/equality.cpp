/*
 * If the default btree operator class of a type has an `equalimage` function (support function 4) that
 * returns true under the column's collation, equal values of the type have one image. An exception is bpchar, of
 * which 'a' and 'a ' are equal; its function returns true in some minor versions, false in others. Padding to a
 * declared length makes them one image, if equal texts have one. A few types of the system catalogs have no btree
 * operator class and compare their bytes.
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
    TypeCacheEntry *entry = lookup_type_cache(base == BPCHAROID ? TEXTOID : base, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(entry->btree_opf))
        return false;
    const Oid vouches =
        get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC);
    return OidIsValid(vouches) &&
           DatumGetBool(OidFunctionCall1Coll(vouches, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

} // namespace pgtrickle
