/*
 * The second plan of a statement (fdw/read/exact_reads.hpp): which stream tables it reads exactly, under which
 * snapshot, and in which way each of them. The way is the same for all entries of a stream table, and is determined
 * before any of them is planned.
 */
#pragma once

#include "definition/definition.hpp"
#include "fdw/scan/served_relation.hpp"
#include "fdw/scan/touched_clause.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/request/audience.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* While an object exists, the next statement to be planned reads `relids` exactly under the snapshot. C++ frames. */
class ExactPlanning {
  public:
    ExactPlanning(const List *relids, Snapshot snapshot);
    ~ExactPlanning();
    ExactPlanning(const ExactPlanning &) = delete;
    ExactPlanning &operator=(const ExactPlanning &) = delete;

  private:
    struct ExactPlan *outer_;
    struct ExactPlan *own_;
};

/* Returns true if a second plan is being made. */
bool is_planning_exactly();
/* Called when the planning of a statement begins. Returns false if that is one of a function that the planner evaluates
 * for the second plan. It has nothing to do with that plan, and its own plan may be kept: it has to be planned without
 * the present ExactPlanning. */
bool begin_statement_of_exact_planning();
/* Returns true if the statement that is being planned reads the stream table exactly. PostgreSQL frame. */
bool is_planned_exactly(Oid relid);

enum class ExactWay {
    stored,   /* no stored row is touched */
    merged,   /* the stored rows that are not touched, and stored groups merged with the pending changes */
    in_parts, /* the stored rows that are not touched, and those of the defining query that are */
    computed,
};
struct ExactRead {
    ExactWay way = ExactWay::computed;
    TouchedKeys keys;
    bool can_be_in_statement =
        false;            /* the clause on the keys may be in a statement of the reader (touched_clause.hpp) */
    TouchedValues values; /* in_parts: those of the keys */
    List *rows = NIL;     /* merged: KeptRows that begin with the outputs of the defining query */
};
/* Return how the statement reads a stream table of is_planned_exactly(): where its entry is expanded, and by one scan.
 * It is the same for each entry, and lives until the end of the planning. PostgreSQL frames. */
const ExactRead *exact_read_of(Oid relid);
const ExactRead *exact_read_of_one_scan(Oid relid);

/* Runs `act`, a C++ function, with the rights and settings of the owner. Its errors quote data that the reader may not
 * see. PostgreSQL frame. */
template <class Act> void act_as_owner(Oid relid, Act act)
{
    enter([&] {
        refresh::for_stream_table(relid, "read", [&] {
            const Definition definition = definition::load(relid);
            refresh::ExactScope scope(definition);
            act();
        });
    });
}

/* Runs `act`, a PostgreSQL function, as act_as_owner(), which plans statements of its own. PostgreSQL
 * frame. */
template <class Act> auto beside_planning(Oid relid, Act act)
{
    decltype(act()) result;
    act_as_owner(relid, [&] {
        ExactPlanning none(nullptr, InvalidSnapshot);
        result = call(act);
    });
    return result;
}

/* Returns the analysed defining query with its relations locked. PostgreSQL frame. */
Query *locked_definition(Oid relid);
/* Returns the rewritten form of a query over what the stream table's query reads; its views are locked. Raises 40001 if
 * code that may not run here has come into one of them before: to plan the query would run it. PostgreSQL frame. */
Query *rewritten_known(Oid relid, const Query *query);
/* Returns the output of the defining query that is each column of the foreign table; 0 for a dropped one, for which the
 * query has a NULL. PostgreSQL frame. */
AttrNumber *output_numbers(const ServedRelation *served);

} // namespace pgtrickle
