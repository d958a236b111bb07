// kernel/module: modules that use each other's symbols.
#include "model/steps.hpp"

namespace unplug::model::test {

// Fact: module-dependants, module-forced.
TEST_CASE("module: a module that another depends on stays, forced or not, until the other has been freed") {
  Module core, user;
  Lab lab([&](Lab& l) {
    l.init(core, "core");
    l.init(user, "user", false);
    l.task("t", [&](Context& c) {
      must(do_init_module(c, user, l.rcu, [&] { return ref_module(c, user, core) ? 0 : -2; }) == 0);
      must(delete_module(c, core, l.rcu, [] {}) == DeleteResult::would_block);
      must(delete_module(
               c, core, l.rcu, [] {}, Unload::forced) == DeleteResult::would_block);
      must(delete_module(c, user, l.rcu, [] {}) == DeleteResult::gone);
      must(delete_module(c, core, l.rcu, [] {}) == DeleteResult::gone);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "module-pinned(core)@t");
  CHECK(f.details.begin()->second == "delete_module('core') answers -EWOULDBLOCK: module 'user' depends on it");
}

// Fact: module-dependants.
TEST_CASE("module: a dependence that is there from the start holds as one that loading made, and is given back the same way") {
  Module core, user;
  Lab lab([&](Lab& l) {
    init_module(l.kernel, core, l.name("core"), l.name("core"), true, 1);
    l.init(user, "user");
    init_dependency(user, core);
    l.task("t", [&](Context& c) {
      must(delete_module(c, core, l.rcu, [] {}) == DeleteResult::would_block);
      must(delete_module(c, user, l.rcu, [] {}) == DeleteResult::gone);
      must(delete_module(c, core, l.rcu, [] {}) == DeleteResult::gone);
    });
  });
  const Found f = every(lab);
  CHECK(f.text() == "module-pinned(core)@t");
  CHECK(f.details.begin()->second == "delete_module('core') answers -EWOULDBLOCK: module 'user' depends on it");
}

// Fact: module-dependants.
TEST_CASE("module: symbols of a module that is not LIVE can't be had") {
  Module core, user;
  Lab lab([&](Lab& l) {
    l.init(core, "core", false);
    l.init(user, "user", false);
    l.task("t", [&](Context& c) {
      must(!ref_module(c, user, core));
      must(do_init_module(c, core, l.rcu, [&] { return ref_module(c, user, core) ? -1 : 0; }) == 0);
      must(delete_module(c, core, l.rcu, [&] { must(!ref_module(c, user, core)); }) == DeleteResult::gone);
    });
  });
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
