// The order of steps in what user space opens, maps and closes: that of the kernel's source. Where two steps are under a lock, or one is
// the last that another may come after, that is what keeps them apart from the steps of others.
#include "model/cdev_driver.hpp"
#include "model/steps.hpp"
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/model/kernel/fs/sysfs_file.hpp"
#include "unplug/model/mechanisms/policy.hpp"

namespace unplug::model::test {
namespace {

// Keeps something for each open file.
struct FileGuard final : EntryGuard {
  void init(Kernel&, NameId) override {}
  void opened(Context& c, File&) override { in_probe(c); }
  void closed(Context& c, File&) override { in_remove(c); }
  bool enter(Context&, Token&) override { return true; }
  void exit(Context&, Token) override {}
  void fence(Context&) override {}
};

}  // namespace

TEST_CASE("file, design: an entry guard is told of a file before ->open(), and after ->release() or when ->open() has failed") {
  CdevDriver d;
  Policy policy{PolicySpec{}};
  policy.replace(std::make_unique<FileGuard>());
  int answer = 0;
  d.open.body = [&](Context& c, File&) { return mark(c), answer; };
  d.release.body = [&](Context& c, File&) { return mark(c), 0; };
  Lab lab([&](Lab& l) {
    d.init(l);
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    d.ops.guard = &policy.entry();
    l.task("t", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      File file;
      init_file(l.kernel, file);
      if (chrdev_open(c, d.mknod, file) == 0) vfs_close(c, file);
    });
  });
  const auto told = [&] {
    Steps steps = acts_of(lab, "t");
    std::erase_if(steps, [](const std::string& s) { return s != "mark" && s != "probe()" && s != "remove()"; });
    return joined(steps);
  };
  every(lab, [&] { CHECK(told() == "probe() / mark / mark / remove()"); });
  answer = -5;
  every(lab, [&] { CHECK(told() == "probe() / mark / remove()"); });
}

TEST_CASE("cdev: add, open, refused open, delete and the last close, in the order of fs/char_dev.c") {
  CdevDriver d;
  int answer = 0;
  bool with_epoll = false;
  EpollLinks links;
  d.open.body = [&](Context&, File&) { return answer; };
  Lab lab([&](Lab& l) {
    d.init(l);
    d.parented();
    init_epoll_links(l.kernel, links, l.rcu, l.name("links"));
    l.task("t", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      mark(c);
      File file;
      init_file(l.kernel, file, {.replacement = with_epoll ? &d.ops : nullptr, .links = with_epoll ? &links : nullptr});
      const bool open = chrdev_open(c, d.mknod, file) == 0;
      mark(c);
      cdev_del(c, d.cdev);
      mark(c);
      if (open) vfs_close(c, file);
    });
  });
  // The first mark in `add` and the one in `release` are the parent's reference.
  const std::string add = "mutex_lock / kobj_map / mutex_unlock / mark / mark / ",
                    find = "spin_lock / chrdev_open: load i_cdev / spin_unlock / mutex_lock / kobj_lookup / try_module_get / "
                           "cdev: kobject_get_unless_zero / mutex_unlock / spin_lock / chrdev_open: publish i_cdev / spin_unlock / "
                           "try_module_get / ",
                    del = "mark / mutex_lock / kobj_unmap / mutex_unlock / cdev: kobject_put / ",
                    release = "spin_lock / cdev_purge: forget i_cdev / cdev_purge: forget i_cdev / spin_unlock / mark / ",
                    last_put = "cdev: kobject_put / " + release + "module_put / module_put / kfree";
  CHECK(order_of(lab, "t") == add + find + del + "mark / " + last_put);
  with_epoll = true;
  CHECK(order_of(lab, "t") == add + find + del + "mark / load f_op / eventpoll_release / load f_op / " + last_put);
  answer = -5;
  CHECK(order_of(lab, "t") == add + find + "cdev: kobject_put / module_put / module_put / " + del + release + "mark");
}

