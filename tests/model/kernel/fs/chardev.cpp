// kernel/chardev: names, open files, what waits for what.
#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/mechanisms/policy.hpp"

namespace unplug::model::test {
namespace {

// A driver with one character device. Its operations run in `module`, for `binding`.
struct Node {
  Device device;
  Module module;
  Binding binding;
  Mutex misc_mtx;
  CharDevice node;
  Registration registration;
  Policy policy{PolicySpec{}};
  FileBody open, ioctl, release;
  bool misc = true, owner = false;
  Lab* lab = nullptr;

  void init(Lab& l) {
    lab = &l;
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(misc_mtx, "misc_mtx");
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    init_char_device(l.kernel, node, l.name("node"), l.name("node"), misc ? &misc_mtx : nullptr);
    init_again(registration, "node registration");
  }
  void init_again(Registration& r, std::string_view unique) {
    r = {};
    r.binding = &binding;
    r.guard = &policy.entry();
    r.owner = owner ? &module : nullptr;
    const auto set = [](FileBody& b, FileOperation& operation, void*& argument) {
      if (!b.body) return;
      operation = FileBody::run;
      argument = &b;
    };
    set(open, r.open, r.open_argument);
    set(ioctl, r.ioctl, r.ioctl_argument);
    set(release, r.release, r.release_argument);
    init_registration(lab->kernel, node, r, lab->name(unique), binding.life);
  }
  // As the text of an operation.
  std::function<int(Context&, File&)> in_driver(const std::function<int(Context&, File&)>& body) {
    return [this, body](Context& c, File& f) {
      const Context::Function function(c, lab->name("foo_op"), module.text, {});
      return body(c, f);
    };
  }
};

}  // namespace

// Fact: misc_deregister-waits-for-open, cdev_del-gates-names-only.
TEST_CASE("chardev: misc_deregister waits for an open in flight, cdev_del waits for nobody") {
  Node n;
  Allocation priv;
  n.open.body = [&](Context& c, File&) {
    get(c, priv);
    return 0;
  };
  Lab lab([&](Lab& l) {
    n.init(l);
    l.init(priv, "priv", {"x"});
    l.task("driver", [&](Context& c) {
      register_char_device(c, n.node, n.registration);
      deregister_char_device(c, n.node, n.registration);
      kfree(c, priv);
    });
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      const int result = vfs_open(c, n.node, file);
      CHECK((result == 0 || result == (n.misc ? enodev : enxio)));
      CHECK(file.open == (result == 0));
      if (result == 0) vfs_close(c, file);
    });
  });
  Found f = every_schedule(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  n.misc = false;
  f = every(lab);
  CHECK(f.text() == "use-after-free(priv)@user");
}

// Fact: deregister-leaves-files.
TEST_CASE("chardev: neither waits for an operation on an open file, and the file stays usable afterwards") {
  Node n;
  Allocation priv;
  int ioctls = 0;
  n.ioctl.body = [&](Context& c, File&) {
    get(c, priv);
    ++ioctls;
    return 0;
  };
  Waiter opened;
  for (const bool misc : {true, false}) {
    n.misc = misc;
    Lab lab([&](Lab& l) {
      ioctls = 0;
      n.init(l);
      l.init(opened, "opened");
      l.init(priv, "priv", {"x"});
      l.task("driver", [&](Context& c) {
        register_char_device(c, n.node, n.registration);
        wait_for_completion(c, opened);
        deregister_char_device(c, n.node, n.registration);
        kfree(c, priv);
      });
      l.task("user", [&](Context& c) {
        await_device_node(c, n.node);
        File file, second;
        init_file(l.kernel, file);
        init_file(l.kernel, second);
        must(vfs_open(c, n.node, file) == 0);
        complete(c, opened);
        must(vfs_ioctl(c, file) == 0);
        vfs_open(c, n.node, second);
        must(vfs_ioctl(c, file) == 0);
        vfs_close(c, file);
        if (second.open) vfs_close(c, second);
      });
    });
    const Found f = every(lab, [&] { CHECK(ioctls == 2); });
    CHECK(f.text() == "use-after-free(priv)@user");
    CHECK(f.count(f.text()) == f.executions);
  }
}

