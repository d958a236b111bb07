#include "unplug/scenarios/language/warnings.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint32_t none = UINT32_MAX;

// Instructions that may follow number `at`; none: it doesn't go on there, or leaves the function by going there.
struct Successors {
  std::uint32_t next = none, target = none;
  bool leaves = false, target_leaves = false;
};

Successors successors(const Function& f, std::uint32_t at) {
  const Instruction& i = f.code[at];
  Successors s;
  if (i.flow != Flow::jump && i.flow != Flow::leave) s.next = at + 1;
  if (i.target != no_target) s.target = i.target;
  s.leaves = i.flow == Flow::leave || i.flow == Flow::maybe_leave;
  const auto past_the_end = [&](std::uint32_t& to) {
    if (to == none || to < f.code.size()) return false;
    to = none;
    return true;
  };
  if (past_the_end(s.next)) s.leaves = true;
  s.target_leaves = past_the_end(s.target);
  return s;
}

std::vector<bool> reachable(const Function& f) {
  std::vector<bool> seen(f.code.size(), false);
  std::vector<std::uint32_t> open;
  const auto visit = [&](std::uint32_t at) {
    if (at != none && at < seen.size() && !seen[at]) {
      seen[at] = true;
      open.push_back(at);
    }
  };
  visit(0);
  while (!open.empty()) {
    const Successors s = successors(f, open.back());
    open.pop_back();
    visit(s.next);
    visit(s.target);
  }
  return seen;
}

const Verb* verb_of(const Program& p, const Instruction& i) { return i.site == no_site ? nullptr : find_verb(p.sites[i.site].verb); }

// The functions that `from` leads to by calls.
std::set<std::uint32_t> called_from(const Program& p, std::uint32_t from) {
  std::set<std::uint32_t> seen;
  std::vector<std::uint32_t> open{from};
  while (!open.empty()) {
    const std::uint32_t f = open.back();
    open.pop_back();
    if (f >= p.functions.size() || !seen.insert(f).second) continue;
    for (const Instruction& i : p.functions[f].code)
      if (const Verb* v = verb_of(p, i); v != nullptr && v->name == "call") open.push_back(i.function);
  }
  return seen;
}

// What a lock verb works on, as far as the steps of one function tell.
std::string lock_of(const Instruction& i) {
  return i.operand.kind == Operand::Kind::member ? fmt::format("local {} {}", i.operand.local, i.operand.name) : i.operand.name;
}

using Held = std::map<std::string, std::uint32_t>;  // lock: the instruction that took it

void join(Held& into, const Held& from, bool& changed) {
  for (const auto& [lock, by] : from) changed = into.emplace(lock, by).second || changed;
}

}  // namespace

void find_reached(const Program& p, const std::vector<Node>& nodes, Reached& into) {
  for (const Function& f : p.functions) {
    const std::vector<bool> seen = reachable(f);
    for (std::uint32_t i = 0; i < f.code.size(); ++i) {
      const std::uint32_t site = f.code[i].site;
      if (site == no_site || !nodes[site] || f.code[i].flow == Flow::jump) continue;
      auto& [node, is] = into[nodes[site].id()];
      node = nodes[site];
      is = is || seen[i];
    }
  }
}

void warn_about_steps(const Reached& reached, Diagnostics& out) {
  for (const auto& [id, step] : reached)
    if (!step.second)
      step.first.warning(out, "no schedule can reach this step", "a way to it: the steps before it always leave, or go elsewhere");
}

void warn_about_interrupts(const Program& p, const std::vector<Node>& nodes, Diagnostics& out) {
  std::vector<std::uint32_t> last;  // what runs in the end: remove(), module_exit(), and what devres calls
  for (const ModuleSpec& m : p.modules) last.insert(last.end(), {m.remove, m.exit});
  for (const Function& f : p.functions)
    for (const Instruction& i : f.code)
      if (const Verb* v = verb_of(p, i); v != nullptr && v->name.starts_with("devm_add_action")) last.push_back(i.function);
  std::set<std::uint32_t> freed;
  for (const std::uint32_t from : last)
    for (const std::uint32_t f : called_from(p, from))
      for (const Instruction& i : p.functions[f].code)
        if (const Verb* v = verb_of(p, i); v != nullptr && v->name == "free_irq") freed.insert(i.operand.index);
  for (const Function& f : p.functions) {
    const std::uint32_t remove = p.modules[f.module].remove;
    if (remove == none) continue;
    for (const Instruction& i : f.code) {
      const Verb* v = verb_of(p, i);
      if (v == nullptr || v->operand != OperandKind::declaration || v->entity != EntityKind::irq || v->name.starts_with("devm_")) continue;
      if (!freed.contains(i.operand.index) && nodes[i.site])
        nodes[i.site].warning(out, fmt::format("'{}' is never freed by '{}'", i.operand.name, p.functions[remove].name),
                              "free_irq in remove(), in a function that it calls, or in an action of devres");
    }
  }
}

