#include "catalog/tables/tables.hpp"

namespace pgtrickle::catalog {

void write_program(Database &catalog, uint32_t database, uint32_t relid, int64_t generation,
                   const std::vector<ProgramStatement> &statements)
{
    catalog.prepare("DELETE FROM program WHERE database = ? AND relid = ?").bind(database, relid).step();
    int64_t number = 0;
    for (const ProgramStatement &row : statements) {
        catalog
            .prepare("INSERT INTO program (database, relid, generation, number, purpose, statement)"
                     " VALUES (?, ?, ?, ?, ?, ?)")
            .bind(database, relid, generation, ++number, row.purpose, row.statement)
            .step();
    }
}

std::vector<ProgramStatement> program_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation)
{
    Statement select = catalog.prepare("SELECT purpose, statement FROM program"
                                       " WHERE database = ? AND relid = ? AND generation = ? ORDER BY number");
    select.bind(database, relid, generation);
    std::vector<ProgramStatement> rows;
    while (select.step())
        rows.push_back({select.text(0), select.text(1)});
    return rows;
}

} // namespace pgtrickle::catalog
