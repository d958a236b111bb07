// drivers/usb/core/file.c: names of USB class devices, and the rw_semaphore under which they come and go.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Node {
  CharDevice device;
  Registration r;
  FileBody open;
  void init(Lab& l, Rwsem& minor_rwsem, const std::string& n) {
    init_char_device(l.kernel, device, l.name(n), l.name(n), nullptr, &minor_rwsem);
    r = {};
    r.open = FileBody::run;
    r.open_argument = &open;
    init_registration(l.kernel, device, r, l.name(n + " registration"), {});
  }
  int try_open(Context& c, Lab& l) {
    File file;
    init_file(l.kernel, file);
    const int result = vfs_open(c, device, file);
    if (file.open) vfs_close(c, file);
    return result;
  }
};

}  // namespace

// Fact: usb_deregister_dev-waits-for-open.
TEST_CASE("usb: usb_deregister_dev waits for opens in flight, after it open says -ENODEV, and opens don't wait for each other") {
  Rwsem minor_rwsem;
  Node a, b;
  bool inside = false, met = false, together = false, gone = false;
  int others = 0;
  std::set<int> seen;  // what open answers
  Lab lab([&](Lab& l) {
    l.init(minor_rwsem, "minor_rwsem");
    inside = gone = false;
    others = 0;
    a.init(l, minor_rwsem, "a");
    b.init(l, minor_rwsem, "b");
    a.open.body = [&](Context& c, File&) {
      inside = true;
      mark(c);
      met = met || gone;
      together = together || others != 0;
      inside = false;
      return 0;
    };
    b.open.body = [&](Context& c, File&) {
      ++others;
      mark(c);
      --others;
      return 0;
    };
    l.task("driver", [&](Context& c) {
      register_char_device(c, a.device, a.r);
      register_char_device(c, b.device, b.r);
      l.task("user", [&](Context& u) {
        const int result = a.try_open(u, l);
        if (!u.aborting()) seen.insert(result);
      });
      l.task("other", [&](Context& u) { b.try_open(u, l); });
      deregister_char_device(c, a.device, a.r);
      if (!c.aborting()) must(!inside);
      gone = true;
      must(a.try_open(c, l) == -19 || c.aborting());
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(!met);
  CHECK(together);
  CHECK(seen == std::set<int>{0, -19});
}

// Fact: usb_deregister_dev-waits-for-open.
TEST_CASE("usb: a lock that open() takes, held around usb_deregister_dev, is a deadlock, taken after it, it is none") {
  Rwsem minor_rwsem;
  Mutex lock;
  Node n;
  bool around = true;
  Lab lab([&](Lab& l) {
    l.init(minor_rwsem, "minor_rwsem");
    l.init(lock, "lock");
    n.init(l, minor_rwsem, "n");
    n.open.body = [&](Context& c, File&) {
      mutex_lock(c, lock);
      mutex_unlock(c, lock);
      return 0;
    };
    l.task("driver", [&](Context& c) {
      register_char_device(c, n.device, n.r);
      if (around) mutex_lock(c, lock);
      deregister_char_device(c, n.device, n.r);
      if (!around) mutex_lock(c, lock);
      mutex_unlock(c, lock);
    });
    l.task("user", [&](Context& c) { n.try_open(c, l); });
  });
  const Found f = every(lab);
  CHECK(f.count("deadlock(minor_rwsem)@driver") != 0);
  CHECK(f.count("deadlock(lock)@user") != 0);
  around = false;
  CHECK(every(lab).text().empty());
}

}  // namespace unplug::model::test
