/*
 * Dependencies of the value of a query besides its sources: functions whose results change, and settings.
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
    session, /* current_user and similar */
    words,   /* text to a date or time, such as 'now' or 'today' */
    now,
    is_volatile,
};

struct Dependence {
    unsigned settings = 0;                  /* bits of SettingBit */
    Volatility volatility = Volatility::no; /* the highest volatility found */
    Oid function = InvalidOid;              /* the first function of that volatility, or … */
    Node *node = nullptr;                   /* … the first expression that is not a function of the catalog */
    int location = -1;
    bool is_user_function = false;
    bool may_read_tables = false; /* a function may read some that are no sources of the query */
};

/* `query` has its views expanded. Fills in the opfuncids that nodes read from a rule lack. PostgreSQL frame. */
Dependence dependence_of(Query *query);
/* Whether the value of an expression depends on settings: PostgreSQL declares some functions that read one IMMUTABLE.
 * PostgreSQL frame. */
bool depends_on_settings(Node *expression);
/* Returns the function or construct found, printed (palloc'd). PostgreSQL frame. */
const char *volatile_name(const Dependence &found);

/* Returns the names of the settings on which the value of an expression of `query` depends (TimeZone,
 * DateStyle …), sorted, each once; most queries depend on none. */
std::vector<std::string> settings_of(const Query *query);

/* Whether the result of a query may change although no source does: because it calls a volatile function (the
 * name of the first one found is for the NOTICE), now() or a similar function, or a STABLE function that is
 * not known; or because it reads a foreign table. In FULL mode such a query is refreshed at each due time; in
 * the other modes, only one that reads a foreign table. */
struct TimeDependence {
    bool is_volatile = false;
    bool is_now_dependent = false; /* or depends on anything else outside of sources and settings */
    bool may_read_tables = false;  /* as above */
    std::string function;          /* as text; empty if there is none */
};

TimeDependence time_dependence_of(const Query *query);

} // namespace pgtrickle::translate
