/*
 * The SQL of spans. Stored rows are found by (partition keys, position), an index range for each partition; whatever
 * depends on the delta is joined to them by a nested loop, or by a hashed table if the delta is large.
 */
#include "engine/operators/keyed/span_nodes.hpp"

#include "engine/operators/sql.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

using Texts = std::vector<std::string>;

/* A relation of a FROM list with the columns of the window's input; one that is not stored is a NULL. */
struct FromItem {
    std::string from;
    Texts columns;
    Texts values = {}; /* of the calls; stored rows only */
    Texts where = {};
    std::string weight = {};
    Texts address = {}; /* its heap and its ctid; stored rows only */
};

std::string where(const Texts &conditions)
{
    return conditions.empty() ? "" : " WHERE " + joined(conditions, " AND ");
}

/* Returns "value AS prefix1" … */
Texts named(Texts values, const std::string &prefix)
{
    for (size_t i = 0; i < values.size(); i++)
        values[i] += " AS " + prefix + std::to_string(i + 1);
    return values;
}

/* Returns "alias.prefix1" … */
Texts columns_of(const std::string &alias, const std::string &prefix, size_t count)
{
    Texts values;
    for (size_t i = 0; i < count; i++)
        values.push_back(alias + "." + prefix + std::to_string(i + 1));
    return values;
}

void append(Texts &list, const Texts &more)
{
    list.insert(list.end(), more.begin(), more.end());
}

/* The parts that the statements of one window share. */
class SpanSql {
  public:
    SpanSql(Printer &printer, const SpannedWindow &spanned)
        : printer_(printer), spanned_(spanned), window_(*spanned.window), first_term_(window_.following()->order[0])
    {
    }

    /* Returns the stored rows, or those at changes, under a new alias. */
    FromItem stored() const { return stored(spanned_.stored); }
    FromItem stored(const PlanPtr &rows) const
    {
        const Select select = printer_.select(rows);
        FromItem item{joined(select.from, ", "), {}};
        for (int i = 0; i < window_.width(); i++) {
            const int at = spanned_.stored_at[i];
            (i < input_width() ? item.columns : item.values)
                .push_back(at < 0 ? typed_null(window_.columns()[i]) : select.outputs[at]);
        }
        item.address = select.address;
        return item;
    }
    FromItem changes(const PlanPtr &delta) const
    {
        const Select select = printer_.select(delta);
        FromItem item{joined(select.from, ", "), {}, {}, select.where, select.weight()};
        for (int i = 0; i < input_width(); i++)
            item.columns.push_back(spanned_.stored_at[i] < 0 ? typed_null(window_.columns()[i]) : select.slot(i));
        return item;
    }

    int input_width() const { return window_.inputs()[0]->width(); }
    /* Returns those of `values`, of the calls, that the step stores. */
    Texts stored_values(const Texts &values) const
    {
        Texts stored;
        for (size_t i = 0; i < values.size(); i++)
            if (spanned_.stored_at[input_width() + i] >= 0)
                stored.push_back(values[i]);
        return stored;
    }
    Texts keys_of(const Texts &columns) const
    {
        Texts keys;
        for (int key : window_.partition())
            keys.push_back(columns.at(key));
        return keys;
    }
    const std::string &position_of(const Texts &columns) const { return columns.at(first_term_.column); }
    /* Returns the keys and the position. */
    Texts place_of(const Texts &columns) const
    {
        Texts place = keys_of(columns);
        place.push_back(position_of(columns));
        return place;
    }
    /* Returns the condition that the row has these keys, and `further`. */
    std::string is_of(const Texts &columns, const Texts &keys, const Texts &further) const
    {
        Texts parts;
        const Texts its = keys_of(columns);
        for (size_t i = 0; i < keys.size(); i++)
            parts.push_back(its[i] + " = " + keys[i]);
        append(parts, further);
        return joined(parts, " AND ");
    }
    std::string is_within(const std::string &position, const std::string &low, const std::string &high) const
    {
        const bool is_descending = first_term_.is_descending;
        return position + (is_descending ? " <= " : " >= ") + low + " AND " + position +
               (is_descending ? " >= " : " <= ") + high;
    }
    std::string before() const { return first_term_.is_descending ? " > " : " < "; }
    std::string behind() const { return first_term_.is_descending ? " < " : " > "; }
    std::string upwards() const { return first_term_.is_descending ? " DESC" : " ASC"; }
    std::string downwards() const { return first_term_.is_descending ? " ASC" : " DESC"; }

