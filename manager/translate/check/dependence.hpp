/*
 * What the value of a query depends on besides its sources: functions that change by
 * themselves, and settings.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

enum class Volatility {
    no,
    unknown, /* a STABLE function that may depend on anything */
    session, /* current_user and its kin */
    words,   /* text to a date or time: knows 'now', 'today' … */
    now,
    is_volatile,
};

struct Dependence {
    unsigned settings = 0;            /* SettingBit */
    Volatility volatility = Volatility::no; /* the worst found */
    Oid function = InvalidOid;        /* the first of that kind, or … */
    Node *node = nullptr;             /* the expression that is no function of the catalog */
    int location = -1;
    bool is_user_function = false;
};

/* A PostgreSQL frame. `query` with its views expanded; opfuncids are filled in. */
Dependence dependence_of(Query *query);
/* A PostgreSQL frame: the function or construct found, printed (palloc'd). */
const char *volatile_name(const Dependence &found);

/* Names of the settings that the value of an expression of `query` depends on (TimeZone, DateStyle …),
 * sorted, each once; most queries depend on none. */
std::vector<std::string> settings_of(const Query *query);

/* The query's answer may change although no source does: it calls a volatile function (the name of
 * the first one found, for the NOTICE), or one of now()'s kin, or a STABLE function we know nothing of.
 * In FULL mode such a query is refreshed at each due time; in every mode, one that reads a foreign table. */
struct TimeDependence {
    bool is_volatile = false;
    bool is_now_dependent = false; /* or depends on anything else outside sources and settings */
    std::string function;          /* printed; empty if neither */
};

TimeDependence time_dependence_of(const Query *query);

} // namespace pgtrickle::translate
