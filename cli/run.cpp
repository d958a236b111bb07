// unplug run FILE...: what each file asks for.
#include "unplug/cli/common.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {

void add_run(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("run", "run what each file asks for: policies, forms, expectations");
  add_options(*verb, *o, "run");
  verb->callback([o, &exit] {
    const auto ran = run_files(*o, {std::string(sim::automatic_strategy)}, "run", exit);
    if (!ran) return;
    exit = show(*o, *ran);
  });
}

}  // namespace unplug::cli
