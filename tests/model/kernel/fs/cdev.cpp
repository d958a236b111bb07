// kernel/cdev: what lies below a character device.
#include "model/cdev_driver.hpp"

namespace unplug::model::test {
// Fact: chrdev_open-references.
TEST_CASE("cdev: an open file holds a reference on cdev->owner and one on fops.owner, release runs before either goes") {
  CdevDriver d;
  Lab* lab = nullptr;
  bool same = false;
  std::set<DeleteResult> unloads;
  d.release.body = [&](Context& c, File&) {
    const Context::Function function(c, lab->name("foo_release"), d.module.text, {});
    mark(c);
    return 0;
  };
  Waiter opened;
  Lab l2([&](Lab& l) {
    lab = &l;
    d.init(l);
    l.init(opened, "opened");
    if (same) {
      d.ops.owner = nullptr;
      d.cdev.owner = &d.module;
    }
    l.task("user", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      File file;
      init_file(l.kernel, file);
      must(chrdev_open(c, d.mknod, file) == 0);
      must(file.open);
      if (!same) {
        must(d.references(c, d.module) == 1);
        must(d.references(c, d.core) == 1);
      }
      complete(c, opened);
      vfs_close(c, file);
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, opened);
      unloads.insert(delete_module(c, d.module, l.rcu, [] {}));
    });
  });
  for (const bool s : {false, true}) {
    same = s;
    unloads.clear();
    const Found f = every(l2, [&] {
      CHECK(word(l2, d.core.object) == 1);
      CHECK(word(l2, d.cdev.kobj) == 1);
    });
    // One of both pins is enough for release(): cdev_put() and fops_put() come after it.
    CHECK(!f.violations.contains("execute-after-free(foo)@user"));
    CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
  }
}

TEST_CASE("cdev: -ENXIO without a device, and when the module of the cdev or of the fops is GOING, and nothing is kept then") {
  CdevDriver d;
  int form = 0;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      must(chrdev_open(c, d.mknod, file) == enxio);
      must(open_node(c, d.node, file) == enoent);
      must(cdev_add(c, d.cdev) == 0);
      try_stop_module(c, form == 0 ? d.core : d.module);
      must(chrdev_open(c, d.mknod, file) == enxio);
      must(!file.open);
      must(chrdev_open(c, d.mknod, file) == enxio);
    });
  });
  for (const int f : {0, 1}) {
    form = f;
    CHECK(every(lab,
                [&] {
                  CHECK(word(lab, d.cdev.kobj) == 1);
                  CHECK((word(lab, (form == 0 ? d.module : d.core).object) & 0xffff) == 1);
                  CHECK((word(lab, (form == 0 ? d.core : d.module).object) & 0xffff) == 0);
                })
              .text()
              .empty());
  }
}

TEST_CASE("cdev: an open that the driver refuses gives both references and the kobject back") {
  CdevDriver d;
  d.open.body = [](Context& c, File&) {
    mark(c);
    return -12;
  };
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("user", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      File file;
      init_file(l.kernel, file);
      must(chrdev_open(c, d.mknod, file) == -12);
      must(!file.open);
    });
  });
  CHECK(every(lab,
              [&] {
                for (const ObjectId o : {d.cdev.kobj, d.core.object, d.module.object}) CHECK(word(lab, o) == 1);
              })
            .text()
            .empty());
}

// Fact: chrdev_open-cache.
TEST_CASE("cdev: opens of one inode race for its cache, and each has its own reference") {
  CdevDriver d;
  std::array<File, 2> files;
  Lab lab([&](Lab& l) {
    d.fops_owner = d.cdev_owner = false;
    d.init(l);
    for (File& f : files) init_file(l.kernel, f);
    l.task("a", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      must(chrdev_open(c, d.mknod, files[0]) == 0);
    });
    l.task("b", [&](Context& c) {
      const int r = chrdev_open(c, d.mknod, files[1]);
      must(r == 0 || r == enxio || c.aborting());
    });
  });
  std::set<std::uint64_t> references;
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, d.cdev.kobj) == 2 + (files[1].open ? 1 : 0));
                CHECK(word(lab, d.mknod.i_cdev) == d.cdev.number);
                references.insert(word(lab, d.cdev.kobj));
              })
            .text()
            .empty());
  CHECK(references == std::set<std::uint64_t>{2, 3});
}

