// unplug compare FILE...: every policy of each file, safety and latency, and the report.
#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {
namespace {

bool unmet(const scenarios::Result& result) {
  for (const auto& s : result.scenarios)
    for (const auto& c : s.cells)
      for (const auto& e : c.expectations)
        if (!e.met) return true;
  return false;
}

}  // namespace

void add_compare(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("compare", "every policy of each file, safety and latency, and the report");
  add_options(*verb, *o, "report");
  verb->callback([o, &exit] {
    auto ran = run_files(*o, {std::string(sim::automatic_strategy), "timed"}, "compare", exit);
    if (!ran) return;
    const bool written = ran->output->write("index.html", reports::find_writer("html")->write(ran->result, {}));
    print_result(*o, ran->result);
    if (written && !o->json && o->format.empty() && !o->quiet) say(fmt::format("\nreport: {}\n", ran->output->path("index.html")));
    exit = finish(*ran, unmet(ran->result) ? not_as_expected : as_expected);
  });
}

}  // namespace unplug::cli
