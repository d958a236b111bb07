// A driver in a few lines, explored exhaustively, and what it shows.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "files.hpp"

namespace unplug::scenarios::test {

// What a test is about is in its own functions; the rest is a module `foo` with a device node that `users` open and call.
struct ShortDriver {
  std::string probe, ioctl, remove, functions;     // steps; `functions` begins with a comma
  std::string fops, module, sections, run, tasks;  // more of these sections; each begins with a comma
  int users = 1;
  std::string removal = R"("unbind")";

  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"name": "t", "modules": {{"foo": {{"fops": {{"owner": null, "unlocked_ioctl": "foo_ioctl"{}}}{}}}}}{},
      "functions": {{
        "foo_probe": [{}{}{{"misc_register": "foo0"}}], "foo_ioctl": [{}],
        "foo_remove": [{{"misc_deregister": "foo0"}}{}{}]{}}},
      "run": {{"removal": {}{}, "removal_after": "0ms..1ms", "tasks": {{"user": {{"count": {}, "do": [{{"open": "foo0", "to": "fd"}},
    {{"ioctl": "fd"}}, {{"close": "fd"}}]}}{}}}}},
      "policies": ["none"], "strategies": ["dpor"]}})",
                       fops, module, sections, probe, probe.empty() ? "" : ", ", ioctl, remove.empty() ? "" : ", ", remove, functions,
                       removal, run, users, tasks);
  }
};

// What an exhaustive search of it shows: "class(object)@function", each once, in the order of the alphabet.
inline std::string shows(const ShortDriver& s) {
  Diagnostics out;
  const auto scenario = parse_scenario(s.text(), "t", {}, out);
  INFO(out.render());
  REQUIRE(scenario != nullptr);
  RunOptions options;
  options.executions = 100'000;
  const ScenarioResult r = run(*scenario, options);
  std::vector<std::string> found;
  for (const Cell& c : r.cells) {
    CHECK(c.evidence.kind == Evidence::Kind::exhaustive);
    CHECK(c.unreplayed_predictions == 0);
    for (const Finding& f : c.violations) {
      const std::string text = fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function);
      if (std::ranges::find(found, text) == found.end()) found.push_back(text);
    }
  }
  std::ranges::sort(found);
  return fmt::format("{}", fmt::join(found, ", "));
}

// Whether it shows that among other things.
inline bool shows(const ShortDriver& s, const std::string& what) { return shows(s).find(what) != std::string::npos; }

}  // namespace unplug::scenarios::test
