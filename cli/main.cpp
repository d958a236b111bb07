// The program `unplug`: one file per verb, no logic here.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/candidates.hpp"
#include "unplug/cli/common.hpp"
#include "unplug/cli/shells.hpp"
#include "unplug/cli/stopping.hpp"
#include "unplug/version.hpp"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"unplug: a deterministic simulator of Linux driver hot-unplug", "unplug"};
  app.set_version_flag("--version", fmt::format("unplug {}", unplug::version));
  app.require_subcommand(1);
  int exit = unplug::cli::as_expected;
#define UNPLUG_VERB(name) unplug::cli::add_##name(app, exit);
#include "unplug/cli/verbs.def"
#undef UNPLUG_VERB
  for (CLI::App* verb : app.get_subcommands({}))  // help then says "FILE", not "FILE TEXT"
    for (CLI::Option* o : verb->get_options([](const CLI::Option* p) { return p->get_positional(); })) o->type_name("");
  std::string codes;
  for (const unplug::cli::ExitCode& c : unplug::cli::exit_codes()) codes += fmt::format("  {:8} {}\n", c.code, c.meaning);
  codes.pop_back();
  app.footer("Start here:\n"
             "  unplug list scenarios                 what ships with the tool\n"
             "  unplug compare nova-timer\n"
             "  unplug replay unplug-out/report/failures/FILE.json\n"
             "\nA FILE may be - for standard input, or the name of one that ships.\n"
             "Exit codes:\n" +
             codes);
  std::vector<std::string> verbs;
  for (const CLI::App* verb : unplug::cli::verbs_of(app)) verbs.push_back(verb->get_name());
  if (argc > 1 && argv[1][0] != '-' && argv[1] != unplug::cli::asking && std::ranges::find(verbs, argv[1]) == verbs.end())
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