    /* Returns the position of the stored row that is `rows` rows before `from`, or behind it, or of the last row on
     * that side if there are fewer; `from` if there is none. */
    std::string moved_by(const std::string &from, const Texts &keys, int64_t rows, bool is_backwards) const
    {
        if (rows == 0)
            return from;
        const std::string alias = printer_.alias();
        return "coalesce((SELECT (pg_catalog.array_agg(" + alias + ".o ORDER BY " + alias + ".o" +
               (is_backwards ? upwards() : downwards()) + "))[1] FROM (" +
               positions(from, keys, is_backwards ? before() : behind(), is_backwards ? downwards() : upwards(), rows) +
               ") AS " + alias + "), " + from + ")";
    }
    /* Returns a query of the first `count` positions, in the order `direction`, of the stored rows that are before
     * `from` or behind it. */
    std::string positions(const std::string &from, const Texts &keys, const std::string &side,
                          const std::string &direction, int64_t count) const
    {
        const FromItem item = stored();
        const std::string &position = position_of(item.columns);
        return "SELECT " + position + " AS o FROM " + item.from + " WHERE " +
               is_of(item.columns, keys, {position + side + from}) + " ORDER BY " + position + direction + " LIMIT " +
               std::to_string(count);
    }

  private:
    Printer &printer_;
    const SpannedWindow &spanned_;
    const Window &window_;
    const Following::Term &first_term_;
};

/* The spans in a FROM list. */
struct SpanItem {
    Select select;
    size_t key_count;
    const std::string &column(SpanColumn which) const { return select.outputs.at(key_count + which); }
    Texts keys() const { return {select.outputs.begin(), select.outputs.end() - static_cast<std::ptrdiff_t>(rest())}; }
    Texts bases() const
    {
        return {select.outputs.begin() + static_cast<std::ptrdiff_t>(key_count + first_base), select.outputs.end()};
    }
    std::string has_span() const { return "NOT " + column(is_whole); }

  private:
    size_t rest() const { return select.outputs.size() - key_count; }
};

/* Returns the condition that the changes alter a value behind them. */
std::string moves(const Following &following, const FromItem &changes)
{
    auto slot = [&](int i) { return changes.columns.at(i); };
    Texts parts;
    for (const auto &call : following.calls) {
        if (!is_running(call))
            continue;
        Texts counted;
        if (call.argument)
            counted.push_back("(" + call.argument->print(slot) + ") IS DISTINCT FROM NULL");
        if (call.filter)
            counted.push_back("(" + call.filter->print(slot) + ")");
        const std::string rest = (counted.empty() ? "" : " FILTER (WHERE " + joined(counted, " AND ") + ")") + " <> 0";
        parts.push_back("pg_catalog.sum(" + changes.weight + ")" + rest);
        if (call.kind == Following::Kind::sum)
            parts.push_back("pg_catalog.sum(" + changes.weight + " * (" + call.argument->print(slot) +
                            ")::pg_catalog.numeric)" + rest);
        /* The sum of numerics shows the largest of their scales. */
        const bool shows_scale = call.kind == Following::Kind::sum && call.argument->result.kind == TypeKind::numeric &&
                                 !call.argument->result.scale;
        if (call.kind == Following::Kind::dense_rank || shows_scale)
            return "true";
    }
    return parts.empty() ? "false" : "coalesce(" + joined(parts, " OR ") + ", false)";
}

