// What words mean and what failure files show, as text.
#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/golden.hpp"
#include "unplug/model/core/violation_class.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/words/explain.hpp"
#include "unplug/reports/words/reference.hpp"
#include "unplug/scenarios/language/shape.hpp"

using namespace unplug;
using namespace unplug::reports;

namespace {

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    widest = std::max(widest, display_width(text.substr(at, end - at)));
    at = end + 1;
  }
  return widest;
}

}  // namespace

TEST_CASE("explain: a verb, an alias, a class, a note, a policy, a key of files, a verb that is a key as well") {
  for (const char* word : {"mutex_trylock", "schedule_work", "use", "rcu_read_lock", "use-after-free", "module-pinned", "srcu-fence",
                           "threads", "params", "open"}) {
    CAPTURE(word);
    test::check_golden(fmt::format("reports/explain/{}.txt", word), explain_word(word, 80));
  }
}

TEST_CASE("every verb, class, built-in policy and key is explained, and nothing else") {
  const std::vector<std::string> words = words_to_explain();
  CHECK(std::ranges::is_sorted(words));
  for (const std::string& word : words) {
    CAPTURE(word);
    const std::string text = explain_word(word, 80);
    CHECK(text.starts_with(word + " ("));
    CHECK(text.ends_with("\n"));
    CHECK(printable(text.substr(0, text.find('\n'))) == text.substr(0, text.find('\n')));
  }
  const auto knows = [&](std::string_view word) { return std::ranges::binary_search(words, word); };
  for (const scenarios::Verb& v : scenarios::verbs()) CHECK(knows(v.name));
  for (const model::ViolationClassInfo& c : model::violation_classes()) CHECK(knows(c.name));
  for (const std::string& p : scenarios::builtin_policies()) CHECK(knows(p));
  for (const char* key : {"static", "removal_after", "before_devres"}) CHECK(knows(key));
  CHECK(!knows("NAME"));
  CHECK(explain_word("no-such-word", 80).empty());
  CHECK(explain_word("", 80).empty());
}

TEST_CASE("explanations fit the terminal, what is to be copied aside") {
  for (const char* word : {"devm_request_irq", "wait_for_completion", "data-race", "rcu-revoke+fd-refcount"}) {
    CAPTURE(word);
    CHECK(widest_line(explain_word(word, 60)) <= 100);
    CHECK(widest_line(explain_word(word, 60)) < widest_line(explain_word(word, 200)));
  }
}

TEST_CASE("an example is a step of that verb, from a shipped file where one has it") {
  std::size_t shipped = 0;
  for (const scenarios::Verb& v : scenarios::verbs()) {
    CAPTURE(v.name);
    const Example e = example_of(v);
    const auto step = nlohmann::json::parse(e.step);
    CHECK((step.is_string() ? step == v.name : step.contains(v.name)));
    if (e.where.empty()) continue;
    CHECK(e.where.starts_with("scenarios/"));
    ++shipped;
  }
  CHECK(shipped >= 40);
  CHECK(example_of(*scenarios::find_verb("return")).step.find("\"if\"") == std::string::npos);
}

TEST_CASE("explain: what a failure file shows and how it is replayed") {
  scenarios::FailureFile f;
  f.scenario_path = "scenarios/nova-timer.json";
  f.policy = *[] {
    scenarios::Diagnostics quiet;
    return scenarios::find_policy("rcu-revoke", {}, {}, quiet);
  }();
  f.params = {{"bars", "3"}};
  f.removal = "unbind+rmmod";
  f.strategy = "mix";
  f.seed = 7;
  f.index = 12;
  f.violation_class = "execute-after-free";
  f.signature = "execute-after-free(nova_core): user nova_ioctl/readl#1 after remove delete_module/free_text";
  f.message = "'user.0' executes readl (nova_ioctl) after 'remove' text freed (delete_module)";
  f.steps = 81;
  f.decisions.resize(19);
  test::check_golden("reports/explain/failure.txt", explain_failure(f, "out/report/failures/x.json", 80));
  f.form = "buggy";
  CHECK(explain_failure(f, "x.json", 80).find("form 'buggy'") != std::string::npos);
  CHECK(explain_failure(f, "x.json", 80).find("timed") == std::string::npos);
  f.timed = true;
  CHECK(explain_failure(f, "x.json", 80).find("timed") != std::string::npos);
}

TEST_CASE("the reference page is made from the tables") {
  const std::string page = reference_page();
  for (const scenarios::Verb& v : scenarios::verbs()) {
    CAPTURE(v.name);
    CHECK(page.find(v.alias_of.empty() ? fmt::format("\n#### {}\n", v.name) : std::string(v.name)) != std::string::npos);
  }
  test::check_generated("docs/scenario-reference.md", page);
}
