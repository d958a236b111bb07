// unplug prove FILE...: every execution that differs, and what stands behind the verdict.
#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {

void add_prove(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("prove", "exhaustive exploration: one execution per trace, none twice (run --strategy dpor)");
  add_options(*verb, *o, "prove");
  verb->get_option("--executions")
      ->description("stop after so many traces, one for all namings of tasks that are alike: the evidence is bounded then (default: all)");
  verb->remove_option(verb->get_option("--strategy"));  // that is what the verb says
  auto preemptions = std::make_shared<int>(-1);
  add_number(
      *verb, "--preemptions", [preemptions](std::uint64_t n) { *preemptions = static_cast<int>(n); }, 0, 9,
      "instead, every schedule with up to K preemptions (run --strategy 'bounded(K)')")
      ->option_text("K");
  verb->add_flag("--profile", o->profile, "say which object's accesses how many traces differ in; takes one thread");
  verb->add_option("--reduction", o->reduction, "what is taken as one, to compare: none, additions, symmetry, or both as by default")
      ->option_text("WHICH")
      ->check(CLI::IsMember({"none", "additions", "symmetry", "both"}).description(""));
  for (const char* const option : {"--profile", "--reduction"}) verb->get_option(option)->excludes(verb->get_option("--preemptions"));
  verb->callback([o, preemptions, &exit] {
    o->strategies = {*preemptions < 0 ? std::string(sim::exhaustive_strategy) : fmt::format("bounded({})", *preemptions)};
    const auto ran = run_files(*o, {}, "prove", exit);
    if (!ran) return;
    exit = show(*o, *ran);
  });
}

}  // namespace unplug::cli
