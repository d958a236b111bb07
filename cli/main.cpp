// The program `unplug`: one file per verb, no logic here.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/common.hpp"
#include "unplug/cli/stopping.hpp"
#include "unplug/version.hpp"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"unplug: a deterministic simulator of Linux driver hot-unplug", "unplug"};
  app.set_version_flag("--version", fmt::format("unplug {}", unplug::version));
  app.require_subcommand(1);
  app.footer("Start here:\n"
             "  unplug list scenarios                 what ships with the tool\n"
             "  unplug compare nova-timer\n"
             "  unplug replay unplug-out/report/failures/FILE.json\n"
             "\nA FILE may be - for standard input, or the name of one that ships.\n"
             "Exit codes: 0 as expected, 1 not as expected (or a replay that reproduced its violation),\n"
             "2 usage or input, 3 internal error or output that can't be written, 4 a replay that did not\n"
             "reproduce its violation. Interrupted, what is finished is reported, with 128 + signal.");
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
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (argc > 1 && argv[1][0] != '-' && std::ranges::find(verbs, argv[1]) == verbs.end())
    return unplug::cli::unknown_word("unplug", argv[1], fmt::format("one of: {}", fmt::join(verbs, ", ")), verbs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    unplug::cli::print_error(e.what());
    const auto meant = app.get_subcommands();
    fmt::print(stderr, "usage: {}\n",
               meant.empty() ? fmt::format("unplug {} ... (unplug --help)", fmt::join(verbs, "|"))
                             : fmt::format("unplug {} --help", meant.front()->get_name()));
    return unplug::cli::bad_input;
  }
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    unplug::cli::ignore_broken_pipes();
    const int exit = run(argc, argv);
    return unplug::cli::output_is_written() ? exit : unplug::cli::internal_error;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "unplug: internal error: %s\n", e.what());
  } catch (...) {
    std::fputs("unplug: internal error\n", stderr);
  }
  return unplug::cli::internal_error;
}
