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
    explicit Names(const Compiled &compiled) : compiled_(compiled) {}
    std::string source(int index) const override;
    std::string arrangement(int step) const override;
    std::string delta(engine::DeltaInput input) const override;
    std::string touched() const override;

  private:
    const Compiled &compiled_;
};

/* Returns "schema.name", quoted. */
std::string qualified_name(Oid relation);

} // namespace pgtrickle::refresh
