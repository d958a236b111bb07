// kernel/debugfs: the proxy, removal, and bugs of register dumps and of the global domain before it (vc4-missing-drm-enter,
// debugfs-global-srcu-self-wait).
#include "unplug/model/kernel/fs/debugfs.hpp"

#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model::test {
namespace {

struct Dump {
  Module module;
  DebugfsFile d;
  Allocation priv;
  FileBody open, read, release;
  File file;
  PollTable table;
  Waiter ready;
  int releases = 0;
  bool unsafe = false;
  LifetimeId owner;
  void init(Lab& l, std::string_view name = "dump") {
    releases = 0;
    l.init(module, std::string(name) + " module");
    l.init(priv, std::string(name) + " priv", {"x"});
    l.init(ready, std::string(name) + " ready");
    d.real = {};
    d.real.owner = &module;
    const auto set = [](FileBody& b, FileOperation& operation, void*& argument) {
      if (!b.body) return;
      operation = FileBody::run;
      argument = &b;
    };
    set(open, d.real.open, d.real.open_argument);
    set(read, d.real.read, d.real.read_argument);
    set(read, d.real.write, d.real.write_argument);
    set(read, d.real.ioctl, d.real.ioctl_argument);
    set(release, d.real.release, d.real.release_argument);
    init_debugfs_file(l.kernel, d, l.name(name), l.name(name), owner);
    init_file(l.kernel, file);
    init_poll_table(l.kernel, table, l.name(std::string(name) + " table"));
  }
  void create(Context& c) { unsafe ? debugfs_create_file_unsafe(c, d) : debugfs_create_file(c, d); }
};

std::function<int(Context&, File&)> uses(const Allocation& a) {
  return [&a](Context& c, File&) {
    get(c, a);
    return 0;
  };
}

}  // namespace

// Fact: debugfs_remove-waits.
TEST_CASE("debugfs: removal waits for operations, not for open files, later ones fail with -EIO, poll with HUP, open with -ENOENT") {
  Dump x;
  x.read.body = uses(x.priv);
  std::set<std::array<int, 2>> seen;
  Lab lab([&](Lab& l) {
    x.init(l);
    x.d.real.poll = [](Context& c, File&, PollTable&, void* a) { return get(c, *static_cast<Allocation*>(a)) == 0 ? epollin : epollout; };
    x.d.real.poll_argument = &x.priv;
    l.task("user", [&](Context& c) {
      x.create(c);
      must(debugfs_open(c, x.d, x.file) == 0);
      complete(c, x.ready);
      const int r = vfs_read(c, x.file), w = vfs_write(c, x.file);
      if (!c.aborting()) seen.insert({r, w});
      const std::uint32_t mask = vfs_poll(c, x.file, x.table);
      must(mask == epollin || mask == epollhup || c.aborting());
      File second;
      init_file(l.kernel, second);
      const int o = debugfs_open(c, x.d, second);
      must(o == 0 || o == enoent || c.aborting());
      must(o == enoent || mask == epollin || c.aborting());
      if (o == 0) vfs_close(c, second);
      vfs_close(c, x.file);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, x.ready);
      debugfs_remove(c, x.d);
      kfree(c, x.priv);
      must(vfs_ioctl(c, x.file) == eio || !x.file.open);
    });
  });
  Found f = every(lab);
  f.violations.erase("use-after-free(file)@remover");
  CHECK(f.text().empty());
  CHECK(seen == std::set<std::array<int, 2>>{{eio, eio}, {0, eio}, {0, 0}});
}

// Fact: debugfs-unsafe.
TEST_CASE("debugfs: unsafe files are not protected once they are open, unless their operations do it themselves") {
  Dump x;
  x.unsafe = true;
  x.read.body = uses(x.priv);
  bool guarded = false;
  Lab lab([&](Lab& l) {
    x.init(l);
    if (guarded)
      x.read.body = [&](Context& c, File&) {
        if (!debugfs_file_get(c, x.d)) return eio;
        get(c, x.priv);
        debugfs_file_put(c, x.d);
        return 0;
      };
    l.task("user", [&](Context& c) {
      x.create(c);
      must(debugfs_open(c, x.d, x.file) == 0);
      complete(c, x.ready);
      vfs_read(c, x.file);
      vfs_close(c, x.file);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, x.ready);
      debugfs_remove(c, x.d);
      kfree(c, x.priv);
    });
  });
  CHECK(every(lab, [&] { CHECK(word(lab, x.module.object) == 1); }).text() == "use-after-free(dump priv)@user");
  guarded = true;
  CHECK(every(lab).text().empty());
}

