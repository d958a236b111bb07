// drivers/char/misc.c: names of misc devices, and the mutex under which they come and go.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

const Operation peek_op{.name = "is the node there?"};

}  // namespace

// Fact: misc_deregister-waits-for-open.
TEST_CASE("misc: names come and go under misc_mtx: while an open is in flight, of whatever device, none does") {
  Mutex misc_mtx;
  CharDevice opened, other;
  Registration r, r2;
  FileBody open;
  std::set<std::uint64_t> seen;
  open.body = [&](Context& c, File&) {
    const std::uint64_t before = c.read(peek_op, other.registered, {});
    const std::uint64_t after = c.read(peek_op, other.registered, {});
    must(before == after || c.aborting());
    seen.insert(after);
    return 0;
  };
  Lab lab([&](Lab& l) {
    l.init(misc_mtx, "misc_mtx");
    init_char_device(l.kernel, opened, l.name("opened"), l.name("opened"), &misc_mtx);
    init_char_device(l.kernel, other, l.name("other"), l.name("other"), &misc_mtx);
    r = r2 = {};
    r.open = FileBody::run;
    r.open_argument = &open;
    init_registration(l.kernel, opened, r, l.name("opened registration"), {});
    init_registration(l.kernel, other, r2, l.name("other registration"), {});
    l.task("user", [&](Context& c) {
      register_char_device(c, opened, r);
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, opened, file) == 0 || c.aborting());
      if (file.open) vfs_close(c, file);
      deregister_char_device(c, opened, r);
    });
    l.task("driver", [&](Context& c) {
      register_char_device(c, other, r2);
      deregister_char_device(c, other, r2);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::uint64_t>{0, 1});
}

}  // namespace unplug::model::test
