/*
 * SQL expressions over small integers and NULL, evaluated: enough of the language to run
 * what the engine prints for states, merges and conditions, and what the sampler makes up.
 * Types are ignored; truth is 0 and 1.
 */
#pragma once

#include "engine/operators/operator.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace law {

using pgtrickle::engine::Row;
using pgtrickle::engine::Value;

/* The value of "alias.name" (or "name"); quotes are gone. */
using Lookup = std::function<Value(const std::string &)>;
/* The rows an aggregate runs over; empty pointer: aggregates are not allowed here. */
using Rows = std::vector<Lookup>;

/* Throws std::runtime_error on what it does not understand. Parsed texts are remembered. */
Value evaluate_text(const std::string &text, const Lookup &lookup, const Rows *rows = nullptr);
/* The values of a window function with its OVER clause, for each of `rows`; slots number their columns. */
std::vector<Value> evaluate_window(const pgtrickle::engine::Expression &call, const std::vector<Row> &rows);
/* The values of pgtrickle.extremum() and ties_of_extremum(), and of pgtrickle.inserted_extremum() and its likes, over
 * their arguments. */
Value extremum(const std::string &name, const std::vector<Row> &arguments);
Value change_of_extremum(const std::string &name, const std::vector<Row> &arguments);
Value evaluate_expression(const pgtrickle::engine::Expression &expression, const Row &row);
/* The rows of generate_series(…); a series of the toy world is never long. */
std::vector<Row> evaluate_rows(const pgtrickle::engine::Expression &expression, const Row &row);

} // namespace law
