// kernel/sysfs_file: descriptors of attributes, polls and mappings, across removal.
#include "unplug/model/kernel/fs/sysfs_file.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct Node {
  SysfsAttribute attribute;
  SysfsFile node;
  Allocation priv;
  File file;
  PollTable table;
  Mm mm;
  Vma vma;
  Region region;
  Mapping bar;
  Waiter ready;
  std::set<UserAccess> seen;
  void init(Lab& l) {
    seen.clear();
    l.init(priv, "priv", {"x"});
    l.init(attribute, "attr", [this](Context& c) {
      get(c, priv);
      return 0;
    });
    init_sysfs_file(l.kernel, node, attribute, l.name("attr file"), l.name("attr"));
    init_file(l.kernel, file, {.counted = true});
    init_poll_table(l.kernel, table, l.name("table"));
    init_mm(l.kernel, mm, l.name("mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    l.init(ready, "ready");
    node.mmap = [](Context& c, File&, Vma& v, void* argument) {
      auto& n = *static_cast<Node*>(argument);
      vma_maps(v, n.bar);
      v.fault = [](Context& x, Vma& w, void*) {
        insert_pfn(x, w);
        return VmFault::nopage;
      };
      insert_pfn(c, v);
      return 0;
    };
    node.mmap_argument = this;
    node.fault = nullptr;
  }
};

}  // namespace

// Fact: kernfs-open-file-pins-nothing, kernfs-file-after-removal.
TEST_CASE("sysfs: an open file pins neither module nor binding, its operations fail with -ENODEV after removal, and so does a new open") {
  Node n;
  Module module;
  std::set<std::array<int, 3>> seen;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.init(module, "foo");
    l.task("user", [&](Context& c) {
      must(sysfs_create_file(c, n.attribute));
      must(sysfs_open(c, n.node, n.file) == 0);
      complete(c, n.ready);
      File second;
      init_file(l.kernel, second);
      const int r = vfs_read(c, n.file), w = vfs_write(c, n.file), o = sysfs_open(c, n.node, second);
      if (!c.aborting()) seen.insert({r, w, o});
      vfs_close(c, n.file);  // touches nothing of the driver's
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, n.ready);
      must(delete_module(c, module, l.rcu,
                         [&] {
                           sysfs_remove_file(c, n.attribute);
                           kfree(c, n.priv);
                         }) == DeleteResult::gone ||
           c.aborting());
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(seen == std::set<std::array<int, 3>>{{-19, -19, -19}, {0, -19, -19}, {0, 0, -19}, {0, 0, 0}});
}

// Fact: kernfs-poll-not-woken, kernfs-file-after-removal.
TEST_CASE("sysfs: a notification wakes who polls, a read takes it in, removal wakes nobody, a poll after it is EPOLLERR | EPOLLPRI") {
  Node n;
  int form = 0;
  std::set<std::uint32_t> masks;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      must(sysfs_create_file(c, n.attribute));
      must(sysfs_open(c, n.node, n.file) == 0);
      must(vfs_read(c, n.file) == 0);
      const std::array<File*, 1> files{&n.file};
      complete(c, n.ready);
      if (form == 1) sysfs_remove_file(c, n.attribute);
      const std::uint32_t mask = do_poll(c, files, epollpri, n.table);
      if (!c.aborting()) masks.insert(mask);
      must((mask & (epollerr | epollpri)) == (epollerr | epollpri) || c.aborting());
      if ((form == 0 || form == 3) && !c.aborting()) {
        must(vfs_read(c, n.file) == 0);
        must(vfs_poll(c, n.file, n.table) == default_pollmask);
      }
    });
    l.task("driver", [&](Context& c) {
      if (form != 3) wait_for_completion(c, n.ready);
      if (form == 0 || form == 3) sysfs_notify(c, n.node);
      if (form == 2) sysfs_remove_file(c, n.attribute);
    });
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(masks == std::set<std::uint32_t>{epollerr | epollpri});
  // It may come before the read, which then has taken it in.
  form = 3;
  f = every(lab);
  CHECK(f.text() == "deadlock(attr)@user");
  CHECK(f.blocked < f.executions);
  form = 1;
  CHECK(every(lab).text().empty());
  form = 2;
  f = every(lab);
  CHECK(f.text() == "deadlock(attr)@user");
  CHECK(f.blocked < f.executions);
}

