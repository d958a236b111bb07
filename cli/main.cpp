// The program `unplug`: one file per verb, no logic here.
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/version.hpp"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"unplug: a deterministic simulator of Linux driver hot-unplug", "unplug"};
  app.set_version_flag("--version", fmt::format("unplug {}", unplug::version));
  app.require_subcommand(1);
  app.footer("Start here:\n"
             "  unplug list scenarios                 what ships with the tool\n"
             "  unplug compare scenarios/nova-timer.json\n"
             "  unplug replay out/report/failures/FILE.json\n"
             "\nExit codes: 0 as expected, 1 not as expected (or a replay that reproduced its violation),\n"
             "2 usage or input, 3 internal error, 4 a replay that did not reproduce its violation.\n"
             "Interrupted, run and compare report what is finished and end with 128 + signal.");
  int exit = unplug::cli::as_expected;
  unplug::cli::add_run(app, exit);
  unplug::cli::add_compare(app, exit);
  unplug::cli::add_prove(app, exit);
  unplug::cli::add_diff(app, exit);
  unplug::cli::add_replay(app, exit);
  unplug::cli::add_verify(app, exit);
  unplug::cli::add_validate(app, exit);
  unplug::cli::add_calibrate(app, exit);
  unplug::cli::add_new(app, exit);
  unplug::cli::add_explain(app, exit);
  unplug::cli::add_list(app, exit);
  unplug::cli::add_schema(app, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    unplug::cli::print_error(e.what());
    const auto verbs = app.get_subcommands();
    fmt::print(stderr, "usage: {}\n",
               verbs.empty() ? "unplug run|compare|prove|diff|replay|verify|validate|new|explain|list ... (unplug --help)"
                             : fmt::format("unplug {0} --help", verbs.front()->get_name()));
    return unplug::cli::bad_input;
  }
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "unplug: internal error: %s\n", e.what());
  } catch (...) {
    std::fputs("unplug: internal error\n", stderr);
  }
  return unplug::cli::internal_error;
}
