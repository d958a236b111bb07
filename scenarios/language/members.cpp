// "h.idz", where h is a local: which memory h may point to, as far as the text says, and whether any of it has a member of that name.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/language/warnings.hpp"

namespace unplug::scenarios {
namespace {

// What holds a pointer: a local of a function, or the fields of one name, whatever memory they are in.
using Place = std::pair<std::uint32_t, std::string>;
constexpr std::uint32_t fields = UINT32_MAX;

struct Contents {
  std::set<std::uint32_t> memory;  // by number
  std::set<Place> from;            // what is in these, too
  bool anything = false;           // what the text does not say
};

class Pointers {
 public:
  explicit Pointers(const Program& p) : program_(p) {
    for (std::uint32_t f = 0; f < p.functions.size(); ++f) {
      for (const Instruction& i : p.functions[f].code) add(f, i);
      const std::uint32_t given = p.functions[f].binding_local, kept = p.state[static_cast<std::size_t>(PolicyState::binding)];
      if (given != no_local && kept != UINT32_MAX) contents_[local(f, given)].memory.insert(kept);
    }
    for (std::size_t h = 0; h < hook_count; ++h) {
      if (p.hooks[h] == UINT32_MAX) continue;
      const std::array<bool, policy_states> given{true, hooks()[h].resource, hooks()[h].file};
      for (std::uint32_t s = 0; s < policy_states; ++s)
        if (given[s] && p.state[s] != UINT32_MAX) contents_[local(p.hooks[h], s)].memory.insert(p.state[s]);
      contents_[local(p.hooks[h], token_local)].anything = true;
    }
    if (p.shared == UINT32_MAX) return;
    for (const FieldSpec& f : p.of(EntityKind::allocation)[p.shared].fields)
      if (f.initial != 0) contents_[{fields, f.name}].anything = true;
  }

  // All that the local may hold.
  [[nodiscard]] Contents of(std::uint32_t function, std::uint32_t number) const {
    Contents all;
    std::vector<Place> open{local(function, number)};
    while (!open.empty()) {
      const Place at = open.back();
      open.pop_back();
      const auto found = contents_.find(at);
      if (!all.from.insert(at).second || found == contents_.end()) continue;
      all.memory.insert(found->second.memory.begin(), found->second.memory.end());
      all.anything = all.anything || found->second.anything;
      open.insert(open.end(), found->second.from.begin(), found->second.from.end());
    }
    return all;
  }

 private:
  static Place local(std::uint32_t function, std::uint32_t number) { return {function, std::to_string(number)}; }

  [[nodiscard]] Place field(const Operand& o) const {
    return {fields, o.kind == Operand::Kind::entity ? program_.of(EntityKind::allocation)[o.index].fields[o.field].name : o.name};
  }

  void put(const Place& to, std::uint32_t function, const Value& v) {
    Contents& c = contents_[to];
    if (v.op != Value::Op::none || v.left.kind == Term::Kind::file) c.anything = true;
    if (v.left.kind == Term::Kind::pointer) c.memory.insert(static_cast<std::uint32_t>(v.left.constant));
    if (v.left.kind == Term::Kind::local) c.from.insert(local(function, v.left.local));
  }

  void add(std::uint32_t function, const Instruction& i) {
    const Verb* const v = i.site == no_site ? nullptr : find_verb(program_.sites[i.site].verb);
    const bool on_field = v != nullptr && i.operand.entity == EntityKind::field && i.operand.kind != Operand::Kind::none;
    const bool plain = v != nullptr && v->operand == OperandKind::field && i.operand.kind != Operand::Kind::element;
    const bool stores = plain && std::ranges::find(v->keys, KeyKind::value, &KeySpec::kind) != v->keys.end();
    for (const auto& [to, value] : i.arguments)
      if (i.function != UINT32_MAX) put(local(i.function, to), function, value);
    if (on_field && (stores || v->operand == OperandKind::custom)) {
      if (stores) {
        put(field(i.operand), function, i.value);
      } else {
        contents_[field(i.operand)].anything = true;
      }
    }
    if (i.to == no_local) return;
    const Place to = local(function, i.to);
    if (v != nullptr && v->operand == OperandKind::declaration && v->entity == EntityKind::allocation) {
      contents_[to].memory.insert(i.operand.index);
    } else if (v != nullptr && v->name == "let") {
      put(to, function, i.value);
    } else if (on_field && plain && !stores) {
      contents_[to].from.insert(field(i.operand));
    } else {
      contents_[to].anything = true;
    }
  }