TEST_CASE("cdev: opens that looked up different cdevs under one number end up with the one that the inode remembers") {
  CdevDriver d;
  Cdev second;
  std::array<File, 2> files;
  std::set<std::uint64_t> remembered;
  Lab lab([&](Lab& l) {
    d.fops_owner = d.cdev_owner = false;
    d.init(l);
    init_cdev(l.kernel, d.number, second, l.name("second"), l.name("second"), {}, {});
    second.ops = &d.ops;
    for (File& f : files) init_file(l.kernel, f);
    l.task("driver", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      cdev_del(c, d.cdev);
      must(cdev_add(c, second) == 0);
    });
    for (std::size_t i = 0; i < 2; ++i) l.task(i == 0 ? "a" : "b", [&, i](Context& c) { chrdev_open(c, d.mknod, files[i]); });
  });
  const Found f = sample(lab, 3'000, "random", [&] {
    std::map<Cdev*, std::uint64_t> open{{&d.cdev, 0}, {&second, 0}};
    for (const File& x : files) {
      if (!x.open) continue;
      CHECK(x.cdev->number == word(lab, d.mknod.i_cdev));
      ++open[x.cdev];
    }
    CHECK(word(lab, d.cdev.kobj) == open[&d.cdev]);
    CHECK(word(lab, second.kobj) == 1 + open[&second]);
    if (files[0].open && files[1].open) remembered.insert(word(lab, d.mknod.i_cdev));
  });
  CHECK(f.text().empty());
  CHECK(remembered == std::set<std::uint64_t>{1, 2});
}

// Fact: cdev_del-gates-names-only.
TEST_CASE("cdev: cdev_del neither gates nor drains the operations of open files, memory lives until the last of them") {
  CdevDriver d;
  Allocation window;
  std::set<int> ioctls;
  bool freed = false;
  d.ioctl.body = [&](Context& c, File&) {
    if (freed) get(c, window);
    get(c, d.priv);
    return 0;
  };
  Waiter opened;
  Lab lab([&](Lab& l) {
    d.init(l);
    d.parented();
    l.init(window, "window", {"x"});
    l.init(opened, "opened");
    l.task("driver", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      wait_for_completion(c, opened);
      cdev_del(c, d.cdev);
      d.put(c);  // the driver's own reference
      if (freed) kfree(c, window);
    });
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      if (chrdev_open(c, d.mknod, file) != 0) return complete(c, opened);
      complete(c, opened);
      must(vfs_ioctl(c, file) == 0);
      must(vfs_ioctl(c, file) == 0);
      vfs_close(c, file);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, d.cdev.kobj) == 0);
                CHECK(word(lab, d.mknod.i_cdev) == 0);  // purged with the kobject
                CHECK(word(lab, d.priv.fields[0].second) == 0);
              })
            .text()
            .empty());
  freed = true;
  CHECK(every(lab).text() == "use-after-free(window)@user");
}

// Fact: chrdev_open-again.
TEST_CASE("cdev: the re-open hole: through an inode that remembers the cdev an open succeeds after cdev_del, while a file is open") {
  CdevDriver d;
  bool dead_check = false;
  Allocation state;
  d.open.body = [&](Context& c, File&) { return dead_check && get(c, state) != 0 ? enxio : 0; };
  Lab lab([&](Lab& l) {
    d.init(l);
    d.parented();
    l.init(state, "state", {"dead"});
    l.task("t", [&](Context& c) {
      std::array<File, 4> files;
      for (File& f : files) init_file(l.kernel, f);
      must(cdev_device_add(c, d.cdev, d.node, {}) == 0);
      must(open_node(c, d.node, files[0]) == 0);
      set(c, state, 1);
      cdev_device_del(c, d.cdev, d.node, {});
      d.put(c);
      must(open_node(c, d.node, files[1]) == enoent);    // the node is gone
      must(chrdev_open(c, d.mknod, files[1]) == enxio);  // this inode has never been opened, the number is gone
      // /proc/self/fd/N
      must(chrdev_open(c, *files[0].inode, files[2]) == (dead_check ? enxio : 0));
      vfs_close(c, files[0]);
      vfs_close(c, files[2]);
      must(chrdev_open(c, d.node.inode, files[3]) == enxio);  // the last file took the kobject, and that the cache
    });
  });
  CHECK(every(lab, [&] { CHECK(word(lab, d.cdev.kobj) == 0); }).text().empty());
  dead_check = true;
  CHECK(every(lab, [&] { CHECK(word(lab, d.cdev.kobj) == 0); }).text().empty());
}

