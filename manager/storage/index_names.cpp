#include "storage/index_names.hpp"

#include "definition/shown_as.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::storage {

namespace {

std::string replaced(std::string text, const std::string &name, const std::string &shown)
{
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + shown.size()))
        text.replace(at, name.size(), shown);
    return text;
}

void replace_in(ErrorData *error, const std::string &name, const std::string &shown)
{
    for (char **text : {&error->message, &error->detail, &error->hint, &error->context, &error->constraint_name}) {
        if (*text == nullptr)
            continue;
        const std::string result = replaced(*text, name, shown);
        *text = call([&] { return pstrdup(result.c_str()); });
    }
}

/* Returns the name of the index that the user has created, if the index is a part of it on a partition. PostgreSQL
 * frame. */
const char *name_of_whole_index(const char *name)
{
    Oid index = get_relname_relid(name, get_namespace_oid(schema_name, true));
    if (!OidIsValid(index) || !get_rel_relispartition(index))
        return name;
    while (get_rel_relispartition(index))
        index = get_partition_parent(index, false);
    return get_rel_name(index);
}

/* The message of an error about a unique index quotes its name first. */
void show_whole_index(ErrorData *error)
{
    const std::string message = error->message;
    const size_t begin = message.find('"'), end = message.find('"', begin + 1);
    if (end == std::string::npos || !message.substr(begin + 1).starts_with("st_"))
        return;
    const std::string name = message.substr(begin + 1, end - begin - 1);
    replace_in(error, name, call([&] { return name_of_whole_index(name.c_str()); }));
}

void show_stream_table(ErrorData *error, Oid relid)
{
    const Oid shown = definition::ShownAs::of(relid);
    const std::string name = call([=] { return get_rel_name(shown); });
    for (const std::string &hidden : {storage_name(relid), std::string(call([=] { return get_rel_name(relid); }))})
        replace_in(error, '"' + hidden + '"', '"' + name + '"');
    if (error->table_name == nullptr)
        return;
    call([=] {
        error->schema_name = get_namespace_name(get_rel_namespace(shown));
        error->table_name = get_rel_name(shown);
    });
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

void show_name(ErrorData *error, Oid relid, const char *index)
{
    show_whole_index(error);
    replace_in(error, call([=] { return passing_name(relid); }), index);
    show_stream_table(error, relid);
}

void show_hidden_names(ErrorData *error, Oid relid, const UserIndexes &indexes)
{
    show_whole_index(error);
    for (int i = list_length(indexes.statements) - 1; i >= 0; i--) {
        const char *shown = call([&] { return list_nth_node(IndexStmt, indexes.statements, i)->idxname; });
        replace_in(error, call([=] { return hidden_name(relid, i); }), shown);
    }
    show_stream_table(error, relid);
}

void add_index_to_context(ErrorData *error, const char *index)
{
    const std::string before = error->context != nullptr ? std::string(error->context) + "\n" : "";
    const std::string context = before + "index \"" + index + "\"";
    error->context = call([&] { return pstrdup(context.c_str()); });
}

} // namespace pgtrickle::storage