  const Program& program_;
  std::map<Place, Contents> contents_;
};

bool has(const Program& p, std::uint32_t memory, const Operand& member) {
  if (member.entity == EntityKind::field)
    return std::ranges::find(p.of(EntityKind::allocation)[memory].fields, member.name, &FieldSpec::name) !=
           p.of(EntityKind::allocation)[memory].fields.end();
  return std::ranges::any_of(p.of(member.entity), [&](const EntitySpec& e) { return e.allocation == memory && e.member == member.name; });
}

}  // namespace

void check_members(const Program& p, const std::vector<Node>& nodes, Diagnostics& out) {
  const Pointers pointers(p);
  std::map<std::pair<std::uint32_t, std::uint32_t>, Contents> looked_up;  // by function and local
  const auto& memory = p.of(EntityKind::allocation);
  for (std::uint32_t f = 0; f < p.functions.size(); ++f) {
    for (const Instruction& i : p.functions[f].code) {
      const Operand& o = i.operand;
      if (o.kind != Operand::Kind::member || i.site == no_site || !nodes[i.site]) continue;
      auto held = looked_up.find({f, o.local});
      if (held == looked_up.end()) held = looked_up.emplace(std::pair{f, o.local}, pointers.of(f, o.local)).first;
      const Contents& c = held->second;
      const std::string& local = p.functions[f].local_names[o.local];
      const Node at = nodes[i.site].value();
      // A field that nobody stores to may be for a form or a hook that is not there: only a local that itself holds nothing is a mistake.
      const bool nothing = !c.anything && c.memory.empty() && c.from.size() == 1, known = !c.anything && !c.memory.empty();
      if (nothing) {
        at.warning(out, fmt::format("'{}' points to no memory here", local), "a local that a step of some function has made point to some");
        continue;
      }
      std::set<std::uint32_t> candidates = c.memory;
      for (std::uint32_t m = 0; !known && m < memory.size(); ++m)
        if (m != p.shared) candidates.insert(m);
      if (std::ranges::any_of(candidates, [&](std::uint32_t m) { return has(p, m, o); })) continue;
      std::vector<std::string> members, names;
      for (const std::uint32_t m : candidates) {
        names.push_back(memory[m].name);
        if (o.entity == EntityKind::field) {
          for (const FieldSpec& field : memory[m].fields) members.push_back(field.name);
        } else {
          for (const EntitySpec& e : p.of(o.entity))
            if (e.allocation == m) members.push_back(e.member);
        }
      }
      const std::string nearest = nearest_word(o.name, members), expected = members.empty() ? "" : fmt::format("one of: {}", join(members));
      const std::string suggested = nearest.empty() ? nearest : fmt::format("{}.{}", local, nearest);
      const std::string_view kind = o.entity == EntityKind::field ? "field" : name(o.entity);
      if (known) {
        const std::string by = names.size() == 1 && names.front() == local ? "" : fmt::format(", to which '{}' points", local);
        at.error(out, fmt::format("no {} '{}' in '{}'{}", kind, o.name, join(names), by), expected, suggested);
      } else {
        at.warning(out, fmt::format("no memory of this file has a {} '{}'", kind, o.name), expected, suggested);
      }
    }
  }
}

}  // namespace unplug::scenarios
