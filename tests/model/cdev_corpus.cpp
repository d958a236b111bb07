// Bugs of character devices whose files stay open (posix-clock-cdev-lifetime, i2c-del-adapter-waits-for-fd).
#include "model/cdev_driver.hpp"

namespace unplug::model::test {

// Fact: cdev-put-after-release.
TEST_CASE("cdev: a cdev embedded in memory that release frees is put after that, unless the memory is the parent of its kobject") {
  CdevDriver d;
  bool parent = false, close_first = false;
  Waiter opened, closed;
  d.open.body = [&](Context& c, File&) {
    kref_get(c, d.priv);
    return 0;
  };
  d.release.body = [&](Context& c, File&) {
    d.put(c);
    return 0;
  };
  Lab lab([&](Lab& l) {
    d.fops_owner = d.cdev_owner = false;
    d.init(l);
    if (parent) d.parented();
    l.init(opened, "opened");
    l.init(closed, "closed");
    l.task("driver", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      wait_for_completion(c, close_first ? closed : opened);
      cdev_del(c, d.cdev);
      d.put(c);
    });
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      if (chrdev_open(c, d.mknod, file) != 0) return complete_all(c, close_first ? closed : opened);
      complete(c, opened);
      vfs_close(c, file);
      complete(c, closed);
    });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@user");
  close_first = true;
  CHECK(every(lab).text().empty());
  close_first = false;
  parent = true;
  CHECK(every(lab, [&] { CHECK(word(lab, d.priv.fields[0].second) == 0); }).text().empty());
}

TEST_CASE("cdev: removal that waits for the last close is unbounded while a file is open, and nothing to report if it is closed") {
  CdevDriver d;
  Waiter released, opened;
  enum class User { never, closes, after_removal } user = User::never;
  Waiter removed, quit;
  d.open.body = [&](Context& c, File&) {
    kref_get(c, d.priv);
    return 0;
  };
  d.release.body = [&](Context& c, File&) {
    if (kref_put(c, d.priv)) complete(c, released);
    return 0;
  };
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(released, "released", Owner::driver);
    l.init(opened, "opened");
    l.init(removed, "removed");
    l.init(quit, "quit", Owner::user);
    l.task("user", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      File file;
      init_file(l.kernel, file);
      must(chrdev_open(c, d.mknod, file) == 0);
      c.engine().step({.operation = &mark_op, .access = {released.object, sim::AccessKind::read}},
                      [&](std::uint64_t) { c.kernel().hold(released.object, c.engine().current()); });
      complete(c, opened);
      if (user == User::never) wait_for_completion(c, quit);
      if (user == User::after_removal) wait_for_completion(c, removed);
      vfs_close(c, file);
    });
    l.remover("remover", [&](Context& c) {
      wait_for_completion(c, opened);
      c.kernel().removal_phase = RemovalPhase::remove;
      cdev_del(c, d.cdev);
      if (kref_put(c, d.priv)) complete(c, released);
      wait_for_completion(c, released);
      complete(c, removed);
    });
  });
  CHECK(every(lab).text() == "unbounded-remove(released)@remover");
  user = User::closes;
  CHECK(every(lab).text().empty());
  user = User::after_removal;
  const Found f = every(lab);
  CHECK(f.count("deadlock(released)@remover") + f.count("deadlock(removed)@user") > 0);
  CHECK(f.count("hung-remove(released)@remover") > 0);
}

}  // namespace unplug::model::test
