/*
 * The names of relations in the statements of a program (engine::RelationNames).
 */
#pragma once

#include "engine/program.hpp"
#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Prints current names: a Names object must not outlive the locks under which it was used. */
class Names : public engine::RelationNames {
  public:
    explicit Names(const Compiled &compiled, bool has_many_changes = false)
        : compiled_(compiled), has_many_changes_(has_many_changes)
    {
    }
    std::string source(int index) const override;
    std::string arrangement(int step) const override;
    std::string delta(engine::DeltaInput input) const override;
    std::string touched() const override;
    bool has_many_changes() const override { return has_many_changes_; }
    bool has_index_for(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &terms) const override;
    bool has_order_for(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &keys,
                       const std::optional<engine::OrderTerm> &first) const override;
    double rows_of_value(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &terms) const override;

  private:
    const Compiled &compiled_;
    bool has_many_changes_;
};

/* Returns "schema.name", quoted. */
std::string qualified_name(Oid relation);

} // namespace pgtrickle::refresh
