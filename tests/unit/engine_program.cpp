/* SQL that the engine prints, and how a plan is cut into steps. */
#include "../column_of_type.hpp"
#include "engine/operators/aggregates/family.hpp"
#include "engine/operators/operator.hpp"
#include "engine/program.hpp"

#include <gtest/gtest.h>

using namespace pgtrickle::engine;

namespace {

class Names : public RelationNames {
  public:
    std::string source(int index) const override { return "ONLY public.s" + std::to_string(index); }
    std::string arrangement(int step) const override { return "arr" + std::to_string(step); }
    std::string delta(DeltaInput input) const override
    {
        return (input.kind == DeltaInput::Kind::source ? "ds" : "da") + std::to_string(input.index);
    }
    std::string touched() const override { return "touched"; }
};

class NamesWithoutIndexes : public Names {
  public:
    bool has_order_for(DeltaInput, const std::vector<IndexTerm> &, const std::optional<OrderTerm> &) const override
    {
        return false;
    }
};

const Names names;

Column column(const std::string &name, const std::string &type = "integer")
{
    return column_of_type(name, type);
}

Expression expression(std::vector<std::variant<std::string, int>> pieces, const std::string &type)
{
    Expression made;
    made.pieces = std::move(pieces);
    made.result = column("", type);
    return made;
}

PlanPtr orders()
{
    return scan(0, {column("id"), column("customer"), column("amount", "numeric(10,2)")});
}
PlanPtr customers()
{
    return scan(1, {column("id"), column("region", "pg_catalog.text")});
}

Condition equal(int left, int right)
{
    Condition made;
    made.equalities.push_back({column_reference(left, column("")), column_reference(right, column("")),
                               expression({left, std::string(" = "), right}, "boolean")});
    return made;
}

AggregateCall count_rows(const std::string &name)
{
    return {&count_family, {}, {}, column(name, "bigint")};
}

AggregateCall sum_of(int position, const std::string &type, const std::string &result)
{
    return {&sum_family, column_reference(position, column("", type)), {}, column("total", result)};
}

PlanPtr named(const PlanPtr &plan, const std::vector<std::pair<int, std::string>> &outputs)
{
    std::vector<NamedExpression> expressions;
    for (const auto &[position, name] : outputs)
        expressions.push_back({column_reference(position, columns(plan)[position]), name});
    return project(plan, expressions);
}

bool contains(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

TEST(EngineProgram, filter_and_projection_are_one_select)
{
    PlanPtr plan = named(filter(orders(), expression({2, std::string(" > 10")}, "boolean")), {{0, "order"}});
    EXPECT_EQ(Program(plan).delta_sql(0, {true}, names),
              "SELECT t1.\"id\" AS \"order\", t1.pgt_weight AS pgt_weight FROM ds0 AS t1 "
              "WHERE (t1.\"amount\" > 10)");
    EXPECT_EQ(Program(plan).full_sql(0, names),
              "SELECT t1.\"id\" AS \"order\" FROM ONLY public.s0 AS t1 WHERE (t1.\"amount\" > 10)");
}

TEST(EngineProgram, names_are_quoted)
{
    PlanPtr plan = scan(0, {column("odd\"name")});
    EXPECT_EQ(Program(plan).full_sql(0, names),
              "SELECT t1.\"odd\"\"name\" AS \"odd\"\"name\" FROM ONLY public.s0 AS t1");
}

TEST(EngineProgram, unchanged_input_has_no_term)
{
    Program program(named(join({orders(), customers()}, equal(1, 3)), {{0, "id"}, {4, "region"}}));
    EXPECT_EQ(program.delta_sql(0, {true, false}, names),
              "SELECT t1.\"id\" AS \"id\", t2.\"region\" AS \"region\", t1.pgt_weight AS pgt_weight "
              "FROM ds0 AS t1, ONLY public.s1 AS t2 WHERE (t1.\"customer\" = t2.\"id\")");
    EXPECT_FALSE(contains(program.delta_sql(0, {false, true}, names), "ds0"));
}

TEST(EngineProgram, nothing_changed_prints_no_row)
{
    Program program(named(orders(), {{0, "id"}}));
    EXPECT_EQ(program.delta_sql(0, {false, false}, names),
              "SELECT NULL::integer AS \"id\", 0::pg_catalog.int8 AS pgt_weight WHERE false");
}

TEST(EngineProgram, both_inputs_changed_subtract_their_product)
{
    std::string sql =
        Program(named(join({orders(), customers()}, equal(1, 3)), {{0, "id"}})).delta_sql(0, {true, true}, names);
    EXPECT_TRUE(contains(sql, "-1 * t5.pgt_weight * t6.pgt_weight"));
    EXPECT_TRUE(contains(sql, "FROM ds0 AS t5, ds1 AS t6"));
}

TEST(EngineProgram, output_that_is_a_state_is_stored_once)
{
    Program program(aggregate(orders(), {1}, {count_rows("n"), sum_of(2, "numeric(10,2)", "numeric")}));
    const Step step = program.steps().at(0);
    ASSERT_EQ(program.steps().size(), 1U);
    EXPECT_EQ(step.layout, Layout::groups);
    EXPECT_EQ(step.columns[0].role, Role::key);
    EXPECT_EQ(step.columns[1].role, Role::state);
    EXPECT_EQ(step.columns[2].role, Role::state);
    EXPECT_EQ(step.count_column, 1);
    EXPECT_EQ(step.key, std::vector<int>{0});
}

TEST(EngineProgram, having_is_computed_from_the_groups_into_a_storage_of_what_it_leaves)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    PlanPtr having = filter(groups, expression({1, std::string(" <> 1")}, "boolean"));
    Program program(project(having, {{expression({std::string("1 / ("), 1, std::string(" - 1)")}, "bigint"), "x"}}));
    ASSERT_EQ(program.steps().size(), 2U);
    EXPECT_EQ(program.steps()[0].layout, Layout::groups);
    EXPECT_EQ(program.steps()[0].output_count, 2);
    EXPECT_EQ(program.steps()[1].layout, Layout::rows);
    EXPECT_EQ(program.steps()[1].columns.size(), 1U);
    EXPECT_EQ(program.full_sql(1, names), "SELECT 1 / (t1.\"n\" - 1) AS \"x\" FROM arr0 AS t1 WHERE (t1.\"n\" <> 1)");
    EXPECT_EQ(program.delta_sql(1, {true}, names),
              "SELECT 1 / (t1.\"n\" - 1) AS \"x\", t1.pgt_weight AS pgt_weight FROM da0 AS t1 WHERE (t1.\"n\" <> 1)");
}

TEST(EngineProgram, arrangement_below_the_root_holds_no_expression_that_may_fail)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    Expression divided = expression({std::string("1 / ("), 1, std::string(" - 1)")}, "bigint");
    Expression negative = expression({std::string("("), 1, std::string(" > 1)")}, "boolean");
    negative.may_fail = false;
    auto joined_with = [&](const Expression &computed) {
        PlanPtr inner = project(groups, {{column_reference(0, groups->columns()[0]), "k"}, {computed, "x"}});
        return Program(named(join({customers(), inner}, equal(0, 2)), {{1, "region"}, {3, "x"}}));
    };
    EXPECT_EQ(joined_with(divided).steps().at(0).columns.at(1).role, Role::state);
    EXPECT_TRUE(contains(joined_with(divided).full_sql(1, names), "1 / (t2.\"n\" - 1) AS \"x\""));
    EXPECT_EQ(joined_with(negative).steps().at(0).columns.at(1).role, Role::final);
    EXPECT_EQ(Program(project(groups, {{divided, "x"}})).steps().at(0).columns.at(0).role, Role::final);
}

