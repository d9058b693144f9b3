/*
 * prepare_upgrade and finish_upgrade.
 *
 * pg_upgrade dumps definitions and transfers the files of all tables. The reserved schemas are not dumped, so
 * it would find files without a table, and stop. Their contents are derived from the sources and the
 * definitions: without them, a database is in the same state as after a restore from a dump, except that the
 * schemas themselves are missing. As long as they are missing, the extension does nothing in the database:
 * statements pass (pg_upgrade's too), the manager finds no stream table, and reads are refused, as for any
 * stream table that is not filled.
 *
 * The OIDs of relations stay the same over pg_upgrade, so the settings of operators for relations, and
 * pgt_upgrade, remain valid.
 */
#include "capture/trim.hpp"
#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "fdw/definition/query_text.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/functions/restored_storage.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "refresh/program/scope.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <map>
#include <set>

namespace pgtrickle {

namespace {

void require_may_upgrade(const char *what)
{
    call([=] {
        guc::require_preload(what);
        PreventCommandDuringRecovery(what);
        PreventCommandIfReadOnly(what);
        refresh::require_none_running();
    });
}

/* Returns the OIDs in ascending order, which is also the order in which DDL on several stream tables locks
 * them. */
std::vector<Oid> relids_of(ExtensionSql sql)
{
    std::vector<Oid> relids;
    for (const std::vector<Text> &row : run_extension_sql(sql))
        relids.push_back(static_cast<Oid>(std::stoul(*row[0])));
    return relids;
}

constexpr const char *foreign_tables_of_ours =
    "SELECT f.ftrelid FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver "
    "JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE w.fdwname = 'pgtrickle_fdw' ORDER BY 1";

/* The relations that the queries of stream tables and of views name. */
constexpr const char *reads_of_stream_tables_and_views =
    "SELECT DISTINCT user_of, source FROM ("
    "SELECT d.objid AS user_of, d.refobjid AS source FROM pg_depend d JOIN pg_foreign_table f ON f.ftrelid = d.objid "
    "JOIN pg_foreign_server s ON s.oid = f.ftserver JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw "
    "WHERE w.fdwname = 'pgtrickle_fdw' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
    "UNION ALL SELECT r.ev_class, d.refobjid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
    "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND r.ev_type = '1') x "
    "WHERE user_of <> source";

/* Objects that depend only on the stream table: its heaps, partitions before what they belong to, and the internal
 * view. */
constexpr const char *derived_relations =
    "SELECT d.objid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid "
    "WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.deptype = 'i' "
    "AND c.relnamespace = 'pg_trickle_storage'::regnamespace AND c.relkind IN ('r', 'p', 'v') "
    "AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT relid FROM pgtrickle.pgt_upgrade) "
    "ORDER BY c.relispartition DESC, 1";

constexpr const char *remember =
    "INSERT INTO pgtrickle.pgt_upgrade SELECT s.relid, s.generation + (SELECT count(*) FROM pgtrickle.pgt_mark m WHERE "
    "m.relid = s.relid), s.status, d.tablespace, d.indexes "
    "FROM pgtrickle.pgt_state s, pgtrickle.pgt_dumped(s.relid) d";

/* With the INTERNAL dependency, the drop would be turned into one of the stream table. PostgreSQL frame. */
void drop_derived(Oid relid)
{
    deleteDependencyRecordsForClass(RelationRelationId, relid, RelationRelationId, DEPENDENCY_INTERNAL);
    CommandCounterIncrement();
    ObjectAddress address;
    ObjectAddressSet(address, RelationRelationId, relid);
    performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
    CommandCounterIncrement();
}

void drop_schema(const char *name)
{
    const Oid schema = get_namespace_oid(name, false);
    deleteDependencyRecordsForClass(NamespaceRelationId, schema, ExtensionRelationId, DEPENDENCY_EXTENSION);
    CommandCounterIncrement();
    ObjectAddress address;
    ObjectAddressSet(address, NamespaceRelationId, schema);
    performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
}

void make_schema(const char *name)
{
    ObjectAddress schema, extension;
    ObjectAddressSet(schema, NamespaceRelationId, NamespaceCreate(name, BOOTSTRAP_SUPERUSERID, false));
    ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("pg_trickle", false));
    recordDependencyOn(&schema, &extension, DEPENDENCY_EXTENSION);
    CommandCounterIncrement();
}

/* Stream tables that will not be filled after the upgrade until they are resumed. */
constexpr const char *inactive_after_upgrade =
    "SELECT count(*), string_agg(name || ' (' || why || ')', ', ' ORDER BY name) FILTER (WHERE number <= 10) "
    "FROM (SELECT name, why, row_number() OVER (ORDER BY name) AS number FROM ("
    "SELECT relid::regclass::text AS name, 'suspended' AS why FROM pgtrickle.pgt_state WHERE status = 'SUSPENDED' "
    "UNION ALL SELECT format('%I.%I', pgt_schema, pgt_name), hold FROM pgtrickle.holds()) r) r";

void warn_of_inactive()
{
    const std::vector<Text> found = run_extension_sql(inactive_after_upgrade).front();
    const int64_t count = std::stoll(*found[0]);
    if (count == 0)
        return;
    const std::string more = count > 10 ? " and " + std::to_string(count - 10) + " more" : "";
    call([&] {
        ereport(WARNING,
                (errmsg("suspended or held stream tables will have no rows after the upgrade until they are resumed"),
                 errdetail("They are: %s%s.", found[1]->c_str(), more.c_str()),
                 errhint("Resume them before or after the upgrade; see pgtrickle.resume_stream_table() and "
                         "pgtrickle.holds().")));
    });
}

int64_t prepare_upgrade()
{
    if (!OidIsValid(storage::namespace_oid()))
        raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
               .message = "the stream tables of this database are already prepared for pg_upgrade",
               .hint = "Call pgtrickle.finish_upgrade() to create them again."});
    const std::vector<Oid> stream_tables = relids_of(foreign_tables_of_ours);
    for (Oid relid : stream_tables)
        call([=] { (void)definition::lock_if_exists(relid, AccessExclusiveLock); });
    for (Oid relid : stream_tables)
        call([=] { (void)try_rewrite_text(relid); });
    warn_of_inactive();
    (void)run_extension_sql(remember);
    call([] { capture::remove_all(); });
    for (Oid relid : relids_of(derived_relations))
        call([=] { drop_derived(relid); });
    for (Oid relid : stream_tables)
        call([=] {
            state::remove_dependencies(relid);
            state::remove(relid);
            mailbox::forget(relid);
            CacheInvalidateRelcacheByRelid(relid);
        });
    call([] {
        drop_schema(storage::schema_name);
        drop_schema("pg_trickle_log");
    });
    mailbox::note_definition_change();
    return static_cast<int64_t>(stream_tables.size());
}

