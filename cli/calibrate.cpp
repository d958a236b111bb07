// unplug calibrate: the model beside a measured kernel.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/calibration.hpp"

namespace unplug::cli {

void add_calibrate(CLI::App& app, int& exit) {
  auto o = std::make_shared<Options>();
  o->executions = scenarios::calibration::CalibrateOptions{}.executions;
  CLI::App* verb = app.add_subcommand("calibrate", "the model beside a measured kernel: what it predicts, and what was measured");
  verb->add_option("--executions", o->executions, "executions of each row (default 2000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
  verb->add_option("--seed", o->seed, "seed of the campaign");
  verb->add_option("--jobs", o->jobs, "threads; the result does not depend on it (default: one per CPU)")->check(CLI::Range(0U, 1024U));
  verb->add_flag("--json", o->json, "print the result as one JSON document");
  verb->add_flag("--quiet", o->quiet, "no table");
  verb->add_option("--color", o->color, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
  verb->footer("Exit codes: 0 every judged row and slope is met, 1 one is missed.");
  verb->callback([o, &exit] {
    const unsigned jobs = o->jobs != 0 ? o->jobs : std::max(1U, std::thread::hardware_concurrency());
    const auto calibration = scenarios::calibration::calibrate({o->seed, o->executions, jobs});
    if (o->json) {
      fmt::print("{}", reports::write_calibration_json(calibration));
    } else if (!o->quiet) {
      fmt::print("{}", reports::write_calibration(calibration, {width(), colour(o->color)}));
    }
    exit = calibration.good() ? as_expected : not_as_expected;
  });
}

}  // namespace unplug::cli
