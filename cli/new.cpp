// unplug new TEMPLATE [NAME]: a file to start from.
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/common.hpp"
#include "unplug/scenarios/reference/templates.hpp"
#include "unplug/scenarios/run/output.hpp"

namespace unplug::cli {
namespace {

struct Arguments {
  std::string name_of_template, name, out;
};

// Where `cmake --install` has put it: ../share/unplug/schema beside the program's folder. Empty if it isn't there.
std::string installed_schema(const std::string& kind) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const auto schema = program.parent_path().parent_path() / "share/unplug/schema" / (kind + "-1.json");
  return std::filesystem::exists(schema, error) ? schema.string() : std::string{};
}

int make(const Arguments& a) {
  const auto all = scenarios::templates();
  const auto found = std::ranges::find(all, a.name_of_template, &scenarios::Template::name);
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const scenarios::Template& t : all) known.push_back(t.name);
    return unknown_word("new", a.name_of_template, fmt::format("one of: {}", fmt::join(known, ", ")), known);
  }
  if (!a.name.empty() && !scenarios::may_be_a_name(a.name)) {
    print_error(fmt::format("'{}' can't be the name: letters, digits and _, a letter first", a.name));
    return bad_input;
  }
  const std::string text = scenarios::instantiate(*found, a.name, installed_schema(found->kind));
  if (a.out.empty()) {
    say(text);
    return as_expected;
  }
  if (std::filesystem::exists(a.out)) {
    print_error(fmt::format("{} is there already; another name, or remove it first", a.out));
    return bad_input;
  }
  std::string error;
  if (scenarios::write_atomically(a.out, text, error)) return as_expected;
  print_error(fmt::format("can't write {}: {}", a.out, error));
  return bad_input;
}

}  // namespace

void add_new(CLI::App& app, int& exit) {
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("new", "a file to start from: complete, commented, with expectations that are met");
  verb->add_option("TEMPLATE", a->name_of_template, "what to start from (unplug list templates)")->required();
  verb->add_option("NAME", a->name, "of the driver, whose functions' names begin with it; or of the test or policy");
  verb->add_option("--out", a->out, "the file to write, which must not exist (default: print it)")->type_name("NEW-FILE");
  verb->callback([a, &exit] { exit = make(*a); });
}

}  // namespace unplug::cli
