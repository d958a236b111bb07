// The table of classes, and that no test program of the model shows one that the table doesn't have.
#include "unplug/model/core/violation_class.hpp"

#include <set>
#include <string>

#include <doctest/doctest.h>

namespace unplug::model::test {

TEST_CASE("violation classes: one table: kebab-case names, all different, found by name, two of them notes") {
  std::set<std::string_view> names, notes;
  std::size_t i = 0;
  for (const ViolationClassInfo& c : violation_classes()) {
    CAPTURE(c.name);
    CHECK(static_cast<std::size_t>(c.id) == i++);
    CHECK(&info(c.id) == &c);
    CHECK(names.insert(c.name).second);
    CHECK(c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
    CHECK(c.meaning.size() > 10);
    CHECK(c.meaning.back() != '.');
    CHECK(violation_class(c.name) == c.id);
    if (c.note) notes.insert(c.name);
  }
  CHECK(i > 20);
  CHECK(notes == std::set<std::string_view>{"module-pinned", "runs-after-unbind"});
  CHECK(!violation_class("use_after_free"));
  CHECK(!violation_class(""));
}

}  // namespace unplug::model::test