// Fact: fops-owner-pins.
TEST_CASE("chardev: every open file holds a reference on fops.owner until its close, without an owner none") {
  Node n;
  Waiter opened;
  std::set<DeleteResult> results;
  for (const bool owner : {true, false}) {
    n.owner = owner;
    results.clear();
    n.ioctl.body = n.in_driver([](Context& c, File&) {
      mark(c);
      return 0;
    });
    Lab lab([&](Lab& l) {
      n.init(l);
      l.init(opened, "opened");
      l.task("user", [&](Context& c) {
        register_char_device(c, n.node, n.registration);
        File file;
        init_file(l.kernel, file);
        must(vfs_open(c, n.node, file) == 0);
        complete(c, opened);
        must(vfs_ioctl(c, file) == 0);
        vfs_close(c, file);
      });
      l.remover("rmmod", [&](Context& c) {
        wait_for_completion(c, opened);
        results.insert(delete_module(c, n.module, l.rcu, [&] { deregister_char_device(c, n.node, n.registration); }));
      });
    });
    const Found f = every(lab, [&] {
      if (find_event(lab, "rmmod", "free_module: text freed") == no_such_event) return;
      // Gone: then no file was open, if files pin it.
      CHECK((lab.engine.trace().objects[n.module.object.index()].word & 0xffffffff) == 0);
    });
    if (owner) {
      CHECK(f.violations.contains("module-pinned(foo)@rmmod"));
      CHECK(!f.violations.contains("execute-after-free(foo)@user"));
      CHECK(results == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
    } else {
      CHECK(!f.violations.contains("module-pinned(foo)@rmmod"));
      CHECK(f.violations.contains("execute-after-free(foo)@user"));
      CHECK(results == std::set<DeleteResult>{DeleteResult::gone});
    }
  }
}

// Fact: fops-owner-pins.
TEST_CASE("chardev: an open that the driver refuses gives the reference back, and so does the last close, one per file") {
  Node n;
  n.owner = true;
  bool refuse = true;
  n.open.body = [&](Context& c, File& f) {
    mark(c);
    f.acted = true;
    return refuse ? -12 : 0;
  };
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      const auto references = [&] {
        return c.engine().step({.operation = &mark_op, .access = {n.module.object, sim::AccessKind::read}},
                               [](std::uint64_t w) { return w - 1; });
      };
      register_char_device(c, n.node, n.registration);
      std::array<File, 2> files;
      for (File& f : files) init_file(l.kernel, f);
      refuse = true;
      must(vfs_open(c, n.node, files[0]) == -12);
      CHECK(!files[0].open);
      must(references() == 0);
      refuse = false;
      for (File& f : files) must(vfs_open(c, n.node, f) == 0);
      must(references() == 2);
      vfs_close(c, files[0]);
      must(references() == 1);
      vfs_close(c, files[0]);  // closed already: nothing
      must(references() == 1);
      vfs_close(c, files[1]);
      must(references() == 0);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: fops-owner-pins.
TEST_CASE("chardev: open fails once the module is GOING") {
  Node n;
  n.owner = true;
  int opens = 0;
  n.open.body = [&](Context&, File&) {
    ++opens;
    return 0;
  };
  Waiter going;
  Lab lab([&](Lab& l) {
    opens = 0;
    n.init(l);
    l.init(going, "going");
    l.task("rmmod", [&](Context& c) {
      register_char_device(c, n.node, n.registration);
      delete_module(c, n.module, l.rcu, [&] {
        complete(c, going);
        mark(c);
        deregister_char_device(c, n.node, n.registration);
      });
    });
    l.task("user", [&](Context& c) {
      wait_for_completion(c, going);
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, n.node, file) == enodev);
      CHECK(!file.open);
    });
  });
  CHECK(every(lab, [&] { CHECK(opens == 0); }).text().empty());
}

