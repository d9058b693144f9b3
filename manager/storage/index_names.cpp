#include "storage/index_names.hpp"

#include "definition/shown_as.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/partition.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
}

namespace pgtrickle::storage {

namespace {

std::string replaced(std::string text, const std::string &name, const std::string &shown)
{
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + shown.size()))
        text.replace(at, name.size(), shown);
    return text;
}

/* Replaces each quoted name that begins with the prefix. */
std::string with_names_replaced(std::string text, const std::string &prefix, const std::string &shown)
{
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + shown.size())) {
        const size_t end = text.find('"', at + prefix.size());
        if (end == std::string::npos)
            break;
        text.replace(at, end + 1 - at, shown);
    }
    return text;
}

char *kept_with(const ErrorData *error, const std::string &text)
{
    return call([&] { return MemoryContextStrdup(error->assoc_context, text.c_str()); });
}

/* An index of a partition and the one that the user has created. */
struct Part {
    const char *name, *whole;
};

/* Returns a List of Part. PostgreSQL frame. */
List *parts_of(Oid storage)
{
    List *parts = NIL;
    ListCell *cell, *index;
    foreach (cell, row_heaps(storage)) {
        Relation heap = table_open(lfirst_oid(cell), AccessShareLock);
        foreach (index, RelationGetIndexList(heap)) {
            Oid whole = lfirst_oid(index);
            while (get_rel_relispartition(whole))
                whole = get_partition_parent(whole, false);
            auto *part = static_cast<Part *>(palloc(sizeof(Part)));
            *part = {get_rel_name(lfirst_oid(index)), get_rel_name(whole)};
            parts = whole != lfirst_oid(index) ? lappend(parts, part) : parts;
        }
        table_close(heap, NoLock);
    }
    return parts;
}

} // namespace

char *passing_name(Oid relid)
{
    return psprintf("st_%u_%d_new", relid, MyProcPid);
}

char *hidden_name(Oid relid, int number)
{
    return psprintf("st_%u_user_%d", relid, number);
}

ShownNames::ShownNames(Oid relid) : storage_(storage_name(relid))
{
    const Oid shown = definition::ShownAs::of(relid);
    schema_ = call([=] { return get_namespace_name(get_rel_namespace(shown)); });
    stream_table_ = call([=] { return get_rel_name(shown); });
    add(storage_, stream_table_);
    add(call([=] { return get_rel_name(relid); }), stream_table_);
}

void ShownNames::add_parts(Oid storage)
{
    List *parts = call([=] { return parts_of(storage); });
    for (int i = 0; i < list_length(parts); i++) {
        const Part *part = static_cast<const Part *>(list_nth(parts, i));
        add(part->name, part->whole);
    }
}

std::string ShownNames::shown(const char *text, const char *index) const
{
    std::string result = text;
    for (const auto &[name, shown] : names_)
        result = replaced(result, name, shown);
    return index != nullptr ? with_names_replaced(result, '"' + storage_ + "_p", quoted(index)) : result;
}

void ShownNames::show_in(ErrorData *error, const char *index) const
{
    for (char **text : {&error->message, &error->detail, &error->hint, &error->context})
        if (*text != nullptr)
            *text = kept_with(error, shown(*text, index));
    if (error->constraint_name != nullptr) {
        const std::string constraint = shown(quoted(error->constraint_name).c_str(), index);
        error->constraint_name = kept_with(error, constraint.substr(1, constraint.size() - 2));
    }
    if (error->schema_name != nullptr && strcmp(error->schema_name, schema_name) == 0) {
        error->schema_name = kept_with(error, schema_);
        error->table_name = kept_with(error, stream_table_);
    }
}

void add_index_to_context(ErrorData *error, const char *index)
{
    const std::string before = error->context != nullptr ? std::string(error->context) + "\n" : "";
    error->context = kept_with(error, before + "index \"" + index + "\"");
}

} // namespace pgtrickle::storage
