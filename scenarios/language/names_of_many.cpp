// Names of memory of which each time makes another one ("to"): a name does not say which, a local that points to it does.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "unplug/scenarios/language/set_up.hpp"
#include "unplug/scenarios/language/warnings.hpp"

namespace unplug::scenarios {
namespace {

class NamesOfMany {
 public:
  NamesOfMany(Program& p, const std::vector<Node>& nodes, Diagnostics& out) : program_(p), nodes_(nodes), out_(out) {
    many_ = made_each_time(p);
    // Where another step makes the one that goes by the name, the name means that.
    for (const Function& f : p.functions)
      for (const Instruction& i : f.code)
        if (i.to == no_local && declares(program_, i) && i.operand.entity == EntityKind::allocation) many_.erase(i.operand.index);
    for (std::uint32_t m = 0; m < p.of(EntityKind::allocation).size(); ++m)
      if (p.of(EntityKind::allocation)[m].from_start) many_.erase(m);
  }

  void find() {
    if (many_.empty()) return;
    for (const Function& f : program_.functions)
      for (const Instruction& i : f.code) {
        if (i.site == no_site || !nodes_[i.site]) continue;
        if (!declares(program_, i)) look_at(f, i, i.operand);
        look_at(f, i, i.second);
        for (const Value* v : {&i.value, &i.old}) look_at(f, i, *v);
        look_at(f, i, i.condition.right);
        for (const auto& [to, value] : i.arguments) look_at(f, i, value);
      }
    std::set<std::uint32_t> unclear;
    for (const Use& u : uses_)
      if (!means_one(u.memory)) unclear.insert(u.memory);
    for (const Use& u : uses_)
      if (unclear.contains(u.memory)) say(u);
  }

 private:
  struct Use {
    const Function* function;
    const Instruction* instruction;
    std::uint32_t memory;
    std::string written;
  };

  // The memory of each time that this is, or is part of.
  [[nodiscard]] std::uint32_t among_many(const Operand& o) const {
    const auto& memory = program_.of(EntityKind::allocation);
    std::uint32_t m = UINT32_MAX;
    if (o.kind == Operand::Kind::element || (o.kind == Operand::Kind::entity && o.entity == EntityKind::field) ||
        (o.kind == Operand::Kind::entity && o.entity == EntityKind::allocation)) {
      m = o.index;
    } else if (o.kind == Operand::Kind::entity && o.entity != EntityKind::none && o.index < program_.of(o.entity).size()) {
      m = program_.of(o.entity)[o.index].allocation;
    }
    while (m < memory.size() && !many_.contains(m)) m = memory[m].allocation;
    return m < memory.size() ? m : UINT32_MAX;
  }

  void look_at(const Function& f, const Instruction& i, const Operand& o) { used(f, i, among_many(o), o.name); }

  void look_at(const Function& f, const Instruction& i, const Value& v) {
    for (const Term* t : {&v.left, &v.right}) look_at(f, i, *t);
  }

  void look_at(const Function& f, const Instruction& i, const Term& t) {
    if (t.kind != Term::Kind::pointer) return;
    const auto m = static_cast<std::uint32_t>(t.constant);
    used(f, i, among_many({.kind = Operand::Kind::entity, .entity = EntityKind::allocation, .index = m}), "");
  }

  void used(const Function& f, const Instruction& i, std::uint32_t m, const std::string& written) {
    if (m != UINT32_MAX) uses_.push_back({&f, &i, m, written});
  }

  // Whether it is allocated in one place only, once in its life: then that makes the one that the name means.
  bool means_one(std::uint32_t m) {
    Instruction* only = nullptr;
    for (std::size_t f = 0; f < program_.functions.size(); ++f)
      for (std::size_t at = 0; at < program_.functions[f].code.size(); ++at) {
        Instruction& i = program_.functions[f].code[at];
        if (i.to == no_local || !declares(program_, i) || i.operand.entity != EntityKind::allocation || i.operand.index != m) continue;
        if (only != nullptr || !made_once(program_, f, at)) return false;
        only = &i;
      }
    if (only != nullptr) only->named = true;
    return only != nullptr;
  }

  void say(const Use& use) {
    const auto& [function, instruction, m, written] = use;
    const Function& f = *function;
    const Instruction& i = *instruction;
    const std::string& name = program_.of(EntityKind::allocation)[m].name;
    std::string local;  // in which this function has one of them
    for (const Instruction& made : f.code)
      if (made.to != no_local && declares(program_, made) && made.operand.entity == EntityKind::allocation && made.operand.index == m)
        local = f.local_names[made.to];
    const bool member = written.starts_with(name + ".");
    nodes_[i.site].value().error(
        out_, fmt::format("'{}' is another one each time that it is allocated (\"to\"): its name does not say which", name),
        "a local that points to it", local.empty() ? local : local + (member ? written.substr(name.size()) : ""));
  }

  Program& program_;
  const std::vector<Node>& nodes_;
  Diagnostics& out_;
  std::set<std::uint32_t> many_;
  std::vector<Use> uses_;
};

}  // namespace

void find_names_of_many(Program& p, const std::vector<Node>& nodes, Diagnostics& out) { NamesOfMany(p, nodes, out).find(); }

}  // namespace unplug::scenarios
