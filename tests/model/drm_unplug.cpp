// DRM's way of unplugging, put together from primitives: one SRCU domain for all devices, entered where a driver touches hardware.
// drivers/gpu/drm/drm_drv.c, v6.18.
#include "support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/kref.hpp"

namespace unplug::model::test {
namespace {

// A DRM device: memory that its files keep, a window that is devm's.
struct Drm {
  Srcu* srcu = nullptr;
  Allocation drm;  // fields: unplugged
  Region region;
  Mapping regs;

  void init(Lab& l, Srcu& domain, const std::string& name) {
    srcu = &domain;
    l.init(drm, name, {"unplugged"});
    l.init(region, name + " regs");
    l.init(regs, region, name + " regs");
  }
  void probe(Context& c) {
    must(request_mem_region(c, regs));
    ioremap(c, regs);
  }
  bool dev_is_unplugged(Context& c) const { return get(c, drm) != 0; }
  // drm_dev_enter() and drm_dev_exit().
  bool enter(Context& c, std::uint64_t& index) {
    index = srcu_read_lock(c, *srcu);
    if (!dev_is_unplugged(c)) return true;
    srcu_read_unlock(c, *srcu, index);
    return false;
  }
  void exit(Context& c, std::uint64_t index) { srcu_read_unlock(c, *srcu, index); }
  // drm_dev_unplug(), up to where the rest of remove() begins.
  void unplug(Context& c) {
    set(c, drm, 1);
    synchronize_srcu(c, *srcu);
  }
  void unbind(Context& c) {
    c.kernel().removal_phase = RemovalPhase::remove;
    unplug(c);
    iounmap(c, regs);
    release_mem_region(c, regs);
  }
};

}  // namespace

// Fact: drm_dev_enter-one-domain.
TEST_CASE("drm: the domain is one for the whole system: unplugging waits for a section of any device, with its own it doesn't") {
  Srcu global, own;
  Drm a, b;
  Waiter fence, inside;
  bool one_domain = true;
  Lab lab([&](Lab& l) {
    l.init(global, "drm_unplug_srcu");
    l.init(own, "own");
    l.init(fence, "fence", Owner::user);
    l.init(inside, "inside");
    a.init(l, one_domain ? global : own, "a");
    b.init(l, global, "b");
    l.task("user of b", [&](Context& c) {
      b.probe(c);
      std::uint64_t index = 0;
      must(b.enter(c, index));
      complete(c, inside);
      dma_fence_wait(c, fence);
      b.exit(c, index);
    });
    l.remover("remove a", [&](Context& c) {
      a.probe(c);
      wait_for_completion(c, inside);
      a.unbind(c);
    });
  });
  CHECK(every(lab).text() == "unbounded-remove(drm_unplug_srcu)@remove a");
  one_domain = false;
  CHECK(every(lab).text().empty());
}

// Fact: drm-section-covers-itself.
TEST_CASE("drm: drm_ioctl tests and holds nothing: what has passed the test runs on, sections around each access or the handler don't") {
  enum class Form { nothing, test, around_access, around_handler } form = Form::nothing;
  Srcu global;
  Drm d;
  Allocation priv;  // of the driver, freed at unbind: nothing of the hardware
  FileOperations fops;
  FileBody ioctl;
  std::set<int> results;
  const auto touch = [&](Context& c) {
    std::uint64_t index = 0;
    if (form == Form::around_access && !d.enter(c, index)) return enodev;
    writel(c, d.regs);
    if (form == Form::around_access) d.exit(c, index);
    return 0;
  };
  ioctl.body = [&](Context& c, File&) {
    std::uint64_t index = 0;
    if (form == Form::test && d.dev_is_unplugged(c)) return enodev;
    if (form == Form::around_handler && !d.enter(c, index)) return enodev;
    get(c, priv);
    const int result = touch(c) == 0 ? touch(c) : enodev;
    if (form == Form::around_handler) d.exit(c, index);
    return result;
  };
  Lab lab([&](Lab& l) {
    l.init(global, "drm_unplug_srcu");
    d.init(l, global, "drm");
    l.init(priv, "priv", {"x"});
    fops = {};
    fops.ioctl = FileBody::run;
    fops.ioctl_argument = &ioctl;
    l.remover("remove", [&](Context& c) {
      d.probe(c);
      l.task("user", [&](Context& u) {
        File file;
        init_file(l.kernel, file);
        file.ops = &fops;
        file.open = true;
        const int result = vfs_ioctl(u, file);
        if (!u.aborting()) results.insert(result);
      });
      d.unbind(c);
      kfree(c, priv);
    });
  });
  const auto run = [&](Form f) {
    form = f;
    results.clear();
    return every(lab).text();
  };
  CHECK(run(Form::nothing) == "use-after-free(priv)@user, use-after-unmap(drm regs)@user");
  CHECK(run(Form::test) == "use-after-free(priv)@user, use-after-unmap(drm regs)@user");
  CHECK(results == std::set<int>{0, enodev});
  // What isn't sprinkled is not fenced.
  CHECK(run(Form::around_access) == "use-after-free(priv)@user");
  CHECK(results == std::set<int>{0, enodev});
  CHECK(run(Form::around_handler).empty());
  CHECK(results == std::set<int>{0, enodev});
}

// Fact: drm_dev_enter-one-domain.
TEST_CASE("drm: a section across a fence of user space holds up unplugging, unless that wakes it first, one inside a section itself") {
  enum class Form { waits, woken, woken_late, inside } form = Form::waits;
  Srcu global;
  Drm d;
  Waiter fence;
  Lab lab([&](Lab& l) {
    l.init(global, "drm_unplug_srcu");
    d.init(l, global, "drm");
    l.init(fence, "fence", Owner::user);
    l.remover("remove", [&](Context& c) {
      d.probe(c);
      if (form != Form::inside) {
        l.task("user", [&](Context& u) {
          std::uint64_t index = 0;
          if (!d.enter(u, index)) return;
          if (dma_fence_wait(u, fence)) writel(u, d.regs);
          d.exit(u, index);
        });
      }
      std::uint64_t index = 0;
      if (form == Form::inside) must(d.enter(c, index));
      if (form == Form::woken) shoot_down(c, fence);
      d.unbind(c);
      if (form == Form::woken_late) shoot_down(c, fence);
      if (form == Form::inside) d.exit(c, index);
    });
  });
  CHECK(every(lab).text() == "unbounded-remove(drm_unplug_srcu)@remove");
  form = Form::woken_late;
  CHECK(every(lab).text() == "unbounded-remove(drm_unplug_srcu)@remove");
  form = Form::woken;
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  form = Form::inside;
  CHECK(every(lab).text() == "api-misuse(drm_unplug_srcu)@remove, deadlock(drm_unplug_srcu)@remove, hung-remove(drm_unplug_srcu)@remove, "
                             "lock-cycle(drm_unplug_srcu)@remove");
}

// Fact: drm-file-memory.
TEST_CASE("drm: what open files use is drmm's, and lives until the last is closed, a devm resource in its place goes at unbind") {
  static const StaticName release{"devm kfree"};
  enum class Owned { drmm, devm } owned = Owned::drmm;
  Device device;
  Module module;
  Binding binding;
  Allocation drm, plane;
  Kref refs;
  Waiter opened;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(drm, "drm");
    l.init(plane, "plane", {"x"});
    l.init(opened, "opened");
    init_kref(l.kernel, refs, l.name("drm ref"), l.name("drm ref"), drm.life, 2);  // of the binding, and of an open file
    const auto put = [&](Context& c) {
      kref_put(c, refs, [&] {
        if (owned == Owned::drmm) kfree(c, plane);
        kfree(c, drm);
      });
    };
    l.task("user", [&, put](Context& c) {
      complete(c, opened);
      get(c, plane);  // at any time: it is no register
      put(c);
    });
    l.task("unbind", [&, put](Context& c) {
      must(probe_device(c, binding, [&](Context& p) {
        if (owned == Owned::devm) devres_add(p, binding, {&release, l.name("plane"), [&](Context& x) { kfree(x, plane); }, &plane});
        return true;
      }));
      wait_for_completion(c, opened);
      release_driver(c, binding, [](Context&) {});
      put(c);
    });
  });
  CHECK(every(lab).text().empty());
  owned = Owned::devm;
  CHECK(every(lab).text() == "use-after-free(plane)@user");
}

// Fact: fops-owner-pins.
TEST_CASE("drm: with the driver as owner of the operations an open file refuses rmmod, unbinding goes on all the same") {
  Srcu global;
  Drm d;
  Module module;
  FileOperations fops;
  Waiter opened, close;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    l.init(global, "drm_unplug_srcu");
    d.init(l, global, "drm");
    l.init(module, "foo");
    l.init(opened, "opened");
    l.init(close, "close");
    fops = {};
    fops.owner = &module;
    l.task("user", [&](Context& c) {
      File file;
      init_file(l.kernel, file);
      must(fops_get(c, fops));
      file.ops = &fops;
      file.open = true;
      complete(c, opened);
      wait_for_completion(c, close);
      vfs_close(c, file);
    });
    l.remover("remove", [&](Context& c) {
      d.probe(c);
      wait_for_completion(c, opened);
      d.unbind(c);
      unloads.insert(delete_module(c, module, l.rcu, [] {}));
      complete(c, close);
    });
  });
  CHECK(every(lab).text() == "module-pinned(foo)@remove");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::would_block});
}

}  // namespace unplug::model::test