/* Appends `relid` to `ordered` after everything that it reads, unless it is there; `reads` may be deep, as views are.
 */
void visit(const std::multimap<Oid, Oid> &reads, Oid relid, std::set<Oid> &visited, std::vector<Oid> &ordered)
{
    struct Open {
        Oid relid;
        std::multimap<Oid, Oid>::const_iterator next;
    };
    std::vector<Open> open;
    auto enter_one = [&](Oid one) {
        if (visited.insert(one).second)
            open.push_back({one, reads.lower_bound(one)});
    };
    enter_one(relid);
    while (!open.empty()) {
        Open &last = open.back();
        if (last.next != reads.end() && last.next->first == last.relid) {
            enter_one((last.next++)->second);
            continue;
        }
        ordered.push_back(last.relid);
        open.pop_back();
    }
}

/* Sorts stream tables after the ones that they read. The foreign table depends on the relations that its
 * query names, including views. */
std::vector<Oid> in_order(const std::vector<Oid> &stream_tables)
{
    std::multimap<Oid, Oid> reads;
    for (const std::vector<Text> &row : run_extension_sql(reads_of_stream_tables_and_views))
        reads.emplace(std::stoul(*row[0]), std::stoul(*row[1]));
    std::vector<Oid> ordered;
    std::set<Oid> visited;
    for (Oid relid : stream_tables) {
        call([] { CHECK_FOR_INTERRUPTS(); });
        visit(reads, relid, visited, ordered);
    }
    std::erase_if(ordered,
                  [&](Oid relid) { return !std::binary_search(stream_tables.begin(), stream_tables.end(), relid); });
    return ordered;
}