// Fact: misc_deregister-waits-for-open.
TEST_CASE("chardev: an open that blocks holds up every misc open and deregistration in the system") {
  Node n, other;
  Waiter user_event;
  other.open.body = [](Context& c, File&) {
    mark(c);
    return 0;
  };
  n.open.body = [&](Context& c, File&) {
    wait_for_completion(c, user_event);
    return 0;
  };
  for (const bool misc : {true, false}) {
    n.misc = other.misc = misc;
    std::uint64_t done = 0;
    Lab lab([&](Lab& l) {
      n.init(l);
      l.init(user_event, "event", Owner::user);
      // A second device under the same misc_mtx.
      init_char_device(l.kernel, other.node, l.name("other"), l.name("other"), misc ? &n.misc_mtx : nullptr);
      l.task("blocker", [&](Context& c) {
        register_char_device(c, n.node, n.registration);
        File file;
        init_file(l.kernel, file);
        vfs_open(c, n.node, file);
      });
      l.remover("remove", [&](Context& c) {
        c.kernel().removal_phase = RemovalPhase::remove;
        File file;
        init_file(l.kernel, file);
        must(vfs_open(c, other.node, file) == (misc ? enodev : enxio));
        ++done;
      });
    });
    const Found f = every(lab);
    CHECK(f.text() == (misc ? "unbounded-remove(misc_mtx)@remove" : ""));
    CHECK(done > 0);
    if (misc)
      CHECK(f.details.begin()->second ==
            "'remove' waits in mutex_lock(misc_mtx) for 'blocker' waits in wait_for_completion(event), which only user can end");
  }
}

// Fact: cdev_add-busy.
TEST_CASE("chardev: deregistered twice is double-release, never is a leak, only its own registration goes") {
  Node n;
  Registration second;
  int form = 0;
  Lab lab([&](Lab& l) {
    n.init(l);
    n.init_again(second, "second registration");
    l.task("t", [&](Context& c) {
      probe_device(c, n.binding, [&](Context& p) {
        register_char_device(p, n.node, n.registration);
        return true;
      });
      if (form == 1) deregister_char_device(c, n.node, n.registration);
      if (form == 3) {
        deregister_char_device(c, n.node, n.registration);
        register_char_device(c, n.node, second);
        deregister_char_device(c, n.node, n.registration);
        must(c.engine().step({.operation = &mark_op, .access = {n.node.registered, sim::AccessKind::read}},
                             [](std::uint64_t w) { return w; }) == 2);
        deregister_char_device(c, n.node, second);
      }
      release_driver(c, n.binding, [&](Context& r) {
        if (form == 0 || form == 1) deregister_char_device(r, n.node, n.registration);
      });
    });
  });
  CHECK(every(lab).text().empty());
  form = 1;
  CHECK(every(lab).text() == "double-release(node)@t");
  form = 2;
  CHECK(every(lab).text() == "leak(node)@t");
  form = 3;
  CHECK(every(lab).text() == "double-release(node)@t");
}

TEST_CASE("chardev: a file is memory of its own, used by nobody after its close, private_data is a word of it") {
  Node n;
  bool late = false;
  n.ioctl.body = [&](Context& c, File& f) {
    store(c, f.memory, f.private_data, 7, MemoryOrder::plain);
    must(load(c, f.memory, f.private_data, MemoryOrder::plain) == 7);
    return 0;
  };
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      register_char_device(c, n.node, n.registration);
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, n.node, file) == 0);
      must(vfs_ioctl(c, file) == 0);
      vfs_close(c, file);
      if (late) get(c, file.memory);
    });
  });
  CHECK(every(lab).text().empty());
  late = true;
  CHECK(every(lab).text() == "use-after-free(file)@user");
}

TEST_CASE("chardev: what became of the operations is counted, open(2) among them: started, completed, failed, torn, refused, unfinished") {
  Node n;
  int step = 0;
  Waiter never;
  n.ioctl.body = [&](Context& c, File& f) {
    switch (step++) {
      case 0: return 0;
      case 1: return -5;
      case 2: f.torn = true; return -6;
      default: wait_for_completion(c, never); return 0;
    }
  };
  Lab lab([&](Lab& l) {
    step = 0;
    n.init(l);
    l.init(never, "never", Owner::user);
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, n.node, file) == enodev);
      register_char_device(c, n.node, n.registration);
      must(vfs_open(c, n.node, file) == 0);
      for (int i = 0; i < 4; ++i) vfs_ioctl(c, file);
    });
  });
  every(lab, [&] {
    const OperationCounts& o = lab.kernel.operations;
    CHECK(o.started == 6);
    CHECK(o.completed == 2);
    CHECK(o.failed == 1);
    CHECK(o.torn == 1);
    CHECK(o.unfinished == 1);
    CHECK(o.refused_at_entry == 1);
  });
}