TEST(EngineProgram, distinct_is_a_group_of_all_columns)
{
    const Step step = Program(distinct(named(orders(), {{1, "customer"}, {0, "id"}}))).steps().at(0);
    EXPECT_EQ(step.layout, Layout::groups);
    EXPECT_EQ(step.key, (std::vector<int>{0, 1}));
    EXPECT_EQ(step.columns[step.count_column].column.name, "pgt_count");
}

TEST(EngineProgram, grouping_used_twice_is_one_step)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    PlanPtr narrow = named(groups, {{0, "customer"}});
    PlanPtr many = filter(groups, expression({1, std::string(" > 1")}, "boolean"));
    Program program(named(join({narrow, many}, equal(0, 1)), {{0, "customer"}, {2, "n"}}));
    EXPECT_EQ(program.steps().size(), 2U);
    EXPECT_EQ(program.explain(), "project customer, n\n"
                                 "  join on customer = customer\n"
                                 "    project customer\n"
                                 "      group by customer: count(*) (kept) (shared 1)\n"
                                 "        scan of source 1\n"
                                 "    filter n > 1\n"
                                 "      shared 1");
}

TEST(EngineProgram, filter_on_keys_is_below_their_grouping)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    Expression one_customer = expression({0, std::string(" = 7")}, "boolean");
    one_customer.may_fail = false;
    PlanPtr many = filter(groups, expression({1, std::string(" > 1")}, "boolean"));
    PlanPtr beside = named(join({customers(), groups}, equal(0, 2)), {{2, "customer"}, {3, "n"}});
    for (const PlanPtr &plan :
         {groups, named(groups, {{0, "c"}}), many, beside, distinct(named(orders(), {{1, "c"}}))}) {
        Program program(filter(plan, one_customer));
        EXPECT_TRUE(contains(program.full_sql(0, names), "(t1.\"customer\" = 7)")) << program.explain();
    }
    EXPECT_EQ(Program(filter(groups, one_customer)).steps().size(), 1U);
    PlanPtr by_id = join({filter(customers(), one_customer), groups}, equal(0, 2));
    EXPECT_TRUE(contains(Program(by_id).full_sql(0, names), "(t1.\"customer\" = 7)"));
    EXPECT_TRUE(contains(Program(by_id).full_sql(1, names), "(t1.\"id\" = 7)"));
}

