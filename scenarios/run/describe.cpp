#include "unplug/scenarios/run/describe.hpp"

#include <array>
#include <map>

#include <fmt/format.h>

#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/run/entry_kinds.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

namespace unplug::scenarios {
namespace {

std::vector<std::string> kernel_lines(const Program& p) {
  const model::KernelConfig& k = p.kernel;
  static constexpr std::array<std::string_view, 4> presets{"idle", "busy", "pathological", "idle-one-cpu"};
  std::vector<std::string> lines{fmt::format("version {}", k.version),
                                 fmt::format("PREEMPT_RCU {}", k.preempt_rcu ? "y" : "n"),
                                 fmt::format("HZ {}", k.hz),
                                 fmt::format("cpus {} (under timed)", k.cpus),
                                 k.grace_period ? fmt::format("grace period {} us, exactly", *k.grace_period / 1000)
                                                : fmt::format("grace periods {}", presets[static_cast<std::size_t>(k.grace_periods)]),
                                 fmt::format("module unload {} a grace period", k.unload_grace_period ? "waits for" : "does not wait for")};
  if (p.watch_interrupts) lines.emplace_back("grace periods wait for interrupt and softirq handlers");
  if (k.debug_shirq) lines.emplace_back("DEBUG_SHIRQ y");
  if (p.keventd) lines.emplace_back("one thread takes what is on the system's queue");
  return lines;
}

}  // namespace

void describe(const Scenario& s, ScenarioResult& r) {
  const Program& first = *s.programs.front();
  r.name = s.name;
  r.path = s.path;
  r.title = s.title;
  r.source = s.source;
  r.text_hash = text_hash(s.document->text());
  r.kernel = kernel_lines(first);
  r.defaults_taken = s.defaults_taken;
  r.model_limits = {"memory is sequentially consistent: no weak-memory reordering", entry_kinds_missing(s)};
  std::map<std::string, std::string> primitives;
  for (const auto& p : s.programs) {
    for (const SiteSpec& site : p->sites) {
      const Verb* v = find_verb(site.verb);
      if (v == nullptr || v->models.empty()) continue;
      primitives[std::string(v->name)] =
          fmt::format("{}: {}{}", v->name, v->models, v->leaves_out.empty() ? "" : fmt::format("; leaves out {}", v->leaves_out));
    }
  }
  for (const auto& [name, line] : primitives) r.primitives.push_back(line);
  for (const PolicyFile& p : s.policies) r.policies.push_back(label(p));
}

}  // namespace unplug::scenarios