TEST_CASE("cdev: an open by lookup or by cache races with cdev_del and with the end of the memory, and loses cleanly") {
  CdevDriver d;
  bool cached = true;
  std::set<int> results;
  File first, file;
  Lab lab([&](Lab& l) {
    d.fops_owner = d.cdev_owner = false;
    d.init(l);
    d.parented();
    init_file(l.kernel, first);
    init_file(l.kernel, file);
    l.task("driver", [&](Context& c) {
      must(cdev_add(c, d.cdev) == 0);
      if (cached) {
        must(chrdev_open(c, d.mknod, first) == 0);
        vfs_close(c, first);
      }
      cdev_del(c, d.cdev);
      d.put(c);
    });
    l.task("user", [&](Context& c) {
      const int r = chrdev_open(c, d.mknod, file);
      if (!c.aborting()) results.insert(r);
      if (r == 0) vfs_close(c, file);
    });
  });
  for (const bool yes : {true, false}) {
    cached = yes;
    results.clear();
    CHECK(every(lab, [&] { CHECK(word(lab, d.cdev.kobj) == 0); }).text().empty());
    CHECK(results == std::set<int>{enxio, 0});
  }
}

// Fact: cdev_device_del-order.
TEST_CASE("cdev: cdev_device_del removes the node, drains attributes, then deletes the cdev, cdev_del alone drains none") {
  CdevDriver d;
  SysfsAttribute a, b;
  Allocation shown;
  bool device_del = true;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.init(shown, "shown", {"x"});
    const auto show = [&](Context& c) {
      get(c, shown);
      return 0;
    };
    l.init(a, "a", show);
    l.init(b, "b", show);
    l.task("driver", [&](Context& c) {
      const std::array<SysfsAttribute*, 2> attributes{&a, &b};
      must(cdev_device_add(c, d.cdev, d.node, attributes) == 0);
      if (device_del) {
        cdev_device_del(c, d.cdev, d.node, attributes);
      } else {
        cdev_del(c, d.cdev);
      }
      kfree(c, shown);
    });
    l.task("reader", [&](Context& c) {
      await_node(c, d.node);
      sysfs_access(c, b);
    });
  });
  CHECK(every(lab,
              [&] {
                const auto at = [&](std::string_view o, unsigned n) { return find_event(lab, "driver", o, n); };
                CHECK(at("sysfs_create_file", 2) < at("devtmpfs: node appears", 1));
                CHECK(at("kobj_map", 1) < at("sysfs_create_file", 1));
                CHECK(at("devtmpfs: node removed", 1) < at("kernfs_drain", 1));
                CHECK(at("kernfs_drain", 2) < at("kobj_unmap", 1));
              })
            .text()
            .empty());
  device_del = false;
  CHECK(every(lab).text() == "use-after-free(shown)@reader");
}

// Fact: cdev_add-busy.
TEST_CASE("cdev: a number that is taken is -EBUSY, an attribute that is there -EEXIST, deleting twice is double-release, never a leak") {
  CdevDriver d;
  Cdev second;
  SysfsAttribute a;
  Device device;
  Binding binding;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(d.module, "unused");
    l.init(binding, device, d.module, "foo binding");
    d.init(l, binding.life);
    init_cdev(l.kernel, d.number, second, l.name("second"), l.name("second"), {}, {});
    l.init(a, "a", [](Context&) { return 0; });
    l.task("t", [&](Context& c) {
      probe_device(c, binding, [&](Context& p) {
        const std::array<SysfsAttribute*, 1> attributes{&a};
        must(cdev_add(p, d.cdev) == 0);
        must(cdev_add(p, second) == ebusy);
        must(cdev_device_add(p, second, d.node, attributes) == ebusy);
        if (form != 2) cdev_del(p, d.cdev);
        if (form == 1) cdev_del(p, d.cdev);
        if (form == 3) {
          must(sysfs_create_file(p, a));
          must(cdev_device_add(p, second, d.node, attributes) == -17);
          sysfs_remove_file(p, a);
        }
        return true;
      });
      release_driver(c, binding, [](Context&) {});
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, d.cdev.kobj) == 0);
                CHECK(word(lab, d.node.there) == 0);
              })
            .text()
            .empty());
  form = 1;
  CHECK(every(lab).text() == "double-release(cdev)@t");
  form = 2;
  CHECK(every(lab).text() == "leak(cdev)@t");
  form = 3;
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, d.number.probe) == 0);
                CHECK(word(lab, d.node.there) == 0);
              })
            .text()
            .empty());
}

TEST_CASE("cdev: one cdev_put too many is misuse") {
  CdevDriver d;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("t", [&](Context& c) {
      must(cdev_get(c, d.cdev));
      cdev_put(c, d.cdev);
      cdev_del(c, d.cdev);  // never added: the number stays whoever's it is
      must(!cdev_get(c, d.cdev));
      must(d.references(c, d.core) == 0);
      cdev_put(c, d.cdev);
    });
  });
  const Found f = every(lab);
  CHECK(f.count("api-misuse(cdev)@t") > 0);
  CHECK(f.count("api-misuse(foo)@t") == 0);
}

}  // namespace unplug::model::test