/* Returns the changed positions of each partition. */
std::string changed_positions(const SpanSql &sql, const Following &following, const PlanPtr &delta)
{
    const FromItem changes = sql.changes(delta);
    const std::string &position = sql.position_of(changes.columns);
    const Texts keys = sql.keys_of(changes.columns);
    auto first = [&](const std::string &direction) {
        return "(pg_catalog.array_agg(" + position + " ORDER BY " + position + direction + "))[1]";
    };
    Texts targets = named(keys, "k");
    append(targets, {first(sql.upwards()) + " AS low", first(sql.downwards()) + " AS high",
                     "pg_catalog.bool_or(" + position + " IS NOT DISTINCT FROM NULL) AS has_null",
                     moves(following, changes) + " AS moves"});
    return "SELECT " + joined(targets, ", ") + " FROM " + changes.from + where(changes.where) +
           (keys.empty() ? " HAVING pg_catalog.count(*) > 0" : " GROUP BY " + joined(keys, ", "));
}

/* Returns the query of the bases: from the stored rows of the last position before `low`. */
std::string bases(const SpanSql &sql, const Following &following, const Texts &keys, const std::string &low)
{
    const std::string last = "(" + sql.positions(low, keys, sql.before(), sql.downwards(), 1) + ")";
    const FromItem rows = sql.stored();
    auto slot = [&](int i) { return rows.columns.at(i); };
    Texts order, targets;
    for (const auto &term : following.order)
        order.push_back(slot(term.column) + term.direction);
    for (int number : running_calls(following)) {
        const std::string &value = rows.values.at(number);
        const Following::Call &call = following.calls[number];
        if (call.kind == Following::Kind::rank)
            targets.push_back("pg_catalog.min(" + value + ") - 1 + pg_catalog.count(*)");
        else if (call.kind != Following::Kind::sum)
            targets.push_back("pg_catalog.max(" + value + ")");
        else
            targets.push_back("(pg_catalog.array_agg(" + value + " ORDER BY " + joined(order, ", ") +
                              (call.is_of_peers ? "" : ", " + place_among_copies(call, slot, value)) +
                              "))[pg_catalog.count(*)]");
    }
    return "SELECT " + joined(named(targets, "b"), ", ") + " FROM " + rows.from + " WHERE " +
           sql.is_of(rows.columns, keys, {sql.position_of(rows.columns) + " = " + last});
}

/* Returns the places that changed; none has a NULL, so that NOT IN is not unknown. */
std::string changed_places(const SpanSql &sql, const PlanPtr &delta)
{
    const FromItem changes = sql.changes(delta);
    const Texts place = sql.place_of(changes.columns);
    Texts conditions = changes.where;
    for (const auto &column : place)
        conditions.push_back(column + " IS DISTINCT FROM NULL");
    return "(SELECT " + joined(place, ", ") + " FROM " + changes.from + where(conditions) + ")";
}

/* Returns the condition that nothing has changed at the place of the stored row. A plan for few changes that runs for
 * more must not join by a loop over both, hence NOT IN, which is hashed; but a hash of many changes does not fit into
 * the memory that the planner allows, and the join that it knows the numbers for does not depend on that. */
std::string is_unchanged_place(const SpanSql &sql, const Printer &printer, const FromItem &rows, const PlanPtr &delta)
{
    const Texts place = sql.place_of(rows.columns);
    if (!printer.names().has_many_changes())
        return list_of(place) + " NOT IN " + changed_places(sql, delta);
    const FromItem changes = sql.changes(delta);
    const Texts changed = sql.place_of(changes.columns);
    Texts conditions = changes.where;
    for (size_t i = 0; i < place.size(); i++)
        conditions.push_back(changed[i] + " = " + place[i]);
    return "NOT EXISTS (SELECT FROM " + changes.from + where(conditions) + ")";
}

/* Returns the start of a SELECT of a row with what is needed of its span. */
std::string row_of_span(const Texts &columns, const SpanItem &span, const Texts &further)
{
    Texts targets = named(columns, "c");
    append(targets, {span.column(emit_low) + " AS low", span.column(emit_high) + " AS high"});
    append(targets, named(span.bases(), "b"));
    append(targets, further);
    return "SELECT " + joined(targets, ", ") + " FROM " + joined(span.select.from, ", ") + ", ";
}

