/* The table of constructs in docs/sql.md must be the one that the engine's lists produce. With WRITE=1 this
 * program writes it. */
#include "engine/operators/constructs.hpp"
#include "engine/operators/operator.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using namespace pgtrickle::engine;

namespace {

const char *const document = "docs/sql.md";
const std::string begin = "<!-- constructs: written by tests/unit/engine_constructs.cpp -->\n",
                  end = "<!-- end of constructs -->\n";

std::string read(const char *path)
{
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(Constructs, table_is_up_to_date)
{
    std::string text = read(document);
    auto from = text.find(begin), to = text.find(end);
    ASSERT_NE(from, std::string::npos) << document
                                       << " has no table of constructs (run this program in the project's folder)";
    ASSERT_NE(to, std::string::npos);
    from += begin.size();
    if (std::getenv("WRITE") != nullptr) {
        text.replace(from, to - from, construct_markdown());
        std::ofstream(document) << text;
        return;
    }
    EXPECT_TRUE(text.substr(from, to - from) == construct_markdown())
        << document << " differs from constructs.cpp; WRITE=1 build/unit/engine_constructs writes it";
}

TEST(Constructs, every_operator_is_in_the_table)
{
    std::set<std::string> named;
    for (const auto &construct : construct_table())
        named.insert(construct.operators.begin(), construct.operators.end());
    for (const auto &one : operator_table())
        EXPECT_TRUE(named.count(one.name)) << one.name << " is not in constructs.cpp";
}

} // namespace
