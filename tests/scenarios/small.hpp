// A driver of a few lines, explored exhaustively: for tests of what single verbs do.
#pragma once

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "files.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios::test {

// Steps, as they stand in a file; "priv" has the fields n and m, and is freed at the end of remove(). A step that only marks a place is
// {"udelay": "1ns", "id": ...}.
struct Small {
  std::string probe, remove, functions, tasks;
  std::string op;      // of a sysfs attribute that user space reads once, and which remove() takes away first
  std::string kernel;  // keys of that section

  [[nodiscard]] std::string text() const {
    const auto list = [](const std::string& before, const std::string& steps, const std::string& after) {
      return fmt::format("[{}]", fmt::join(
                                     [&] {
                                       std::vector<std::string> out;
                                       for (const std::string* s : {&before, &steps, &after})
                                         if (!s->empty()) out.push_back(*s);
                                       return out;
                                     }(),
                                     ", "));
    };
    const bool has_op = !op.empty();
    return fmt::format(
        R"({{"name": "t", "kernel": {{{}}}, "modules": {{"foo": {{}}}}, "functions": {{"foo_probe": {}, {} {} "foo_remove": {}}},
          "run": {{"removal": ["unbind"], "tasks": {{{}{}{}}}}}}})",
        kernel,
        list(R"({"kzalloc": "priv", "fields": {"n": 0, "m": 0}})", probe, has_op ? R"({"device_create_file": "op", "fn": "foo_op"})" : ""),
        has_op ? fmt::format(R"("foo_op": [{}],)", op) : "", functions.empty() ? "" : functions + ",",
        list(has_op ? R"({"device_remove_file": "op"})" : "", remove, R"({"kfree": "priv"})"),
        has_op ? R"("user": {"do": [{"sysfs_read": "op"}]})" : "", has_op && !tasks.empty() ? ", " : "", tasks);
  }
};

// What exhaustive exploration of it finds.
struct Explored {
  Cell cell;
  std::set<std::string> found;  // "class(object)@function", notes too

  [[nodiscard]] bool reaches(const std::string& step) const {
    return std::ranges::find(cell.never_reached, step) == cell.never_reached.end();
  }
  [[nodiscard]] bool clean() const { return cell.violations.empty(); }
  [[nodiscard]] bool shows(const std::string& what) const { return found.contains(what); }
  // For messages of failed checks.
  [[nodiscard]] std::string text() const { return fmt::format("{}", fmt::join(found, ", ")); }
};

inline Explored explore(const Small& small) {
  Diagnostics out;
  LoadOptions load;
  load.policies = {"none"};
  const auto s = parse_scenario(small.text(), "t", load, out);
  INFO(out.render());
  REQUIRE(s != nullptr);
  RunOptions options;
  options.strategies = {std::string(sim::exhaustive_strategy)};
  const ScenarioResult r = run(*s, options, load);
  REQUIRE(r.cells.size() == 1);
  CHECK(r.cells[0].evidence.kind == Evidence::Kind::exhaustive);
  CHECK(r.cells[0].unreplayed_predictions == 0);
  Explored e{r.cells[0], {}};
  for (const auto* list : {&e.cell.violations, &e.cell.notes})
    for (const Finding& f : *list) e.found.insert(fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function));
  return e;
}

// What is said of a file that is wrong; empty: nothing.
inline std::string mistakes(const Small& small) {
  Diagnostics out;
  LoadOptions load;
  load.policies = {"none"};
  return parse_scenario(small.text(), "t", load, out) == nullptr ? out.render() : std::string{};
}

// What is said of a file that is not wrong.
inline std::string warnings(const Small& small) {
  Diagnostics out;
  LoadOptions load;
  load.policies = {"none"};
  REQUIRE(parse_scenario(small.text(), "t", load, out) != nullptr);
  return out.render();
}

}  // namespace unplug::scenarios::test
