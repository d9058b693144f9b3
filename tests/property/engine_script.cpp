/*
 * Random plans over real types, printed as a psql script that refreshes them by the
 * engine's statements and compares with the defining query, printed here by other means.
 *
 * Plain tables stand in for deltas and arrangements; apply is three SQL statements. The
 * script stops at the first difference. Where SQL itself leaves the image of a number open
 * (a numeric grouping key, min and max of 1.0 and 1.00), images are compared rounded.
 *
 *   engine_script CASES SEED | psql -X -q -v ON_ERROR_STOP=1
 */
#include "engine_query.hpp"

#include <cstdlib>
#include <iostream>

using namespace property;

namespace {

class Names final : public RelationNames {
  public:
    std::string source(int index) const override { return "ONLY s" + std::to_string(index); }
    std::string arrangement(int step) const override { return "arr" + std::to_string(step); }
    std::string delta(DeltaInput input) const override
    {
        return (input.kind == DeltaInput::Kind::source ? "ds" : "da") + std::to_string(input.index);
    }
    std::string touched() const override { return "touched"; }
};

std::string quoted_list(const Step &step, int count, const std::string &prefix = "")
{
    std::string text;
    for (int i = 0; i < count; i++)
        text += (i ? ", " : "") + prefix + "\"" + step.columns[i].column.name + "\"";
    return text;
}

/* The image of a row, for comparing multisets. */
std::string image(const std::vector<Column> &columns, const std::vector<std::string> &names, bool is_open)
{
    std::string text;
    for (size_t i = 0; i < columns.size(); i++) {
        std::string one = names[i];
        if (is_open && columns[i].type.rfind("numeric", 0) == 0)
            one = "round(" + one + ", 6)";
        if (is_open && columns[i].type == "float8")
            one = "(" + one + " + 0)"; /* no -0 */
        if (is_open && columns[i].type == "interval")
            one = "extract(epoch from " + one + ")";
        text += (i ? ", " : "") + one;
    }
    return "ROW(" + text + ")::text";
}

void compare(const std::string &what, const std::string &left, const std::string &right)
{
    std::cout << "DO $check$ BEGIN IF EXISTS (((" << left << ") EXCEPT ALL (" << right << ")) UNION ALL ((" << right
              << ") EXCEPT ALL (" << left << "))) THEN RAISE EXCEPTION '" << what << "'; END IF; END $check$;\n";
}

class Script {
  public:
    Script(unsigned seed) : seed_(seed), generator_(seed), program_(nullptr_program()) {}

    void run()
    {
        Query query = generator_.finished(generator_.root());
        if (objection(query.plan))
            return;
        program_ = Program(query.plan);
        query_ = query;
        std::cout << "\\set case " << seed_ << "\nBEGIN;\n";
        create();
        int rounds = 1 + generator_.below(4);
        for (int round = 0; round < rounds; round++)
            refresh(round);
        std::cout << "ROLLBACK;\n";
    }

