#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/language/warnings.hpp"

namespace unplug::scenarios {
namespace {

// What a step does for the end of a loop that it is in.
enum class Part : std::uint8_t {
  nothing,  // it looks, or undoes what it does
  changes,
  ends  // a wait, or it can't go on for ever
};

bool is_any_of(std::string_view word, std::initializer_list<std::string_view> starts) {
  return std::ranges::any_of(starts, [&](std::string_view s) { return word.starts_with(s); });
}

Part part_of(const Verb& v, const Instruction& i) {
  if (i.limit != UINT32_MAX) return Part::ends;
  // Waits; what fails if there is nothing more to take; retries that somebody else makes necessary.
  if (is_any_of(v.name, {"wait_",
                         "await",
                         "schedule",
                         "read_poll",
                         "readl_poll",
                         "poll",
                         "epoll_wait",
                         "dma_fence_wait",
                         "kthread_should_stop",
                         "list_",
                         "idr_",
                         "xa_",
                         "cmpxchg",
                         "atomic_cmpxchg",
                         "test_and_",
                         "xchg",
                         "atomic_xchg",
                         "atomic_dec_and_test",
                         "refcount_dec_and_test",
                         "kref_put",
                         "try_wait_",
                         "choose",
                         "maybe"}) ||
      v.name.find("trylock") != std::string_view::npos || v.name.find("not_zero") != std::string_view::npos)
    return Part::ends;
  if (!v.acts || v.lock != LockEffect::none ||
      is_any_of(v.name, {"rcu_read_", "srcu_read_", "read", "ioread", "in", "test_bit", "completion_done"}))
    return Part::nothing;
  return Part::changes;
}

// Of the functions that a loop calls: whether one of their steps changes something.
Part part_of_call(const Program& p, std::uint32_t function, std::set<std::uint32_t>& seen) {
  Part out = Part::nothing;
  if (function >= p.functions.size() || !seen.insert(function).second) return out;
  for (const Instruction& i : p.functions[function].code) {
    const Verb* v = i.site == no_site ? nullptr : find_verb(p.sites[i.site].verb);
    if (v == nullptr) continue;
    const Part part = v->name == "call" ? part_of_call(p, i.function, seen) : part_of(*v, i);
    if (part == Part::ends) return Part::ends;
    if (part == Part::changes) out = Part::changes;
  }
  return out;
}

}  // namespace

void warn_about_loops(const Program& p, const std::vector<Node>& nodes, Diagnostics& out) {
  for (const Function& f : p.functions)
    for (std::uint32_t at = 0; at < f.code.size(); ++at) {
      const Instruction& back = f.code[at];
      if (back.target > at || back.site == no_site || !nodes[back.site]) continue;
      const std::string& word = p.sites[back.site].verb;
      if (word != "goto" && word != "if") continue;
      bool changes = false, ends = false;
      std::set<std::uint32_t> counted, asked, seen;
      for (std::uint32_t k = back.target; k <= at; ++k) {
        const Instruction& i = f.code[k];
        const Verb* v = i.site == no_site ? nullptr : find_verb(p.sites[i.site].verb);
        if (v == nullptr) continue;
        if (v->name == "let" && i.value.op != Value::Op::none) counted.insert(i.to);
        if (i.condition.local != no_local && v->name == "if") asked.insert(i.condition.local);
        const Part part = v->name == "call" ? part_of_call(p, i.function, seen) : part_of(*v, i);
        changes = changes || part == Part::changes;
        ends = ends || part == Part::ends;
      }
      const bool counts = std::ranges::any_of(counted, [&](std::uint32_t l) { return asked.contains(l); });
      if (changes && !ends && !counts)
        nodes[back.site].warning(
            out, "this loop changes something each time round, and nothing bounds it",
            "a wait (wait_event, read_poll_timeout), a count (\"let\" and \"if\"), or \"at_most\": an exhaustive search "
            "visits an execution for each number of rounds");
    }
}

}  // namespace unplug::scenarios
