// unplug calibrate: the model beside a measured kernel.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/cli/progress.hpp"
#include "unplug/reports/words/calibration.hpp"

namespace unplug::cli {

void add_calibrate(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  o->executions = scenarios::calibration::CalibrateOptions{}.executions;
  CLI::App* verb = app.add_subcommand("calibrate", "the model beside a measured kernel: what it predicts, and what was measured");
  add_number(
      *verb, "--executions", [o](std::uint64_t n) { o->executions = n; }, 1, 1'000'000, "executions of each row (default 2000)");
  add_number(
      *verb, "--seed", [o](std::uint64_t n) { o->seed = n; }, 0, UINT64_MAX, "seed of the campaign");
  add_jobs(*verb, o->jobs);
  verb->add_flag("--json", o->json, "print the result as one JSON document");
  verb->add_flag("--quiet", o->quiet, "no table");
  add_color(*verb, o->color);
  verb->footer("Exit codes: 0 every judged row and slope is met, 1 one is missed.");
  verb->callback([o, &exit] {
    ProgressLine progress(o->quiet);
    progress.about("calibrate");
    catch_signals();
    const auto calibration = scenarios::calibration::calibrate(
        {o->seed, o->executions, threads(o->jobs),
         [&](std::uint64_t done, std::uint64_t all) { progress.show({.unit = "row", .visited = done, .all = all}); }, stop_asked});
    progress.clear();
    if (!calibration) {
      print_error("interrupted: a calibration says nothing before all its rows are there");
      exit = interrupted + caught_signal();
      return;
    }
    if (o->json) {
      say(reports::write_calibration_json(*calibration));
    } else if (!o->quiet) {
      say(reports::write_calibration(*calibration, {width(), colour(o->color)}));
    }
    exit = calibration->good() ? as_expected : not_as_expected;
  });
}

}  // namespace unplug::cli
