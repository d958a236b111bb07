// libFuzzer's entry points: ./dev fuzz.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"
#include "unplug/scenarios/language/verb.hpp"

namespace {

// The words of the language, as libFuzzer reads them.
void print_dictionary() {
  using namespace unplug;
  std::set<std::string> words{"unplug", "scenario/1", "policy/1", "failure/1", "name", "params",  "shared", "modules", "functions", "run",
                              "tasks",  "threads",    "final",    "observe",   "that", "require", "forbid", "expect",  "must",      "may",
                              "count",  "as",         "do",       "kind",      "form", "line",    "id",     "$n",      "goto",      "else"};
  const auto add = [&](std::string_view word) { words.emplace(word); };
  for (const scenarios::Verb& v : scenarios::verbs()) {
    add(v.name);
    for (const scenarios::KeySpec& k : v.keys) add(k.name);
  }
  for (std::size_t k = 0; k < scenarios::entity_kinds; ++k) add(scenarios::name(static_cast<scenarios::EntityKind>(k)));
  for (const model::ViolationClassInfo& c : model::violation_classes()) add(c.name);
  for (const model::MechanismInfo& m : model::mechanisms()) add(m.name);
  for (const std::string& p : scenarios::builtin_policies()) add(p);
  for (const std::string& w : words) std::printf("\"\\\"%s\\\"\"\n", w.c_str());
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): names that libFuzzer calls
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc == 2 && std::string_view((*argv)[1]) == "--dictionary") {
    print_dictionary();
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unplug::fuzz::load(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
// NOLINTEND(readability-identifier-naming)