  private:
    static Program nullptr_program() { return Program(scan(0, {typed("c1", "int4")})); }
    std::string row(int source)
    {
        std::string text;
        for (size_t i = 0; i < source_types[source].size(); i++)
            text += (i ? ", " : "") + generator_.value(source_types[source][i]) + "::" + source_types[source][i];
        return text;
    }
    void create()
    {
        for (int source = 0; source < 3; source++) {
            std::string name = "s" + std::to_string(source), definition;
            for (size_t i = 0; i < source_types[source].size(); i++)
                definition += (i ? ", c" : "c") + std::to_string(i + 1) + " " + source_types[source][i];
            std::cout << "CREATE TEMP TABLE " << name << " (" << definition << ");\nCREATE TEMP TABLE d" << name << " ("
                      << definition << ", pgt_weight int8);\n";
            int count = generator_.below(12);
            for (int i = 0; i < count; i++)
                std::cout << "INSERT INTO " << name << " VALUES (" << row(source) << ");\n";
        }
        for (size_t step = 0; step < program_.steps().size(); step++) {
            const Step &one = program_.steps()[step];
            std::string name = "arr" + std::to_string(step);
            std::cout << "CREATE TEMP TABLE " << name << " AS " << program_.full_sql(static_cast<int>(step), names_)
                      << ";\nCREATE TEMP TABLE da" << step << " AS SELECT " << quoted_list(one, one.output_count)
                      << ", 1::int8 AS pgt_weight FROM " << name << " WHERE false;\n";
        }
        check("fill");
    }
    void refresh(int round)
    {
        bool changed[3];
        for (int source = 0; source < 3; source++) {
            std::string name = "s" + std::to_string(source);
            changed[source] = generator_.below(3) != 0;
            std::cout << "TRUNCATE d" << name << ";\n";
            if (!changed[source])
                continue;
            int deletions = generator_.below(4), insertions = generator_.below(4);
            std::cout << "WITH gone AS (DELETE FROM " << name << " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " << name
                      << " ORDER BY ctid LIMIT " << deletions << " OFFSET " << generator_.below(5)
                      << ")) RETURNING *) INSERT INTO d" << name << " SELECT *, -1 FROM gone;\n";
            for (int i = 0; i < insertions; i++)
                std::cout << "WITH came AS (INSERT INTO " << name << " VALUES (" << row(source)
                          << ") RETURNING *) INSERT INTO d" << name << " SELECT *, 1 FROM came;\n";
        }
        for (size_t step = 0; step < program_.steps().size(); step++) {
            const Step &one = program_.steps()[step];
            ChangedInputs delivered(one.inputs.size());
            for (size_t i = 0; i < one.inputs.size(); i++)
                if (one.inputs[i].kind == DeltaInput::Kind::step || changed[one.inputs[i].index])
                    delivered[i] = true;
            refresh_step(static_cast<int>(step), delivered);
        }
        check("round " + std::to_string(round));
    }
    void refresh_step(int step, const ChangedInputs &delivered)
    {
        const Step &one = program_.steps()[step];
        std::string arr = "arr" + std::to_string(step);
        std::cout << "CREATE TEMP TABLE d AS " << program_.delta_sql(step, delivered, names_) << ";\n";
        if (one.layout == Layout::rows)
            apply_rows(one, arr);
        else
            apply_groups(step, one, arr);
        std::cout << "DROP TABLE d;\n";
    }
    /* Positive rows in, negative rows out, one copy each. */
    void apply_rows(const Step &one, const std::string &arr)
    {
        std::string all = quoted_list(one, one.output_count);
        std::string qualified = quoted_list(one, one.output_count, "d.");
        std::cout << "CREATE TEMP TABLE net AS SELECT (array_agg(x))[1] AS x, sum(w) AS w FROM (SELECT ROW(" << all
                  << ")::text AS x, 1 AS w FROM " << arr << " UNION ALL SELECT ROW(" << all
                  << ")::text, pgt_weight FROM d) AS u GROUP BY x;\n"
                  << "DO $check$ BEGIN IF EXISTS (SELECT FROM net WHERE w < 0) THEN RAISE EXCEPTION "
                     "'a retraction finds nothing'; END IF; END $check$;\n"
                  << "CREATE TEMP TABLE next AS SELECT y.* FROM (SELECT DISTINCT ON (ROW(" << all << ")::text) " << all
                  << " FROM (SELECT " << all << " FROM " << arr << " UNION ALL SELECT " << all
                  << " FROM d) AS z) AS y JOIN net ON net.x = ROW(" << quoted_list(one, one.output_count, "y.")
                  << ")::text CROSS JOIN LATERAL generate_series(1, net.w);\n"
                  << "DELETE FROM " << arr << ";\nINSERT INTO " << arr << " SELECT * FROM next;\n"
                  << "DROP TABLE net, next;\n";
    }
    static std::string same_key(const Step &one, const std::string &left, const std::string &right)
    {
        std::string text = "true";
        for (int key : one.key) {
            std::string name = ".\"" + one.columns[key].column.name + "\"";
            text += " AND NOT " + left + name + " IS DISTINCT FROM " + right + name;
        }
        return text;
    }
    void apply_groups(int step, const Step &one, const std::string &arr)
    {
        std::string keys, base, all, count = "\"" + one.columns[one.count_column].column.name + "\"";
        for (int key : one.key)
            keys += (keys.empty() ? "d.\"" : ", d.\"") + one.columns[key].column.name + "\"";
        for (const auto &column : one.columns) {
            std::string name = "\"" + column.column.name + "\"";
            if (column.role != Role::final)
                base +=
                    (base.empty() ? "" : ", ") + (column.role == Role::key ? "d." + name : column.sql) + " AS " + name;
            all += (all.empty() ? "" : ", ") + (column.role == Role::final ? column.sql : "n." + name) + " AS " + name;
        }
        std::string outputs = quoted_list(one, one.output_count);
        std::string recompute = one.recompute_sql_condition.empty() ? "false" : one.recompute_sql_condition;
        const std::string merged = " FROM (SELECT " + base + " FROM d LEFT JOIN old AS o ON " + same_key(one, "o", "d");
        const std::string is_there = one.key.empty() ? "true" : "n." + count + " <> 0";
        std::cout << "CREATE TEMP TABLE old AS SELECT * FROM " << arr << ";\n"
                  << "CREATE TEMP TABLE touched AS SELECT ";
        if (one.takes_merged_states)
            std::cout << all << merged << " WHERE " << recompute << ") AS n WHERE " << is_there << ";\n";
        else
            std::cout << (keys.empty() ? "1 AS x" : keys) << " FROM d LEFT JOIN old AS o ON " << same_key(one, "o", "d")
                      << " WHERE " << recompute << ";\n";
        std::cout << "DELETE FROM " << arr << " AS a USING d WHERE " << same_key(one, "a", "d") << ";\n"
                  << "INSERT INTO " << arr << " SELECT " << all << merged << ") AS n WHERE " << is_there << ";\n"
                  << "DELETE FROM " << arr << " AS a USING touched AS t WHERE " << same_key(one, "a", "t") << ";\n"
                  << "INSERT INTO " << arr << " SELECT * FROM (" << program_.recompute_sql(step, names_) << ") AS r"
                  << (one.key.empty() ? " WHERE EXISTS (SELECT FROM touched)" : "") << ";\n";
        std::string numbered = "row_number() OVER (PARTITION BY ROW(" + outputs + ")::text) AS pgt_n, ROW(" + outputs +
                               ")::text AS pgt_image";
        auto only_in = [&](const std::string &left, const std::string &right, const char *weight) {
            return "SELECT " + outputs + ", " + weight + " FROM (SELECT " + outputs + ", " + numbered + " FROM " +
                   left + ") AS l WHERE NOT EXISTS (SELECT FROM (SELECT " + numbered + " FROM " + right +
                   ") AS r WHERE r.pgt_n = l.pgt_n AND r.pgt_image = l.pgt_image)";
        };
        std::cout << "TRUNCATE da" << step << ";\nINSERT INTO da" << step << " " << only_in(arr, "old", "1::int8")
                  << " UNION ALL " << only_in("old", arr, "-1::int8") << ";\nDROP TABLE old, touched;\n";
    }
    void check(const std::string &when)
    {
        std::string what = "case " + std::to_string(seed_) + " " + when + ": ";
        for (size_t step = 0; step < program_.steps().size(); step++) {
            const Step &one = program_.steps()[step];
            std::vector<Column> all;
            std::vector<std::string> names;
            for (const auto &column : one.columns) {
                all.push_back(column.column);
                names.push_back("f.\"" + column.column.name + "\"");
            }
            std::string row = image(all, names, generator_.is_image_open);
            compare(what + "arrangement " + std::to_string(step),
                    "SELECT " + row + " FROM arr" + std::to_string(step) + " AS f",
                    "SELECT " + row + " FROM (" + program_.full_sql(static_cast<int>(step), names_) + ") AS f");
        }
        const Step &last = program_.steps().back();
        std::vector<std::string> names, declared;
        for (int i = 0; i < last.output_count; i++) {
            names.push_back("f.q" + std::to_string(i + 1));
        }
        std::string row = image(columns(query_.plan), names, generator_.is_image_open);
        compare(what + "query", "SELECT " + row + " FROM arr" + std::to_string(program_.steps().size() - 1) + " AS f",
                "SELECT " + row + " FROM (" + query_.sql + ") AS f");
    }

    unsigned seed_;
    Generator generator_;
    Program program_;
    Query query_;
    Names names_;
};

} // namespace

int main(int argc, char **argv)
{
    unsigned cases = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 100;
    unsigned seed = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1;
    std::cout << "SET search_path = pg_catalog, pg_temp;\nSET client_min_messages = warning;\nSET lc_monetary = 'C';\n";
    for (unsigned i = 0; i < cases; i++)
        Script(seed + i).run();
    std::cout << "\\echo property: " << cases << " cases passed\n";
    return 0;
}
