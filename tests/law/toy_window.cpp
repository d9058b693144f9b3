/*
 * Window functions of the toy language: `f(cN) [FILTER (…)] OVER ([PARTITION BY cN, …]
 * [ORDER BY cN [DESC], …] [ROWS UNBOUNDED PRECEDING])`, else with the default frame. NULLs are the largest, as in SQL.
 */
#include "toy.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace law {

namespace {

struct Over {
    std::string function;
    std::vector<int> partition, order;
    std::vector<bool> is_descending; /* by column of the order */
    bool is_of_rows = false;
};

Over over_of(const std::string &text)
{
    Over result;
    const size_t start = text.find(" OVER (");
    result.function = text.substr(0, start);
    std::istringstream words(text.substr(start + 7));
    std::vector<int> *list = nullptr;
    for (std::string word; words >> word;) {
        if (word == "PARTITION")
            list = &result.partition;
        else if (word == "ORDER")
            list = &result.order;
        else if (word.rfind("DESC", 0) == 0)
            result.is_descending.back() = true;
        else if (word == "ROWS")
            result.is_of_rows = true;
        else if (word[0] == 'c')
            list->push_back(std::stoi(word.substr(1)));
        result.is_descending.resize(result.order.size());
    }
    return result;
}

bool is_before(const Over &over, const Row &left, const Row &right)
{
    for (size_t i = 0; i < over.order.size(); i++) {
        const Value &a = left[over.order[i]], &b = right[over.order[i]];
        if (a == b)
            continue;
        const bool is_less = a && (!b || *a < *b);
        return is_less != over.is_descending[i];
    }
    return false;
}

bool is_beside(const Over &over, const Row &left, const Row &right)
{
    return std::all_of(over.partition.begin(), over.partition.end(),
                       [&](int column) { return left[column] == right[column]; });
}

Lookup lookup_in(const Row &row)
{
    return [&row](const std::string &name) { return row.at(std::stoi(name.substr(1))); };
}

/* Returns the value of an aggregate over the partition of the row at `place`, up to its peers or to the row itself. */
Value aggregate(const Over &over, const std::vector<Row> &rows, const std::vector<size_t> &sorted, size_t place)
{
    const Row &row = rows[sorted[place]];
    Rows frame;
    for (size_t i = 0; i < sorted.size(); i++) {
        const Row &other = rows[sorted[i]];
        if (is_beside(over, row, other) && (over.is_of_rows ? i <= place : !is_before(over, row, other)))
            frame.push_back(lookup_in(other));
    }
    return evaluate_text(over.function, lookup_in(row), &frame);
}

} // namespace

std::vector<Value> evaluate_window(const pgtrickle::engine::Expression &call, const std::vector<Row> &rows)
{
    const Over over = over_of(call.print([](int slot) { return "c" + std::to_string(slot); }));
    std::vector<size_t> sorted(rows.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](size_t left, size_t right) { return is_before(over, rows[left], rows[right]); });
    const bool is_lag = over.function.find("lag(") != std::string::npos;
    const bool is_lead = over.function.find("lead(") != std::string::npos;
    const bool is_dense = over.function.find("dense_rank(") != std::string::npos;
    const bool is_number = over.function.find("row_number(") != std::string::npos;
    const bool is_rank = over.function.find("rank(") != std::string::npos;
    auto argument = [&](const Row *row) {
        return row ? evaluate_text(over.function.substr(over.function.find('(')), lookup_in(*row)) : Value();
    };
    std::vector<Value> values(rows.size());
    for (size_t place = 0; place < sorted.size(); place++) {
        const Row &row = rows[sorted[place]];
        Value number{1}, rank{1}, dense{1};
        const Row *last = nullptr, *previous = nullptr, *next = nullptr;
        for (size_t earlier = 0; earlier < place; earlier++) {
            const Row &other = rows[sorted[earlier]];
            if (!is_beside(over, row, other))
                continue;
            number = *number + 1;
            rank = *rank + is_before(over, other, row);
            if (is_before(over, other, row) && (last == nullptr || is_before(over, *last, other))) {
                dense = *dense + 1;
                last = &other;
            }
            previous = &other;
        }
        for (size_t later = place + 1; is_lead && !next && later < sorted.size(); later++)
            if (is_beside(over, row, rows[sorted[later]]))
                next = &rows[sorted[later]];
        values[sorted[place]] = is_lag      ? argument(previous)
                                : is_lead   ? argument(next)
                                : is_number ? number
                                : is_dense  ? dense
                                : is_rank   ? rank
                                            : aggregate(over, rows, sorted, place);
    }
    return values;
}

} // namespace law