/* Returns the rows of the read range at whose positions nothing has changed, with their addresses and their values. */
std::string unchanged_rows(const SpanSql &sql, const Printer &printer, const SpanItem &span, const PlanPtr &delta)
{
    const FromItem rows = sql.stored();
    const std::string &position = sql.position_of(rows.columns);
    Texts further{"1::pg_catalog.int8 AS w", rows.address[0] + " AS heap", rows.address[1] + " AS tid"};
    append(further, named(sql.stored_values(rows.values), "o"));
    return row_of_span(rows.columns, span, further) + rows.from + " WHERE " +
           sql.is_of(rows.columns, span.keys(),
                     {span.has_span(), sql.is_within(position, span.column(read_low), span.column(read_high)),
                      is_unchanged_place(sql, printer, rows, delta)});
}

/* Whether equal values of all stored columns have equal images, so that rows can be summed by their values. */
bool are_summed_by_values(const SpannedWindow &spanned, int input_width)
{
    for (int i = 0; i < input_width; i++) {
        const Column &column = spanned.window->columns()[i];
        if (spanned.stored_at[i] >= 0 && (is_loose(column) || column.equals != "=" || !column.has_hash))
            return false;
    }
    return true;
}

/* Returns the rows c1 … of `both` that have a sum w other than 0, as `total`. The columns that are not stored are NULL.
 * A window over images sorts all rows by them; a grouping by the values can be hashed. */
std::string summed_rows(const SpannedWindow &spanned, int input_width, const std::string &both, const Texts &kept)
{
    if (!are_summed_by_values(spanned, input_width))
        return "SELECT * FROM (SELECT y.*, (pg_catalog.sum(y.w) OVER same)::pg_catalog.int8 AS total, "
               "pg_catalog.row_number() OVER same AS copy FROM (SELECT x.*, pgtrickle.image(" +
               arguments_of(kept) + ") AS image FROM (" + both +
               ") AS x) AS y WINDOW same AS (PARTITION BY y.image)) AS s WHERE s.copy = 1 AND s.total <> 0";
    Texts targets;
    for (int i = 0; i < input_width; i++)
        targets.push_back(spanned.stored_at[i] >= 0 ? "x.c" + std::to_string(i + 1)
                                                    : typed_null(spanned.window->columns()[i]));
    return "SELECT " + joined(named(targets, "c"), ", ") + ", pg_catalog.sum(x.w)::pg_catalog.int8 AS total FROM (" +
           both + ") AS x GROUP BY " + joined(kept, ", ") + " HAVING pg_catalog.sum(x.w) <> 0";
}

/* Returns the rows at changed positions: the sum of stored and changed rows. A negative sum, of a row that is removed
 * and not stored, is passed on, so that it is noticed when the delta is applied. */
std::string changed_rows(const SpanSql &sql, const SpannedWindow &spanned, const SpanItem &span, const PlanPtr &delta,
                         const PlanPtr &at_changes)
{
    const int input_width = sql.input_width();
    const FromItem rows = sql.stored(at_changes), changes = sql.changes(delta);
    auto weighted = [](const FromItem &item, const std::string &weight) {
        return "SELECT " + joined(named(item.columns, "c"), ", ") + ", " + weight + " AS w FROM " + item.from;
    };
    const std::string both =
        weighted(rows, "1::pg_catalog.int8") + " UNION ALL " + weighted(changes, changes.weight) + where(changes.where);
    const Texts columns = columns_of("x", "c", input_width), outputs = columns_of("z", "c", input_width);
    Texts kept, nulls_of_values;
    for (int i = 0; i < input_width; i++)
        if (spanned.stored_at[i] >= 0)
            kept.push_back(columns[i]);
    for (size_t i = input_width; i < spanned.stored_at.size(); i++)
        nulls_of_values.push_back(typed_null(spanned.window->columns()[i]));
    Texts further{"CASE WHEN z.total < 0 THEN -1 ELSE 1 END::pg_catalog.int8 AS w", "NULL::pg_catalog.oid AS heap",
                  "NULL::pg_catalog.tid AS tid"};
    append(further, named(sql.stored_values(nulls_of_values), "o"));
    return row_of_span(outputs, span, further) + "(" + summed_rows(spanned, input_width, both, kept) +
           ") AS z, LATERAL pg_catalog.generate_series(1, pg_catalog.abs(z.total)) AS copies WHERE " +
           sql.is_of(outputs, span.keys(), {span.has_span()});
}

