// unplug compare FILE...: every policy of each file, safety and latency, and the report.
#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/json.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

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
  add_options(*verb, *o, "out/report");
  verb->callback([o, &exit] {
    auto ran = run_files(*o, {"mix", "timed"}, "compare", exit);
    if (!ran) return;
    std::string error;
    const std::string page = o->out + "/index.html", data = o->out + "/result.json";
    if (!scenarios::write_atomically(page, reports::find_writer("html")->write(ran->result, {}), error) ||
        !scenarios::write_atomically(data, reports::write_json(ran->result), error))
      ran->problems.push_back({false, error});
    if (o->json) {
      fmt::print("{}", reports::write_json(ran->result));
    } else if (!o->quiet) {
      fmt::print("{}", reports::find_writer("terminal")->write(ran->result, {width(), colour(o->color)}));
      if (error.empty()) fmt::print("\nreport: {}\n", page);
    }
    exit = finish(*ran, unmet(ran->result) ? not_as_expected : as_expected);
  });
}

}  // namespace unplug::cli
