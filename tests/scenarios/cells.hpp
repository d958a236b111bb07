// Cells of exhaustive searches, and all that a report shows of one.
#pragma once

#include <set>

#include <fmt/format.h>

#include "files.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios::test {

inline RunOptions exhaustive(unsigned jobs) {
  RunOptions o;
  o.strategies = {std::string(sim::exhaustive_strategy)};
  o.strategies_given = true;
  o.jobs = jobs;
  return o;
}

// Everything of a cell that a report shows.
inline std::string text(const Cell& c) {
  std::string out =
      fmt::format("{} {} {} {} {} | ops {} {} {} {} {} {} {} {} | rmmod {} {} {}\n", c.member, c.policy, c.executions,
                  static_cast<int>(c.evidence.kind), c.evidence.distinct_traces, c.operations.started, c.operations.completed,
                  c.operations.refused_at_entry, c.operations.torn, c.operations.failed, c.operations.unfinished,
                  c.operations.entry_branches, c.operations.torn_branches, c.unload.attempted, c.unload.refused, c.unload.done_while_open);
  for (const auto* list : {&c.violations, &c.notes})
    for (const Finding& f : *list)
      out += fmt::format("  {} {} | {} | {} | {}\n", f.signature, f.count, f.message, f.feasibility, f.preemptions.value_or(0));
  for (const Wait& w : c.waits)
    out += fmt::format("  wait {} {} {} {} {} {} {}\n", static_cast<int>(w.phase), w.what, w.function, w.owner,
                       fmt::join(w.waited_for, ","), w.executions, w.blocked);
  out += fmt::format("  gps {} {} | never {} | verdict {}\n", c.grace_periods.p50, c.grace_periods.max, fmt::join(c.never_reached, ","),
                     static_cast<int>(c.verdict));
  for (const Never& n : c.never) out += fmt::format("  never {} {}\n", n.what, n.how);
  for (const KeptApart& k : c.kept_apart) out += fmt::format("  apart {} {}\n", k.what, k.by);
  return out;
}

inline std::set<std::string> signatures(const Cell& c) {
  std::set<std::string> out;
  for (const auto* list : {&c.violations, &c.notes})
    for (const Finding& f : *list) out.insert(f.signature);
  return out;
}

}  // namespace unplug::scenarios::test
