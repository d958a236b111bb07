// kernel/srcu: sections that are not closed as they were opened.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: srcu-one-task.
TEST_CASE("srcu: a section begins and ends in one task: ended by another it is over all the same, but that is misuse") {
  Srcu s;
  Waiter handed, over;
  bool hands_over = true;
  std::uint64_t index = 0;
  Lab lab([&](Lab& l) {
    l.init(s, "srcu");
    l.init(handed, "handed");
    l.init(over, "over");
    l.task("reader", [&](Context& c) {
      index = srcu_read_lock(c, s);
      complete(c, handed);
      wait_for_completion(c, over);
      if (!hands_over) srcu_read_unlock(c, s, index);
    });
    l.task("helper", [&](Context& c) {
      wait_for_completion(c, handed);
      if (hands_over) srcu_read_unlock(c, s, index);
      complete_all(c, over);
    });
    l.task("updater", [&](Context& c) {
      wait_for_completion(c, over);
      synchronize_srcu(c, s);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "api-misuse(srcu)@helper, leak(srcu)@reader");  // lockdep: returns to user space with the map still held
  CHECK(f.places.at("api-misuse(srcu)@helper") == "srcu_read_unlock");
  CHECK(f.blocked == 0);
  hands_over = false;
  f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

// Fact: srcu-index-handed-back.
TEST_CASE("srcu: unlock with the wrong index hangs every later grace period, an index that is none is misuse") {
  Srcu srcu;
  std::uint64_t wrong = 1;
  Lab lab([&](Lab& l) {
    l.init(srcu, "srcu");
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, srcu);
      srcu_read_unlock(c, srcu, i ^ wrong);
    });
    l.remover("remove", [&](Context& c) { synchronize_srcu(c, srcu); });
  });
  Found f = every(lab);
  CHECK(f.text() == "deadlock(srcu)@remove");
  CHECK(f.details.begin()->second == "'remove' waits in synchronize_srcu(srcu), which nobody will end");
  CHECK(f.blocked > 0);
  wrong = 2;
  f = every(lab);
  CHECK(f.text() == "api-misuse(srcu)@reader");
  CHECK(f.places.begin()->second == "srcu_read_unlock");
}

}  // namespace unplug::model::test
