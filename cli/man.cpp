// unplug man [VERB]: manual pages.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/candidates.hpp"
#include "unplug/cli/common.hpp"
#include "unplug/cli/man_page.hpp"
#include "unplug/scenarios/run/output.hpp"

namespace unplug::cli {
namespace {

int write_all(const CLI::App& app, const std::string& folder) {
  const auto write = [&](const std::string& name, const std::string& page) {
    std::string error;
    const std::string path = (std::filesystem::path(folder) / (name + ".1")).string();
    if (scenarios::write_atomically(path, page, error)) return true;
    print_error(fmt::format("can't write {}: {}", path, error));
    return false;
  };
  std::error_code ignored;  // what can't be made can't be written to either, and that is said
  std::filesystem::create_directories(folder, ignored);
  if (!write("unplug", man_page(app))) return internal_error;
  const auto verbs = verbs_of(app);
  return std::ranges::all_of(verbs, [&](const CLI::App* v) { return write("unplug-" + v->get_name(), man_page(app, *v)); })
             ? as_expected
             : internal_error;
}

int print_page(const CLI::App& app, const std::string& name) {
  if (name.empty()) {
    say(man_page(app));
    return as_expected;
  }
  std::vector<std::string> known;
  for (const CLI::App* v : verbs_of(app)) {
    known.push_back(v->get_name());
    if (v->get_name() != name) continue;
    say(man_page(app, *v));
    return as_expected;
  }
  return unknown_word("man", name, fmt::format("one of: {}", fmt::join(known, ", ")), known);
}

}  // namespace

void add_man(CLI::App& app, int& exit) {
  struct Arguments {
    std::string verb, folder;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("man", "the manual page of the program, or of a verb, for man and groff");
  verb->add_option("VERB", a->verb, "which verb; without it, the program as a whole");
  verb->add_option("--all", a->folder, "write all of them into this folder, as unplug.1, unplug-run.1, ...")->type_name("FOLDER");
  verb->footer("To read one that isn't installed:  unplug man run | man -l -");
  verb->callback([a, &app, &exit] { exit = a->folder.empty() ? print_page(app, a->verb) : write_all(app, a->folder); });
}

}  // namespace unplug::cli