TEST(EngineProgram, filter_on_more_than_keys_or_on_what_others_read_stays)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    EXPECT_EQ(Program(filter(groups, expression({0, std::string(" < "), 1}, "boolean"))).steps().size(), 2U);
    PlanPtr one = filter(groups, expression({0, std::string(" = 7")}, "boolean"));
    EXPECT_FALSE(contains(Program(join({groups, one}, equal(0, 2))).full_sql(0, names), "= 7"));
    Column number = column("x", "numeric");
    number.equality = Equality::scaled;
    PlanPtr loose = filter(distinct(scan(0, {number})), expression({0, std::string("::text = '1.0'")}, "boolean"));
    EXPECT_EQ(Program(loose).steps().size(), 2U);
    PlanPtr padded = outer_join(OuterKind::left, customers(), groups, equal(0, 2));
    EXPECT_FALSE(
        contains(Program(filter(padded, expression({2, std::string(" = 7")}, "boolean"))).full_sql(0, names), "= 7"));
}

TEST(EngineProgram, changes_are_summed_by_the_one_step_that_reads_each_row_for_itself)
{
    auto is_summed = [](const PlanPtr &plan) { return Program(plan).sums_by_itself(0); };
    const PlanPtr few = filter(orders(), expression({0, std::string(" > 1")}, "boolean"));
    const PlanPtr grouped = aggregate(few, {1}, {count_rows("n"), sum_of(0, "integer", "bigint")});
    EXPECT_TRUE(is_summed(few));
    EXPECT_TRUE(is_summed(grouped));
    EXPECT_TRUE(is_summed(named(grouped, {{1, "n"}})));
    EXPECT_TRUE(is_summed(union_all({named(orders(), {{0, "id"}}), named(customers(), {{0, "id"}})})));
    EXPECT_FALSE(is_summed(union_all({orders(), few}))) << "read twice";
    EXPECT_FALSE(is_summed(join({orders(), customers()}, equal(1, 3)))) << "joined";
    const AggregateCall least{family_called("min"), column_reference(0, column("id")), {}, column("m")};
    EXPECT_FALSE(is_summed(aggregate(orders(), {1}, {least})))
        << "an extremum must not meet a value that has come and gone";
    EXPECT_FALSE(is_summed(customers())) << "not read";
}

TEST(EngineProgram, values_never_change)
{
    PlanPtr list = values({column("k")},
                          {{expression({std::string("1")}, "integer")}, {expression({std::string("2")}, "integer")}});
    Program program(named(join({orders(), list}, equal(1, 3)), {{0, "id"}}));
    EXPECT_EQ(program.steps()[0].inputs.size(), 1U);
    EXPECT_TRUE(contains(program.delta_sql(0, {true}, names), "FROM ds0 AS t1, (VALUES (1), (2)) AS t2(c1)"));
    EXPECT_TRUE(contains(Program(values({}, {{}})).full_sql(0, names), "FROM (SELECT) AS t1"));
}