// Fact: file-missing-operations.
TEST_CASE("chardev: a user who waits for a node that never comes is idle, and an ioctl a driver doesn't have is -ENOTTY") {
  Node n;
  bool add = false;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.task("user", [&](Context& c) {
      await_device_node(c, n.node);
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, n.node, file) == 0);
      must(vfs_ioctl(c, file) == -25);
      must(vfs_read(c, file) == -22);
      must(vfs_write(c, file) == -22);
    });
    if (add) l.task("driver", [&](Context& c) { register_char_device(c, n.node, n.registration); });
  });
  Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == f.executions);
  add = true;
  f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
}

TEST_CASE("chardev: an open file and what it points to, which an unbind frees") {
  enum class Form { bare, rwsem, rwsem_without_release } form = Form::bare;
  enum class User { ioctl, close_only } user = User::ioctl;
  Node n;
  Allocation ec, priv;
  Rwsem lock;
  Waiter opened;
  bool unload = false;
  // The pointer to the parent's data, under the fix: read side, tested for NULL.
  const auto with_ec = [&](Context& c, bool covered, bool write) {
    if (covered) down_read(c, lock);
    const bool there = !covered || get(c, priv) == 0;
    if (there) write ? set(c, ec, 1) : static_cast<void>(get(c, ec));
    if (covered) up_read(c, lock);
    return there ? 0 : enodev;
  };
  n.open.body = [&](Context& c, File&) { return with_ec(c, form != Form::bare, true); };  // a notifier block on ec's chain
  n.ioctl.body = [&](Context& c, File&) { return with_ec(c, form != Form::bare, false); };
  n.release.body = [&](Context& c, File&) { return with_ec(c, form == Form::rwsem, true); };  // off the chain
  std::set<int> ioctls;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    n.init(l);
    l.init(ec, "ec", {"chain"});
    l.init(priv, "priv", {"gone"});
    l.init(lock, "lock");
    l.init(opened, "opened");
    l.task("user", [&](Context& c) {
      register_char_device(c, n.node, n.registration);
      File file;
      init_file(l.kernel, file);
      must(vfs_open(c, n.node, file) == 0);
      complete(c, opened);
      if (user == User::ioctl) {
        const int r = vfs_ioctl(c, file);
        if (!c.aborting()) ioctls.insert(r);
      }
      vfs_close(c, file);
    });
    l.remover("remover", [&](Context& c) {
      wait_for_completion(c, opened);
      const auto remove = [&] {
        deregister_char_device(c, n.node, n.registration);
        if (form != Form::bare) {
          down_write(c, lock);
          set(c, priv, 1);
          up_write(c, lock);
        }
        kfree(c, ec);
      };
      if (unload) {
        unloads.insert(delete_module(c, n.module, l.rcu, remove));
      } else {
        remove();
      }
    });
  });
  for (const bool owner : {false, true}) {
    n.owner = owner;  // an unbind doesn't look at the module's count
    form = Form::bare;
    for (const User u : {User::ioctl, User::close_only}) {
      user = u;
      CHECK(every(lab).text() == "use-after-free(ec)@user");
    }
    form = Form::rwsem_without_release;
    CHECK(every(lab).text() == "use-after-free(ec)@user");
    user = User::ioctl;
    form = Form::rwsem;
    ioctls.clear();
    CHECK(every(lab).text().empty());
    CHECK(ioctls == std::set<int>{0, enodev});
  }
  // rmmod with the file open: refused until the close, and nothing is used after its end.
  form = Form::bare;
  unload = true;
  CHECK(every(lab).text() == "module-pinned(foo)@remover");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
}

}  // namespace unplug::model::test
