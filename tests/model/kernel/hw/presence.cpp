// kernel/presence: what surprise removal changes.
#include "unplug/model/kernel/hw/presence.hpp"
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: gone-all-ones.
TEST_CASE("surprise removal: a device is there until it is pulled, and never comes back") {
  Presence p;
  std::set<std::pair<bool, bool>> seen;
  bool first = false, second = false;
  Lab lab([&](Lab& l) {
    init_presence(l.kernel, p, l.name("dev"), l.name("dev"));
    l.task("reader", [&](Context& c) {
      first = is_present(c, p);
      second = is_present(c, p);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, p); });
  });
  CHECK(every_schedule(lab, [&] { seen.emplace(first, second); }).text().empty());
  CHECK(seen == std::set<std::pair<bool, bool>>{{true, true}, {true, false}, {false, false}});
}

}  // namespace unplug::model::test