TEST(EngineProgram, grouping_below_a_join_is_a_step_of_its_own)
{
    PlanPtr groups = aggregate(orders(), {1}, {count_rows("n")});
    Program program(named(join({customers(), groups}, equal(0, 2)), {{1, "region"}, {3, "n"}}));
    ASSERT_EQ(program.steps().size(), 2U);
    EXPECT_EQ(program.steps()[1].layout, Layout::rows);
    EXPECT_EQ(program.steps()[1].inputs,
              (std::vector<DeltaInput>{{DeltaInput::Kind::source, 1}, {DeltaInput::Kind::step, 0}}));
    EXPECT_EQ(program.steps()[0].looked_up_by, (std::vector<std::vector<IndexTerm>>{{{"customer"}}}));
    EXPECT_TRUE(contains(program.delta_sql(1, {true, false}, names), "FROM ds1 AS t1, arr0 AS t2"));
}

TEST(EngineProgram, reader_of_an_arrangement_computes_its_having)
{
    PlanPtr groups =
        filter(aggregate(orders(), {1}, {count_rows("n")}), expression({1, std::string(" > 1")}, "boolean"));
    Program program(named(join({customers(), groups}, equal(0, 2)), {{1, "region"}}));
    EXPECT_TRUE(contains(program.delta_sql(1, {true, false}, names), "(t2.\"n\" > 1)"));
    EXPECT_TRUE(contains(program.delta_sql(1, {false, true}, names), "(t2.\"n\" > 1)"));
}

TEST(EngineProgram, lookups_name_both_sides_of_a_join_and_keys_of_recomputed_groups)
{
    AggregateCall largest{family_called("max"), column_reference(0, column("id")), {}, column("m")};
    Program program(aggregate(join({orders(), customers()}, equal(1, 3)), {4}, {largest}));
    EXPECT_EQ(program.steps()[0].lookups, (std::vector<Lookup>{{{DeltaInput::Kind::source, 0}, {{"customer"}}},
                                                               {{DeltaInput::Kind::source, 1}, {{"id"}}},
                                                               {{DeltaInput::Kind::source, 1}, {{"region"}}}}));
}

TEST(EngineProgram, recomputation_looks_keys_up_and_gates_the_null_branch)
{
    AggregateCall largest{family_called("max"), column_reference(0, column("id")), {}, column("m")};
    std::string sql = Program(aggregate(orders(), {1}, {largest})).recompute_sql(0, NamesWithoutIndexes());
    EXPECT_TRUE(contains(sql, "(t1.\"customer\") IN (SELECT t2.\"customer\" FROM touched AS t2)"));
    EXPECT_TRUE(contains(sql, "EXISTS (SELECT FROM touched AS t4 WHERE t4.\"customer\" IS NOT DISTINCT FROM NULL)"));
}

TEST(EngineProgram, recomputation_reads_the_ends_of_an_index)
{
    AggregateCall largest{family_called("max"), column_reference(0, column("id")), {}, column("m")};
    Program program(aggregate(orders(), {1}, {largest, sum_of(0, "integer", "bigint")}));
    EXPECT_TRUE(program.steps()[0].takes_merged_states);
    const std::string sql = program.recompute_sql(0, names);
    EXPECT_TRUE(contains(sql, "WHERE i.k1 = t1.\"customer\" AND i.a1 IS DISTINCT FROM NULL ORDER BY i.a1 DESC FETCH "
                              "FIRST 1 ROWS WITH TIES"));
    EXPECT_TRUE(contains(sql, "t1.\"total\" AS \"total\""));
    EXPECT_TRUE(contains(sql, ") UNION ALL ("));
    EXPECT_EQ(program.steps()[0].lookups.back().first, (OrderTerm{"id", false, false}));
}

TEST(EngineProgram, recomputation_reads_whole_groups_for_what_no_index_has)
{
    AggregateCall largest{family_called("max"), column_reference(0, column("id")), {}, column("m")};
    AggregateCall of_some = largest;
    of_some.filter = expression({0, std::string(" > 1")}, "boolean");
    for (const auto &calls : {std::vector{largest, of_some}, std::vector{of_some}})
        EXPECT_FALSE(Program(aggregate(orders(), {1}, calls)).steps()[0].takes_merged_states);
}

TEST(EngineProgram, exact_aggregates_are_never_recomputed)
{
    Program program(aggregate(orders(), {1}, {count_rows("n"), sum_of(0, "integer", "bigint")}));
    EXPECT_TRUE(program.steps()[0].recompute_sql_condition.empty());
    EXPECT_TRUE(program.steps()[0].lookups.empty());
}