// Fact: kernfs-mappings-go.
TEST_CASE("sysfs: removal of a binary attribute takes its mappings away, no fault brings them back, then the window may go") {
  Node n;
  bool zap = true;
  std::set<UserAccess> seen;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      must(request_mem_region(c, n.bar));
      ioremap(c, n.bar);
      must(sysfs_create_file(c, n.attribute));
      must(sysfs_open(c, n.node, n.file) == 0);
      must(sysfs_mmap(c, n.node, n.file, n.vma) == 0);
      complete(c, n.ready);
      for (int i = 0; i < 2; ++i) {
        const UserAccess a = user_access(c, n.vma);
        if (!c.aborting()) n.seen.insert(a);
      }
      vfs_close(c, n.file);
      munmap(c, n.vma);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, n.ready);
      if (zap) {
        sysfs_remove_bin_file(c, n.node);
      } else {
        sysfs_remove_file(c, n.attribute);
      }
      iounmap(c, n.bar);
    });
  });
  CHECK(every(lab, [&] { seen.insert(n.seen.begin(), n.seen.end()); }).text().empty());
  CHECK(seen == std::set<UserAccess>{UserAccess::ok, UserAccess::sigbus});
  zap = false;
  CHECK(every(lab).text() == "use-after-unmap(bar0)@user");
}

// Fact: kernfs-mappings-go.
TEST_CASE("sysfs: a fault of a mapping counts as an operation that removal waits for") {
  Node n;
  Allocation used;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.init(used, "used", {"x"});
    n.node.mmap = [](Context&, File&, Vma& v, void* argument) {
      v.argument = argument;
      v.fault = [](Context& x, Vma& w, void* a) {
        get(x, *static_cast<Allocation*>(a));
        insert_pfn(x, w);
        return VmFault::nopage;
      };
      return 0;
    };
    n.node.mmap_argument = &used;
    l.task("user", [&](Context& c) {
      must(sysfs_create_file(c, n.attribute));
      must(sysfs_open(c, n.node, n.file) == 0);
      must(sysfs_mmap(c, n.node, n.file, n.vma) == 0);
      complete(c, n.ready);
      const UserAccess a = user_access(c, n.vma);
      if (!c.aborting()) n.seen.insert(a);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, n.ready);
      sysfs_remove_bin_file(c, n.node);
      kfree(c, used);
    });
  });
  std::set<UserAccess> seen;
  CHECK(every(lab, [&] { seen.insert(n.seen.begin(), n.seen.end()); }).text().empty());
  CHECK(seen == std::set<UserAccess>{UserAccess::ok, UserAccess::sigbus});
}

// Fact: kernfs-mappings-go.
TEST_CASE("sysfs: mmap fails with -ENODEV after removal and without ->mmap, with -EINVAL for a mapping that wants ->close") {
  Node n;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      must(sysfs_create_file(c, n.attribute));
      must(sysfs_open(c, n.node, n.file) == 0);
      const MmapOperation own = n.node.mmap;
      n.node.mmap = nullptr;
      must(sysfs_mmap(c, n.node, n.file, n.vma) == -19);
      n.node.mmap = [](Context&, File&, Vma& v, void*) {
        v.closed = [](Context&, Vma&, void*) {};
        return 0;
      };
      must(sysfs_mmap(c, n.node, n.file, n.vma) == -22);
      n.vma.closed = nullptr;
      n.node.mmap = own;
      sysfs_remove_bin_file(c, n.node);
      must(sysfs_mmap(c, n.node, n.file, n.vma) == -19);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: sysfs-names.
TEST_CASE("sysfs: a group is created and removed one attribute after another, and if one is there already, none of it stays") {
  std::array<SysfsAttribute, 6> all;
  Lab lab([&](Lab& l) {
    static constexpr std::array<std::string_view, 6> names{"a", "b", "c", "d", "e", "f"};
    for (std::size_t i = 0; i < 6; ++i) l.init(all[i], names[i], [](Context&) { return 0; });
    l.task("driver", [&](Context& c) {
      const std::array<SysfsAttribute*, 3> fails{&all[0], &all[1], &all[2]}, group{&all[3], &all[4], &all[5]};
      must(sysfs_create_file(c, all[2]));
      must(sysfs_create_group(c, fails) == -17);
      must(sysfs_access(c, all[0]) == -19);
      must(sysfs_access(c, all[1]) == -19);
      must(sysfs_access(c, all[2]) == 0);
      must(sysfs_create_group(c, group) == 0);
      for (SysfsAttribute* x : group) must(sysfs_access(c, *x) == 0);
      sysfs_remove_group(c, group);
      for (SysfsAttribute* x : group) must(sysfs_access(c, *x) == -19);
    });
  });
  CHECK(every(lab,
              [&] {
                std::vector<std::uint32_t> created, removed;
                for (const sim::Event& e : lab.engine.trace().events) {
                  if (e.operation->name == "sysfs_create_file") created.push_back(e.access.object.index());
                  if (e.operation->name == "kernfs_drain") removed.push_back(e.access.object.index());
                }
                const std::vector<std::uint32_t> group{all[3].object.index(), all[4].object.index(), all[5].object.index()};
                CHECK(std::vector(created.end() - 3, created.end()) == group);
                CHECK(std::vector(removed.end() - 3, removed.end()) == group);
              })
            .text()
            .empty());
}

}  // namespace unplug::model::test