/* Returns the value of a call from its value over the rows that were read and its base. */
std::string combined(Following::Kind kind, const std::string &base, const std::string &value)
{
    switch (kind) {
    case Following::Kind::nearby: return value;
    case Following::Kind::sum:
        return "CASE WHEN " + base + " IS NULL THEN " + value + " WHEN " + value + " IS NULL THEN " + base + " ELSE " +
               base + " + " + value + " END";
    default: return "coalesce(" + base + ", 0) + " + value;
    }
}

/* Returns the condition that a value differs from the stored one, o1 …, of the row; equal values may have other images.
 */
std::string differs_from_stored(const SpannedWindow &spanned, const Texts &values)
{
    const int input_width = spanned.window->inputs()[0]->width();
    Texts parts, loose, stored;
    size_t number = 0;
    for (size_t i = input_width; i < spanned.stored_at.size(); i++) {
        if (spanned.stored_at[i] < 0)
            continue;
        const Column &column = spanned.window->columns()[i];
        const std::string &value = values.at(number), old = "v.o" + std::to_string(++number);
        if (!is_loose(column) && has_plain_equality(column)) {
            parts.push_back("(" + value + ") IS DISTINCT FROM " + old);
            continue;
        }
        loose.push_back(value);
        stored.push_back(old);
    }
    for (size_t i = 0; i < loose.size(); i++)
        parts.push_back("pgtrickle.row_image(" + loose[i] + ") <> pgtrickle.row_image(" + stored[i] + ")");
    return parts.empty() ? "false" : joined(parts, " OR ");
}

} // namespace

Select Spans::print(Printer &printer) const
{
    const SpanSql sql(printer, spanned_);
    const Texts its_keys = columns_of("g", "k", keys().size());
    const int64_t before = farthest(following(), &Following::Call::before);
    const int64_t after = farthest(following(), &Following::Call::after);
    Texts whole{"g.has_null"};
    for (const auto &key : its_keys)
        whole.push_back(key + " IS NOT DISTINCT FROM NULL");
    if (window().columns()[position()].may_be_null) {
        const FromItem rows = sql.stored();
        whole.push_back(
            "EXISTS (SELECT FROM " + rows.from + " WHERE " +
            sql.is_of(rows.columns, its_keys, {sql.position_of(rows.columns) + " IS NOT DISTINCT FROM NULL"}) + ")");
    }
    const std::string end =
        "coalesce((" + sql.positions("g.high", its_keys, sql.behind(), sql.downwards(), 1) + "), g.high)";
    const std::string emit = "SELECT " + sql.moved_by("g.low", its_keys, after, true) +
                             " AS low, CASE WHEN g.moves THEN " + end + " ELSE " +
                             sql.moved_by("g.high", its_keys, before, false) + " END AS high LIMIT ALL";
    const std::string read = "SELECT " + sql.moved_by("e.low", its_keys, before, true) + " AS low, " +
                             sql.moved_by("e.high", its_keys, after, false) + " AS high LIMIT ALL";
    Texts targets = its_keys, from{"(" + changed_positions(sql, following(), inputs()[0]) + ") AS g",
                                   "LATERAL (" + emit + ") AS e", "LATERAL (" + read + ") AS r"};
    append(targets, {"(" + joined(whole, " OR ") + ")", "e.low", "e.high", "r.low", "r.high"});
    if (const auto runs = running_calls(following()); !runs.empty()) {
        append(targets, columns_of("b", "b", runs.size()));
        from.push_back("LATERAL (" + bases(sql, following(), its_keys, "r.low") + ") AS b");
    }
    targets = named(targets, "c");
    targets.push_back("1::pg_catalog.int8 AS pgt_weight");
    return printer.wrap("SELECT " + joined(targets, ", ") + " FROM " + joined(from, ", "), width(), true);
}