TEST_CASE("cdev: of two opens that look up at once one publishes, the other drops its reference when it has let go of cdev_lock") {
  CdevDriver d;
  std::set<std::string> dropped;
  Lab lab([&](Lab& l) {
    d.init(l);
    for (const auto* name : {"a", "b"})
      l.task(name, [&](Context& c) {
        File file;
        init_file(l.kernel, file);
        if (name[0] == 'a') must(cdev_add(c, d.cdev) == 0);
        chrdev_open(c, d.mknod, file);
      });
  });
  every(lab, [&] {
    for (const auto* name : {"a", "b"}) {
      const std::string all = joined(steps_of(lab, name));
      const std::size_t put = all.find("cdev: kobject_put");
      if (put != std::string::npos) dropped.insert(all.substr(all.find("chrdev_open: publish i_cdev")));
    }
  });
  CHECK(dropped == std::set<std::string>{"chrdev_open: publish i_cdev / try_module_get / cdev: kobject_get_unless_zero / spin_unlock / "
                                         "cdev: kobject_put / module_put / try_module_get"});
}

TEST_CASE("cdev: who waits for a node finds it there") {
  CdevDriver d;
  int opened = 0;
  Lab lab([&](Lab& l) {
    opened = 1;
    d.init(l);
    l.task("driver", [&](Context& c) { must(cdev_device_add(c, d.cdev, d.node, {}) == 0); });
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      await_node(c, d.node);
      opened = open_node(c, d.node, file);
    });
  });
  CHECK(every(lab, [&] { CHECK(opened == 0); }).text().empty());
}

namespace {

// A driver whose file can be mapped.
struct MappedWindow {
  FileOperations ops;
  Module module;
  File file;
  AddressSpace mapping;
  Mm mm, child_mm;
  Vma vma, child;
  int answer = 0;
  void init(Lab& l) {
    l.init(module, "foo");
    init_address_space(l.kernel, mapping, l.name("mapping"));
    init_mm(l.kernel, mm, l.name("mm"));
    init_mm(l.kernel, child_mm, l.name("child mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
    init_vma(l.kernel, child, child_mm, l.name("child vma"), l.name("child vma"));
    init_file(l.kernel, file, {.counted = true});
    ops = {};
    ops.owner = &module;
    ops.mmap = [](Context& c, File&, Vma& v, void* argument) {
      v.opened = [](Context& x, Vma&, void*) { x.engine().step(x.make(named<Vma>("->open"))); };
      v.closed = [](Context& x, Vma&, void*) { x.engine().step(x.make(named<Vma*>("->close"))); };
      insert_pfn(c, v);
      return static_cast<MappedWindow*>(argument)->answer;
    };
    ops.mmap_argument = this;
    file.ops = &ops;
    file.open = true;
  }
};

}  // namespace

TEST_CASE("mmap: mmap, fork, zap and munmap, in the order of mm/mmap.c and mm/memory.c") {
  MappedWindow w;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("t", [&](Context& c) {
      vfs_mmap(c, w.file, w.mapping, w.vma);
      if (w.answer != 0) return;
      mark(c);
      dup_vma(c, w.vma, w.child);
      mark(c);
      unmap_mapping_range(c, w.mapping);
      mark(c);
      munmap(c, w.vma);
    });
  });
  CHECK(order_of(lab, "t") ==
        "down_write: queue / down_write / get_file / mmap: VMA appears / insert_pfn / down_write: queue / down_write / "
        "mmap: link into i_mmap / up_write / up_write / mark / down_write: queue / down_write / get_file / "
        "mmap: VMA appears / down_write: queue / down_write / mmap: link into i_mmap / up_write / "
        "dup_mmap: lock and read entry / dup_mmap: copy entry / dup_mmap: unlock entry / ->open / up_write / mark / "
        "down_read / unmap_mapping_range: walk i_mmap / unmap_mapping_range: clear entry, flush TLBs / "
        "unmap_mapping_range: clear entry, flush TLBs / up_read / mark / down_write: queue / down_write / "
        "munmap: clear entry, flush TLBs / down_write: queue / down_write / munmap: unlink from i_mmap / up_write / "
        "->close / up_write / fput");
  w.answer = -5;
  CHECK(order_of(lab, "t") ==
        "down_write: queue / down_write / get_file / mmap: VMA appears / insert_pfn / munmap: clear entry, flush TLBs / "
        "up_write / fput");
}

}  // namespace unplug::model::test