/* Stream tables that have been dropped since are left out. Functions of users are called. If an index fails, the others
 * are still created. */
void recreate_indexes()
{
    for (const std::vector<Text> &row : run_extension_sql(
             "SELECT relid, indexes FROM pgtrickle.pgt_upgrade JOIN pgtrickle.pgt_state USING (relid) ORDER BY relid"))
        restore_indexes(static_cast<Oid>(std::stoul(*row[0])), *row[1], BOOTSTRAP_SUPERUSERID);
}

/* The stream tables that could not be set up, because a query cannot be maintained any more, or code of its owner
 * fails.
 */
class Undefined {
  public:
    void add(Oid relid, const Failure &failure)
    {
        constexpr int most_shown = 10;
        if (++count_ <= most_shown)
            detail_ += (count_ > 1 ? "\n" : "") + std::string(call([=] { return definition::qualified_name(relid); })) +
                       ": " + failure.message;
    }
    void raise_if_any() const
    {
        if (count_ > 0)
            raise(
                {.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 .message = "could not set up " + std::to_string(count_) + " of the stream tables again",
                 .detail = detail_,
                 .hint = "Remove the causes, or drop these stream tables, and call pgtrickle.finish_upgrade() again."});
    }

  private:
    int count_ = 0;
    std::string detail_;
};

void set_up_again(Oid relid)
{
    call([=] {
        LockRelationOid(relid, AccessExclusiveLock);
        state::insert(relid);
    });
    (void)run_extension_sql("UPDATE pgtrickle.pgt_state s SET generation = u.generation FROM pgtrickle.pgt_upgrade u "
                            "WHERE u.relid = s.relid AND s.relid = $1::oid",
                            {std::to_string(relid)});
    define_restored(relid);
    for (const std::vector<Text> &row : run_extension_sql(
             "SELECT tablespace FROM pgtrickle.pgt_upgrade WHERE relid = $1::oid", {std::to_string(relid)}))
        if (row[0])
            restore_tablespace(relid, *row[0], BOOTSTRAP_SUPERUSERID);
    call([=] { CacheInvalidateRelcacheByRelid(relid); });
}

int64_t finish_upgrade()
{
    if (OidIsValid(storage::namespace_oid()))
        return 0;
    call([] {
        make_schema(storage::schema_name);
        make_schema("pg_trickle_log");
    });
    const std::vector<Oid> stream_tables = in_order(relids_of(foreign_tables_of_ours));
    Undefined undefined;
    for (Oid relid : stream_tables)
        if (auto failure = attempt([=] { set_up_again(relid); }))
            undefined.add(relid, *failure);
    undefined.raise_if_any();
    recreate_indexes();
    (void)run_extension_sql("UPDATE pgtrickle.pgt_state s SET status = u.status FROM pgtrickle.pgt_upgrade u "
                            "WHERE u.relid = s.relid AND u.status = 'SUSPENDED'");
    (void)run_extension_sql("DELETE FROM pgtrickle.pgt_upgrade");
    mailbox::note_definition_change();
    return static_cast<int64_t>(stream_tables.size());
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_prepare_upgrade)
{
    using namespace pgtrickle;
    require_may_upgrade("prepare_upgrade()");
    return Int64GetDatum(prepare_upgrade());
}

SQL_FUNCTION(pgtrickle_finish_upgrade)
{
    using namespace pgtrickle;
    require_may_upgrade("finish_upgrade()");
    return Int64GetDatum(finish_upgrade());
}