Select KeysWithoutSpan::print(Printer &printer) const
{
    Select select = printer.select(inputs()[0]);
    select.where.push_back(select.outputs.at(keys().size() + is_whole));
    select.outputs.resize(keys().size());
    select.is_atom.resize(keys().size());
    return select;
}

Select RowsAtChanges::print(Printer &printer) const
{
    const SpanSql sql(printer, spanned_);
    Select select = printer.select(spanned_.stored);
    Texts place;
    for (int key : keys())
        place.push_back(select.outputs.at(spanned_.stored_at[key]));
    place.push_back(select.outputs.at(spanned_.stored_at[position()]));
    select.where.push_back(list_of(place) + " IN " + changed_places(sql, inputs()[0]));
    return select;
}

Select ReplacedRows::print(Printer &printer) const
{
    const SpanSql sql(printer, spanned_);
    const SpanItem span{printer.select(inputs()[0]), keys().size()};
    Select select = printer.select(inputs()[1]);
    auto stored = [&](int column) { return select.outputs.at(spanned_.stored_at[column]); };
    for (size_t i = 0; i < keys().size(); i++)
        select.where.push_back(stored(keys()[i]) + " = " + span.keys()[i]);
    append(select.where,
           {span.has_span(), sql.is_within(stored(position()), span.column(emit_low), span.column(emit_high))});
    append(select.from, span.select.from);
    append(select.weights, span.select.weights);
    return select;
}

Select EmittedRows::print(Printer &printer) const
{
    const SpanSql sql(printer, spanned_);
    const auto runs = running_calls(following());
    const Texts columns = columns_of("x", "c", input_width());
    auto span = [&] { return SpanItem{printer.select(inputs()[0]), keys().size()}; };
    Texts targets = named(columns, "c"), values, outputs = columns_of("v", "c", input_width());
    append(targets, {"x.low", "x.high", "x.w", "x.heap", "x.tid"});
    append(targets, columns_of("x", "b", runs.size()));
    append(targets, columns_of("x", "o", sql.stored_values(Texts(window().calls().size())).size()));
    for (const auto &call : window().calls())
        values.push_back(call.expression.print([&](int i) { return columns.at(i); }));
    append(targets, named(values, "v"));
    const std::string windows = "SELECT " + joined(targets, ", ") + " FROM (" +
                                unchanged_rows(sql, printer, span(), inputs()[1]) + " UNION ALL " +
                                changed_rows(sql, spanned_, span(), inputs()[1], inputs()[3]) + ") AS x";
    const std::string is_emitted = sql.is_within(sql.position_of(outputs), "v.low", "v.high");
    for (size_t i = 0; i < values.size(); i++) {
        const auto run = std::find(runs.begin(), runs.end(), static_cast<int>(i)) - runs.begin();
        outputs.push_back(
            combined(following().calls[i].kind, "v.b" + std::to_string(run + 1), "v.v" + std::to_string(i + 1)));
    }
    const Texts fresh(outputs.begin() + input_width(), outputs.end());
    outputs = named(outputs, "c");
    append(outputs, {"v.w AS pgt_weight", "v.heap AS pgt_heap", "v.tid AS pgt_ctid"});
    return printer.wrap("SELECT " + joined(outputs, ", ") + " FROM (" + windows + ") AS v WHERE " + is_emitted +
                            " AND (v.tid IS NULL OR " + differs_from_stored(spanned_, sql.stored_values(fresh)) + ")",
                        width(), true, true);
}

/* The condition reads no column: the planner evaluates it once, before it reads the rows. */
Select RowsIfAny::print(Printer &printer) const
{
    Select select = printer.select(inputs()[0]);
    const Select touched = printer.select(inputs()[1]);
    select.where.push_back("EXISTS (SELECT FROM " + joined(touched.from, ", ") + where(touched.where) + ")");
    return select;
}

} // namespace pgtrickle::engine