namespace {

// The functions that may run from the moment that instruction `i` has made something known.
std::set<std::uint32_t> entered_by(const Program& p, const Verb& v, const Instruction& i) {
  std::set<std::uint32_t> entries;
  if (v.operand != OperandKind::declaration || i.operand.kind != Operand::Kind::entity) return entries;
  const EntityKind kind = i.operand.entity;
  if (kind != EntityKind::irq && kind != EntityKind::attribute && kind != EntityKind::chardev) return entries;
  const EntitySpec& spec = p.of(kind)[i.operand.index];
  if (kind == EntityKind::chardev) {
    for (const FopsSpec& fops : p.fops)
      if (fops.module == spec.module) entries.insert(fops.functions.begin(), fops.functions.end());
  } else if (kind == EntityKind::attribute || (spec.number(irq_key::flags) & irq_flag::no_autoen) == 0) {
    entries = {spec.function, spec.function_of("thread_fn")};
  }
  std::set<std::uint32_t> all;
  for (const std::uint32_t f : entries)
    if (f != none) all.merge(called_from(p, f));
  return all;
}

bool uses_thing(const Operand& o, const Operand& thing) {
  return o.kind == Operand::Kind::entity && o.entity == thing.entity && o.index == thing.index;
}

bool uses(const Function& f, const Operand& thing) {
  return std::ranges::any_of(f.code, [&](const Instruction& i) { return uses_thing(i.operand, thing) || uses_thing(i.second, thing); });
}

}  // namespace

void warn_about_order(const Program& p, const std::vector<Node>& nodes, Diagnostics& out) {
  for (const Function& f : p.functions) {
    std::map<std::uint32_t, std::set<std::uint32_t>> known;  // by instruction: what may run from there on
    for (std::uint32_t at = 0; at < f.code.size(); ++at) {
      const Instruction& i = f.code[at];
      const Verb* v = verb_of(p, i);
      if (v == nullptr) continue;
      if (auto entered = entered_by(p, *v, i); !entered.empty()) known.emplace(at, std::move(entered));
      if (v->operand != OperandKind::declaration)  // freed, removed, deregistered, or disabled
        std::erase_if(known, [&](const auto& k) { return uses_thing(i.operand, f.code[k.first].operand); });
      if (v->operand != OperandKind::declaration || v->acts || i.sets_up || i.operand.kind != Operand::Kind::entity || !nodes[i.site])
        continue;
      for (const auto& [by, functions] : known) {
        const auto user = std::ranges::find_if(functions, [&](std::uint32_t g) { return uses(p.functions[g], i.operand); });
        if (user == functions.end()) continue;
        nodes[i.site].warning(out,
                              fmt::format("'{}' is set up after '{}': '{}' may use it before", i.operand.name, f.code[by].operand.name,
                                          p.functions[*user].name),
                              fmt::format("this step before {}", p.sites[f.code[by].site].verb));
        break;
      }
    }
  }
}

void warn_about_locks(const Program& p, const std::vector<Node>& nodes, Diagnostics& out) {
  std::set<std::uint32_t> called;
  for (const Function& f : p.functions)
    for (const Instruction& i : f.code)
      if (const Verb* v = verb_of(p, i); v != nullptr && v->name == "call") called.insert(i.function);
  for (std::uint32_t n = 0; n < p.functions.size(); ++n) {
    const Function& f = p.functions[n];
    if (called.contains(n) || f.code.empty() || std::ranges::find(p.hooks, n) != p.hooks.end()) continue;
    std::vector<Held> before(f.code.size());
    Held at_end;
    std::vector<std::uint32_t> open{0};
    std::vector<bool> seen(f.code.size(), false);
    seen[0] = true;
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      const Instruction& i = f.code[at];
      const Verb* v = verb_of(p, i);
      Held after = before[at], refused = before[at];
      // Whether it was got may be in a local only: nothing is known then.
      const bool known = i.to == no_local || i.target != no_target;
      if (v != nullptr && v->lock == LockEffect::takes && known) after.emplace(lock_of(i), at);
      if (v != nullptr && v->lock == LockEffect::releases) after.erase(lock_of(i));
      if (v != nullptr && v->name == "call")
        for (const std::uint32_t g : called_from(p, i.function))
          for (const Instruction& j : p.functions[g].code)
            if (const Verb* w = verb_of(p, j); w != nullptr && w->lock == LockEffect::releases)
              std::erase_if(after, [&](const auto& h) { return h.first == lock_of(j) || j.operand.kind == Operand::Kind::member; });
      if (v == nullptr || v->lock != LockEffect::takes) refused = after;
      const Successors s = successors(f, at);
      bool ignored = false;
      if (s.leaves) join(at_end, after, ignored);
      if (s.target_leaves) join(at_end, refused, ignored);
      for (const auto& [to, held] : {std::pair{s.next, &after}, std::pair{s.target, &refused}}) {
        if (to == none) continue;
        bool changed = !seen[to];
        seen[to] = true;
        join(before[to], *held, changed);
        if (changed) open.push_back(to);
      }
    }
    for (const auto& [lock, by] : at_end)
      if (const Node node = nodes[f.code[by].site])
        node.warning(out, fmt::format("'{}' is still held where '{}' returns, on some path", f.code[by].operand.name, f.name),
                     "an unlock on every way out");
  }
}

}  // namespace unplug::scenarios