TEST(EngineProgram, left_join_asks_the_old_count_when_both_sides_change)
{
    std::string sql =
        Program(named(outer_join(OuterKind::left, orders(), customers(), equal(1, 3)), {{0, "id"}, {4, "region"}}))
            .delta_sql(0, {true, true}, names);
    EXPECT_TRUE(contains(sql, "LIMIT greatest(coalesce("));
    EXPECT_TRUE(contains(sql, "GROUP BY"));
    EXPECT_TRUE(contains(sql, "NULL::pg_catalog.text"));
}

TEST(EngineProgram, a_key_that_equality_does_not_identify_shows_one_of_its_images)
{
    Column number = column("x", "numeric");
    number.equality = Equality::scaled;
    const Step step = Program(distinct(scan(0, {number}))).steps().at(0);
    EXPECT_EQ(step.columns[0].role, Role::state);
    EXPECT_EQ(step.columns[step.key[0]].column.name, "pgt_key_1");
    EXPECT_TRUE(contains(Program(distinct(scan(0, {number}))).full_sql(0, names), "pgtrickle.any_one(i.k1) FILTER"));
    number = column("x", "numeric(10,2)");
    number.equality = Equality::scaled;
    EXPECT_EQ(Program(distinct(scan(0, {number}))).steps().at(0).columns[0].role, Role::key);
    EXPECT_FALSE(objection(distinct(scan(0, {number}))).has_value());
}

TEST(EngineProgram, touched_groups_are_found_by_the_operator_of_their_type)
{
    Column loose = column("c", "public.citext");
    loose.equality = Equality::none;
    loose.equals = "OPERATOR(public.=)";
    const std::string sql = Program(distinct(scan(0, {loose}))).recompute_sql(0, names);
    EXPECT_TRUE(contains(sql, "t1.\"c\" OPERATOR(public.=) t2.\"pgt_key_1\""));
    EXPECT_FALSE(contains(sql, " IN (SELECT"));
}

namespace {

class NamesOfMany final : public Names {
  public:
    bool has_many_changes() const override { return true; }
};

/* Numbers the orders of each customer. */
PlanPtr numbered_orders()
{
    Following following{{{0, " ASC", false}}, {{Following::Kind::count}}};
    return window(orders(), {1},
                  {{expression({std::string("pg_catalog.row_number() OVER (PARTITION BY "), 1,
                                std::string(" ORDER BY "), 0, std::string(")")},
                               "bigint"),
                    "number"}},
                  following);
}

} // namespace

TEST(EngineProgram, a_followed_window_replaces_the_rows_whose_values_differ)
{
    const Program program(numbered_orders());
    EXPECT_TRUE(program.steps()[0].replaces_rows);
    const std::string sql = program.delta_sql(0, {true}, names);
    EXPECT_TRUE(contains(sql, ".ctid AS tid"));
    EXPECT_TRUE(contains(sql, "IS DISTINCT FROM v.o1"));
    EXPECT_TRUE(contains(program.delta_sql(0, {false}, names), "NULL::pg_catalog.tid AS pgt_ctid WHERE false"));
}

/* The planner does not hash many rows of a NOT IN, and reads all of them for each row. */
TEST(EngineProgram, many_changed_places_of_a_window_are_joined)
{
    const Program program(numbered_orders());
    EXPECT_TRUE(contains(program.delta_sql(0, {true}, names), " NOT IN (SELECT"));
    EXPECT_FALSE(contains(program.delta_sql(0, {true}, NamesOfMany()), " NOT IN (SELECT"));
    EXPECT_TRUE(contains(program.delta_sql(0, {true}, NamesOfMany()), " AND NOT EXISTS (SELECT FROM ds0"));
}

TEST(EngineProgram, what_is_deeper_than_the_stack_is_not_kept)
{
    PlanPtr plan = orders();
    while (plan->depth() < max_depth)
        plan = filter(plan, expression({0, std::string(" > 10")}, "boolean"));
    EXPECT_FALSE(objection(plan).has_value());
    EXPECT_EQ(Program(plan).steps().size(), 1U);
    EXPECT_TRUE(objection(filter(plan, expression({0, std::string(" > 10")}, "boolean"))).has_value());
}

TEST(EngineProgram, a_slot_out_of_range_is_the_callers_fault)
{
    EXPECT_THROW(filter(orders(), expression({7, std::string(" > 10")}, "boolean")), std::invalid_argument);
    EXPECT_THROW(join({orders()}, Condition{}), std::invalid_argument);
}
