// Listings and their differences: what a person reads of a form.
#include <string>

#include <doctest/doctest.h>

#include "unplug/scenarios/reference/listing.hpp"

using namespace unplug::scenarios;

namespace {

std::string lines(const std::string& steps, const std::string& form = {}) {
  Diagnostics out;
  const auto d = Document::parse(R"({"functions": {"f": [)" + steps + "]}}", "t", out);
  REQUIRE(d != nullptr);
  std::string text;
  for (const std::string& l : listing(*d, form)) text += l + "\n";
  return text;
}

}  // namespace

TEST_CASE("listing: a step a line, results first, keys in parentheses") {
  CHECK(lines(
            R"({"load": "priv.x", "to": "x"}, "rcu_read_lock", {"store": "priv.x", "value": 1},
                 {"queue_delayed_work": "w", "delay": "1ms"})") ==
        "f()\n{\n  x = load(priv.x)\n  rcu_read_lock()\n  store(priv.x, 1)\n  queue_delayed_work(w, delay = 1ms)\n}\n");
}

TEST_CASE("listing: branches, blocks, labels and refusals") {
  CHECK(lines(R"({"if": "x == 0", "return": "-EIO"}, {"if": "y", "do": ["rcu_read_lock"], "else": ["rcu_read_unlock"]},
    {"use": "bar0", "do": [{"readl": "bar0.A"}], "else": "out"}, {"label": "out"}, {"return": 0})") ==
        "f()\n{\n  if (x == 0) return -EIO\n  if (y) {\n    rcu_read_lock()\n  } else {\n    rcu_read_unlock()\n  }\n"
        "  use bar0 {\n    readl(bar0.A)\n  } else goto out\nout:\n  return 0\n}\n");
}

TEST_CASE("listing: the steps of one form, with the maintainer's lines") {
  const std::string steps = R"({"readl": "b.A", "form": "old", "line": 12}, {"writel": "b.A", "form": ["new", "newer"]})";
  CHECK(lines(steps, "old").find("readl(b.A)") != std::string::npos);
  CHECK(lines(steps, "old").find("// line 12\n") != std::string::npos);
  CHECK(lines(steps, "old").find("writel") == std::string::npos);
  CHECK(lines(steps, "newer").find("writel") != std::string::npos);
}

TEST_CASE("unified diff: nothing for equals, else headers, hunks and three lines of context") {
  const std::vector<std::string> a{"1", "2", "3", "4", "5", "6"}, b{"1", "2", "3", "4", "x", "6"};
  CHECK(unified_diff(a, a, "a", "b").empty());
  CHECK(unified_diff(a, b, "a", "b") == "--- a\n+++ b\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+x\n 6\n");
}
