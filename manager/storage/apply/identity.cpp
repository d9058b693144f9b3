#include "storage/apply/identity.hpp"

#include "pg/equality.hpp"
#include "pg/versions/varlena.hpp"
#include "storage/apply/plain_rows.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/typcache.h"
}

namespace pgtrickle::storage {

namespace {

constexpr uint64 null_hash = 0x9e3779b97f4a7c15ULL;

/* Only the type's own bytes count: the other bytes of the Datum may differ between a stored and a computed
 * value (see datum_image_eq). */
uint64 hash_by_value(Datum value, int16 typlen)
{
    uint64 bytes = value;
    if (typlen == 1)
        bytes = static_cast<uint8>(value);
    else if (typlen == 2)
        bytes = static_cast<uint16>(value);
    else if (typlen == 4)
        bytes = static_cast<uint32>(value);
    return DatumGetUInt64(hash_any_extended(reinterpret_cast<unsigned char *>(&bytes), sizeof(bytes), 0));
}

uint64 bytes_hash(Datum value, bool typbyval, int16 typlen)
{
    if (typbyval)
        return hash_by_value(value, typlen);
    if (typlen > 0)
        return DatumGetUInt64(hash_any_extended(reinterpret_cast<unsigned char *>(DatumGetPointer(value)), typlen, 0));
    if (typlen == -2) {
        char *string = DatumGetCString(value);
        return DatumGetUInt64(hash_any_extended(reinterpret_cast<unsigned char *>(string), strlen(string), 0));
    }
    auto *packed = PG_DETOAST_DATUM_PACKED(value);
    uint64 result = DatumGetUInt64(
        hash_any_extended(reinterpret_cast<unsigned char *>(VARDATA_ANY(packed)), VARSIZE_ANY_EXHDR(packed), 0));
    if (static_cast<void *>(packed) != static_cast<void *>(DatumGetPointer(value)))
        pfree(packed);
    return result;
}

IdentityColumn column_facts(TupleDesc descriptor, int position)
{
    Form_pg_attribute attribute = TupleDescAttr(descriptor, position);
    return {attribute->attlen,
            attribute->attbyval,
            attribute->attcollation,
            type_with_rows(attribute->atttypid),
            nullptr,
            nullptr,
            false,
            true};
}

/* The column is compared by equality, unless equal values are identical and the type has no hash function.
 * The type cache entry is never freed, so pointers to its FmgrInfo stay valid. */
IdentityColumn key_facts(TupleDesc descriptor, int position)
{
    IdentityColumn column = column_facts(descriptor, position);
    Form_pg_attribute attribute = TupleDescAttr(descriptor, position);
    TypeCacheEntry *entry = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO |
                                                                       TYPECACHE_HASH_EXTENDED_PROC_FINFO);
    if (OidIsValid(entry->hash_extended_proc) &&
        !may_extended_hash_differ(attribute->atttypid, attribute->attcollation)) {
        column.hash = &entry->hash_extended_proc_finfo;
        column.is_extended = true;
    } else if (OidIsValid(entry->hash_proc)) {
        column.hash = &entry->hash_proc_finfo;
    } else if (is_equality_identity(attribute->atttypid, attribute->atttypmod, attribute->attcollation)) {
        return column;
    } else {
        column.is_hashed = false;
    }
    column.equal = &entry->eq_opr_finfo;
    return column;
}

/* The value whose bytes are the image; a copy, if it contains rows. */
Datum plain_value(const IdentityColumn &column, Datum value)
{
    return OidIsValid(column.rows) ? plain_rows(value, column.rows) : value;
}

uint64 image_hash(const IdentityColumn &column, Datum value)
{
    const Datum plain = plain_value(column, value);
    const uint64 hash = bytes_hash(plain, column.typbyval, column.typlen);
    if (OidIsValid(column.rows))
        pfree(DatumGetPointer(plain));
    return hash;
}

bool is_same_image(const IdentityColumn &column, Datum a, bool a_null, Datum b, bool b_null)
{
    if (a_null || b_null || !OidIsValid(column.rows))
        return has_same_bytes(a, a_null, b, b_null, column.typbyval, column.typlen);
    const Datum plain_a = plain_value(column, a), plain_b = plain_value(column, b);
    const bool answer = datum_image_eq(plain_a, plain_b, column.typbyval, column.typlen);
    pfree(DatumGetPointer(plain_a));
    pfree(DatumGetPointer(plain_b));
    return answer;
}

uint64 value_hash(const IdentityColumn &column, Datum value)
{
    if (!column.is_hashed)
        return 0;
    if (column.hash == nullptr)
        return image_hash(column, value);
    if (column.is_extended)
        return DatumGetUInt64(FunctionCall2Coll(column.hash, column.collation, value, UInt64GetDatum(0)));
    return DatumGetUInt32(FunctionCall1Coll(column.hash, column.collation, value));
}

bool is_same_value(const IdentityColumn &column, Datum a, bool a_null, Datum b, bool b_null)
{
    if (column.equal == nullptr)
        return is_same_image(column, a, a_null, b, b_null);
    if (a_null || b_null)
        return a_null && b_null;
    return DatumGetBool(FunctionCall2Coll(column.equal, column.collation, a, b));
}

} // namespace

Identity Identity::of_image(TupleDesc descriptor, int count)
{
    Identity identity;
    identity.count_ = count;
    identity.columns_ = static_cast<IdentityColumn *>(palloc(sizeof(IdentityColumn) * (count + 1)));
    for (int i = 0; i < count; i++)
        identity.columns_[i] = column_facts(descriptor, i);
    return identity;
}

Identity Identity::of_key(TupleDesc descriptor, const int *positions, int count)
{
    Identity identity;
    identity.count_ = count;
    identity.columns_ = static_cast<IdentityColumn *>(palloc(sizeof(IdentityColumn) * (count + 1)));
    for (int i = 0; i < count; i++) {
        identity.columns_[i] = key_facts(descriptor, positions[i]);
    }
    return identity;
}

int64 Identity::hash(const Datum *values, const bool *isnull) const
{
    uint64 result = 0;
    for (int i = 0; i < count_; i++) {
        const IdentityColumn &column = columns_[i];
        uint64 one = isnull[i] ? null_hash : value_hash(column, values[i]);
        result = hash_combine64(result, one);
    }
    return static_cast<int64>(result);
}

bool Identity::is_same(const Datum *a, const bool *a_null, const Datum *b, const bool *b_null) const
{
    for (int i = 0; i < count_; i++)
        if (!is_same_value(columns_[i], a[i], a_null[i], b[i], b_null[i]))
            return false;
    return true;
}

bool Identity::is_same_at(const int *positions, const Datum *a, const bool *a_null, const Datum *b,
                          const bool *b_null) const
{
    for (int i = 0; i < count_; i++) {
        const int at = positions[i];
        if (!is_same_value(columns_[i], a[at], a_null[at], b[at], b_null[at]))
            return false;
    }
    return true;
}

Datum Identity::plain(int position, Datum value) const
{
    return plain_value(columns_[position], value);
}

bool has_same_bytes(Datum a, bool a_null, Datum b, bool b_null, bool typbyval, int16 typlen)
{
    if (a_null || b_null)
        return a_null && b_null;
    return datum_image_eq(a, b, typbyval, typlen);
}

} // namespace pgtrickle::storage
