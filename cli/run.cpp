// unplug run FILE...: what each file asks for.
#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/json.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::cli {

void add_run(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("run", "run what each file asks for: policies, forms, expectations");
  add_options(*verb, *o, "out/run");
  verb->callback([o, &exit] {
    const auto ran = run_files(*o, {"mix"}, "run", exit);
    if (!ran) return;
    if (o->json) {
      fmt::print("{}", reports::write_json(ran->result));
    } else if (!o->quiet) {
      fmt::print("{}", reports::find_writer("terminal")->write(ran->result, {width(), colour(o->color)}));
    }
    exit = finish(*ran, scenarios::as_expected(ran->result) ? as_expected : not_as_expected);
  });
}

}  // namespace unplug::cli