// Fact: debugfs-release-forwarded.
TEST_CASE("debugfs: release is always forwarded, after removal too, in text that the open file pins") {
  Dump x;
  Lab* lab = nullptr;
  std::set<DeleteResult> unloads;
  bool unsafe = false;
  x.release.body = [&](Context& c, File&) {
    const Context::Function function(c, lab->name("foo_release"), x.module.text, {});
    ++x.releases;
    mark(c);
    return 0;
  };
  Lab l2([&](Lab& l) {
    lab = &l;
    x.unsafe = unsafe;
    x.init(l);
    l.task("user", [&](Context& c) {
      x.create(c);
      must(debugfs_open(c, x.d, x.file) == 0);
      complete(c, x.ready);
      vfs_close(c, x.file);
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, x.ready);
      debugfs_remove(c, x.d);
      unloads.insert(delete_module(c, x.module, l.rcu, [] {}));
    });
  });
  for (const bool u : {false, true}) {
    unsafe = u;
    unloads.clear();
    CHECK(every(l2, [&] { CHECK(x.releases == 1); }).text() == "module-pinned(dump module)@rmmod");
    CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
  }
}

// Fact: debugfs-release-forwarded.
TEST_CASE("debugfs: open is -ENXIO while the module unloads and has not removed the file, a refused open gives the reference back") {
  Dump x;
  bool going = true;
  x.open.body = [](Context& c, File&) {
    mark(c);
    return -12;
  };
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("t", [&](Context& c) {
      must(debugfs_open(c, x.d, x.file) == enoent);
      x.create(c);
      if (going) try_stop_module(c, x.module);
      must(debugfs_open(c, x.d, x.file) == (going ? enxio : -12));
      must(!x.file.open);
      debugfs_remove(c, x.d);
      must(debugfs_open(c, x.d, x.file) == enoent);
    });
  });
  CHECK(every(lab).text().empty());
  going = false;
  CHECK(every(lab,
              [&] {
                CHECK(word(lab, x.module.object) == 1);
                CHECK(word(lab, x.d.users) == 0);
              })
            .text()
            .empty());
}

