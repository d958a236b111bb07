#include "unplug/scenarios/language/homes.hpp"

#include <algorithm>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint32_t none = UINT32_MAX;

bool names_fops(EntityKind kind) {
  return std::ranges::any_of(verbs(), [&](const Verb& v) {
    return v.operand == OperandKind::declaration && v.entity == kind &&
           std::ranges::any_of(v.keys, [](const KeySpec& k) { return k.kind == KeyKind::fops; });
  });
}

// Waiting until a function has been called is no call.
bool calls_function(const Verb& v) {
  if (v.operand == OperandKind::function) return true;
  return v.operand != OperandKind::declaration && std::ranges::any_of(v.keys, [](const KeySpec& k) { return k.kind == KeyKind::function; });
}

// Grows the sets until nothing is added: functions run for whom what leads to them runs for, and things are whose makers run for them.
class Search {
 public:
  Search(const Program& program, const std::vector<std::vector<EntitySpec>>& things, const std::vector<Maker>& makers)
      : p_(program), things_(things), makers_(makers) {
    out_.functions.resize(p_.functions.size());
    for (const auto& list : things) out_.things.emplace_back(list.size());
    for (std::size_t k = first_listed_kind; k < entity_kinds; ++k)
      if (names_fops(static_cast<EntityKind>(k))) with_files_.push_back(k);
  }

  Homes run() {
    begin();
    do {
      grown_ = false;
      for (const Maker& m : makers_)
        if (m.function < out_.functions.size() && !embedded(m)) add(thing(m.kind, m.index), DeviceSet(out_.functions[m.function]));
      for (std::size_t k = 0; k < things_.size(); ++k)
        for (std::uint32_t i = 0; i < things_[k].size(); ++i) called_by(static_cast<EntityKind>(k), i);
      for (std::uint32_t f = 0; f < p_.functions.size(); ++f) calls(f);
    } while (grown_);
    return std::move(out_);
  }

 private:
  DeviceSet& thing(EntityKind kind, std::uint32_t index) { return out_.things[static_cast<std::size_t>(kind)][index]; }

  // What is embedded in memory is whose the memory is, whoever initialises it.
  [[nodiscard]] bool embedded(const Maker& m) const { return things_[static_cast<std::size_t>(m.kind)][m.index].allocation != none; }

  void add(DeviceSet& to, const DeviceSet& from) {
    for (const std::uint32_t d : from) grown_ = to.insert(d).second || grown_;
  }
  void add(std::uint32_t function, const DeviceSet& from) {
    if (function < out_.functions.size()) add(out_.functions[function], from);
  }

  // What is there before any function has led to anything.
  void begin() {
    DeviceSet all;
    for (std::uint32_t d = 0; d < p_.devices.size(); ++d) {
      const DeviceSpec& device = p_.devices[d];
      const ModuleSpec& m = p_.modules[device.module];
      all.insert(d);
      if (device.real) {
        for (const std::uint32_t f : {m.probe, m.remove, m.post_unbind}) add(f, {d});
        for (const std::uint32_t a : m.dev_groups) add(thing(EntityKind::attribute, a), {d});
      } else {
        add(m.init, {d});
      }
    }
    for (std::uint32_t m = 0; m < p_.modules.size(); ++m)
      if (const auto home = home_of(p_, m)) add(p_.modules[m].exit, {*home});
    for (std::size_t k = 0; k < things_.size(); ++k)
      for (std::uint32_t i = 0; i < things_[k].size(); ++i) {
        const EntitySpec& e = things_[k][i];
        if (e.of_policy || e.scope == Scope::world) add(thing(static_cast<EntityKind>(k), i), all);
        if (e.is_static)
          if (const auto home = home_of(p_, e.module)) add(thing(static_cast<EntityKind>(k), i), {*home});
      }
    // Tasks and threads outside of any module run for what comes first.
    for (const Function& f : p_.functions)
      if (!f.driver) add(out_.functions[static_cast<std::size_t>(&f - p_.functions.data())], {0});
  }

  void called_by(EntityKind kind, std::uint32_t index) {
    const EntitySpec& e = things_[static_cast<std::size_t>(kind)][index];
    DeviceSet& self = thing(kind, index);
    if (e.allocation != none) add(self, thing(EntityKind::allocation, e.allocation));
    add(e.function, self);
    for (const auto& [key, f] : e.functions) add(f, self);
    if (std::ranges::find(with_files_, static_cast<std::size_t>(kind)) == with_files_.end()) return;
    const auto table = [&](std::uint64_t number) {
      if (number >= p_.fops.size()) return;
      for (const std::uint32_t f : p_.fops[number].functions) add(f, self);
    };
    table(e.number("fops"));
    table(p_.replacement_fops);
    for (const VmOpsSpec& v : p_.vm_ops)
      for (const std::uint32_t f : {v.open, v.close, v.fault}) add(f, self);
  }

  // Whom a step calls, or has called later: for its own binding. What a declaration names is the thing's to call.
  void calls(std::uint32_t function) {
    for (const Instruction& i : p_.functions[function].code) {
      if (i.function == none || i.function == function) continue;
      const Verb* const v = i.site == no_site ? nullptr : find_verb(p_.sites[i.site].verb);
      if (v != nullptr && calls_function(*v)) add(i.function, DeviceSet(out_.functions[function]));
    }
  }

  const Program& p_;
  const std::vector<std::vector<EntitySpec>>& things_;
  const std::vector<Maker>& makers_;
  std::vector<std::size_t> with_files_;  // kinds that have a table of file operations
  Homes out_;
  bool grown_ = false;
};

}  // namespace

std::optional<std::uint32_t> home_of(const Program& p, std::uint32_t module) {
  for (std::uint32_t d = 0; d < p.devices.size(); ++d)  // what stands for modules alone comes first
    if (p.devices[d].module == module) return d;
  return {};
}

Homes find_homes(const Program& program, const std::vector<std::vector<EntitySpec>>& things, const std::vector<Maker>& makers) {
  return Search(program, things, makers).run();
}

std::optional<std::uint32_t> meant(const DeviceSet& homes, std::uint32_t device, const DeviceSet& once) {
  if (homes.empty() || homes.contains(device)) return device;
  if (homes.size() == 1 && once.contains(*homes.begin())) return *homes.begin();
  return {};
}

}  // namespace unplug::scenarios