// Fact: debugfs_remove-waits.
TEST_CASE("debugfs: an open in flight is waited for") {
  Dump x;
  x.open.body = uses(x.priv);
  std::set<int> opens;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.task("driver", [&](Context& c) {
      x.create(c);
      debugfs_remove(c, x.d);
      kfree(c, x.priv);
    });
    l.task("user", [&](Context& c) {
      const int r = debugfs_open(c, x.d, x.file);
      if (!c.aborting()) opens.insert(r);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(opens == std::set<int>{enoent, 0});
}

// Fact: debugfs_remove-waits.
TEST_CASE("debugfs: removing its own file from an operation never returns, another one's does") {
  Dump own, other;
  bool self = true;
  own.read.body = [&](Context& c, File&) {
    debugfs_remove(c, self ? own.d : other.d);
    return 0;
  };
  Lab lab([&](Lab& l) {
    own.init(l, "own");
    other.init(l, "other");
    l.task("writer", [&](Context& c) {
      own.create(c);
      other.create(c);
      must(debugfs_open(c, own.d, own.file) == 0);
      must(vfs_write(c, own.file) == 0);
    });
  });
  CHECK(every(lab).text() == "deadlock(own)@writer");
  self = false;
  CHECK(every(lab).text().empty());
}

// Fact: debugfs-one-domain.
TEST_CASE("debugfs: with one SRCU domain for all files, removing another file from an operation waits for itself") {
  Srcu global;
  Allocation other;
  bool per_file = false;
  Srcu own;
  Lab lab([&](Lab& l) {
    l.init(global, "debugfs_srcu");
    l.init(own, "own_srcu");
    l.init(other, "other", {"unlinked"});
    // What debugfs did up to 4.14: every operation in a section, debugfs_remove() waits for all sections.
    l.task("writer", [&](Context& c) {
      Srcu& mine = per_file ? own : global;
      const std::uint64_t index = srcu_read_lock(c, mine);
      set(c, other, 1);
      synchronize_srcu(c, global);
      srcu_read_unlock(c, mine, index);
    });
  });
  CHECK(every(lab).text() == "api-misuse(debugfs_srcu)@writer, deadlock(debugfs_srcu)@writer, lock-cycle(debugfs_srcu)@writer");
  per_file = true;
  CHECK(every(lab).text().empty());
}

// Fact: debugfs_remove-waits.
TEST_CASE("debugfs: created twice is misuse, never removed is a leak, removing what isn't there nothing") {
  Dump x;
  Device device;
  Binding binding;
  int form = 0;
  Lab lab([&](Lab& l) {
    Module& m = x.module;
    l.init(device, "dev");
    init_binding(l.kernel, binding, device, m, l.name("foo binding"), l.name("foo"), 1);
    x.owner = binding.life;
    x.init(l);
    l.task("t", [&](Context& c) {
      probe_device(c, binding, [&](Context& p) {
        debugfs_remove(p, x.d);
        x.create(p);
        if (form == 1) x.create(p);
        return true;
      });
      release_driver(c, binding, [&](Context& r) {
        if (form != 2) debugfs_remove(r, x.d);
        if (form != 2) debugfs_remove(r, x.d);
      });
    });
  });
  CHECK(every(lab).text().empty());
  form = 1;
  CHECK(every(lab).text() == "api-misuse(dump)@t");
  form = 2;
  CHECK(every(lab).text() == "leak(dump)@t");
}

// Fact: drm-section-covers-itself.
TEST_CASE("vc4-missing-drm-enter: drm_dev_enter around what an ioctl touches, and the register dump that was left out") {
  enum class Form { bare, ioctl_only, both, removed } form = Form::bare;
  Dump x;
  Srcu unplug_srcu;
  Allocation drm;
  Region region;
  Mapping regs;
  FileOperations fops;
  FileBody ioctl;
  const auto enter = [&](Context& c, std::uint64_t& index) {
    index = srcu_read_lock(c, unplug_srcu);
    if (get(c, drm) == 0) return true;
    srcu_read_unlock(c, unplug_srcu, index);
    return false;
  };
  const auto touch = [&](Context& c, bool sectioned) {
    std::uint64_t index = 0;
    if (sectioned && !enter(c, index)) return -19;
    writel(c, regs);
    if (sectioned) srcu_read_unlock(c, unplug_srcu, index);
    return 0;
  };
  ioctl.body = [&](Context& c, File&) { return touch(c, form != Form::bare); };
  x.read.body = [&](Context& c, File&) { return touch(c, form == Form::both); };
  std::set<int> results;
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(unplug_srcu, "drm_unplug_srcu");
    l.init(drm, "drm", {"unplugged"});
    l.init(region, "regs");
    l.init(regs, region, "regs");
    fops = {};
    fops.ioctl = FileBody::run;
    fops.ioctl_argument = &ioctl;
    l.task("probe", [&](Context& c) {
      must(request_mem_region(c, regs));
      ioremap(c, regs);
      x.create(c);
      complete_all(c, x.ready);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, x.ready);
      set(c, drm, 1);
      synchronize_srcu(c, unplug_srcu);
      if (form == Form::removed) debugfs_remove(c, x.d);
      iounmap(c, regs);
    });
    l.task("user", [&](Context& c) {
      File drm_file;
      init_file(l.kernel, drm_file);
      wait_for_completion(c, x.ready);
      drm_file.ops = &fops;
      drm_file.open = true;
      const int i = vfs_ioctl(c, drm_file);
      if (!c.aborting()) results.insert(i);
    });
    l.task("dumper", [&](Context& c) {
      wait_for_completion(c, x.ready);
      if (debugfs_open(c, x.d, x.file) == 0) vfs_read(c, x.file);
    });
  });
  const auto run = [&](Form f) {
    form = f;
    results.clear();
    return sample(lab, 400).text();
  };
  CHECK(run(Form::bare) == "use-after-unmap(regs)@dumper, use-after-unmap(regs)@user");
  CHECK(run(Form::ioctl_only) == "use-after-unmap(regs)@dumper");
  CHECK(run(Form::both).empty());
  CHECK(results == std::set<int>{-19, 0});
  CHECK(run(Form::removed).empty());
}

}  // namespace unplug::model::test
