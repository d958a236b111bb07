// kernel/drm_drv: sections that unplugging waits for.
#include "unplug/model/kernel/fs/drm_drv.hpp"

#include "model/steps.hpp"

namespace unplug::model::test {
namespace {

struct Drm {
  Srcu srcu;
  DrmDevice device, other;
  Region region;
  Mapping bar;
  CharDevice node;
  Registration minor;
  AddressSpace mapping;
  void init(Lab& l) {
    l.init(srcu, "drm_unplug_srcu");
    init_drm_device(l.kernel, device, srcu, l.name("drm"), l.name("drm"), {});
    init_drm_device(l.kernel, other, srcu, l.name("other"), l.name("other"), {});
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    init_char_device(l.kernel, node, l.name("card0"), l.name("card0"), nullptr);
    minor = {};
    init_registration(l.kernel, node, minor, l.name("minor"), {});
    init_address_space(l.kernel, mapping, l.name("mapping"));
    device.minors.emplace_back(&node, &minor);
    device.mapping = &mapping;
  }
  void map(Context& c) {
    must(request_mem_region(c, bar));
    ioremap(c, bar);
    register_char_device(c, node, minor);
  }
};

}  // namespace

// Fact: drm_dev_enter-one-domain.
TEST_CASE("drm_drv: a section is entered before unplug or refused, and unplug waits for those under way") {
  Drm d;
  std::set<bool> entered;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("remove", [&](Context& c) {
      d.map(c);
      drm_dev_unplug(c, d.device);
      iounmap(c, d.bar);
      release_mem_region(c, d.bar);
    });
    l.task("user", [&](Context& c) {
      await_device_node(c, d.node);
      std::uint64_t index = 0;
      const bool in = drm_dev_enter(c, d.device, index);
      if (c.aborting()) return;
      entered.insert(in);
      if (!in) return;
      writel(c, d.bar);
      drm_dev_exit(c, d.srcu, index);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(entered == std::set<bool>{false, true});
}

// Fact: drm-section-covers-itself.
TEST_CASE("drm_drv: an access outside of a section is not covered, and a section that was left covers nothing") {
  for (const bool section : {false, true}) {
    Drm d;
    Lab lab([&](Lab& l) {
      d.init(l);
      l.task("remove", [&](Context& c) {
        d.map(c);
        drm_dev_unplug(c, d.device);
        iounmap(c, d.bar);
        release_mem_region(c, d.bar);
      });
      l.task("user", [&](Context& c) {
        await_device_node(c, d.node);
        std::uint64_t index = 0;
        if (section && !drm_dev_enter(c, d.device, index)) return;
        if (section && !c.aborting()) drm_dev_exit(c, d.srcu, index);
        if (!c.aborting()) writel(c, d.bar);
      });
    });
    CHECK(every(lab).count("use-after-unmap(bar0)@user") > 0);
  }
}

// Fact: drm_dev_enter-one-domain.
TEST_CASE("drm_drv: one domain for all devices: a section of another holds unplug up, one's own for ever") {
  Drm d;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("remove", [&](Context& c) {
      d.map(c);
      std::uint64_t index = 0;
      must(drm_dev_enter(c, d.other, index));
      drm_dev_unplug(c, d.device);
    });
  });
  const Found f = every(lab);
  CHECK(f.count("deadlock(drm_unplug_srcu)@remove") == f.executions);
}

// Fact: drm_dev_unplug-order.
TEST_CASE("drm_drv: unplug takes the nodes away, and what user space has mapped, it waits for no file") {
  Drm d;
  File file;
  Mm mm;
  Vma vma;
  std::set<UserAccess> seen;
  std::set<int> opens;
  Lab lab([&](Lab& l) {
    d.init(l);
    init_mm(l.kernel, mm, l.name("mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
    init_file(l.kernel, file, {.counted = true});
    d.minor.mmap_argument = &d;
    d.minor.mmap = [](Context& c, File&, Vma& v, void* argument) {
      vma_maps(v, static_cast<Drm*>(argument)->bar);
      insert_pfn(c, v);
      return 0;
    };
    l.task("remove", [&](Context& c) {
      d.map(c);
      must(vfs_open(c, d.node, file) == 0);
      must(vfs_mmap(c, file, d.mapping, vma) == 0);
      drm_dev_unplug(c, d.device);
      iounmap(c, d.bar);
      release_mem_region(c, d.bar);
      seen.insert(user_access(c, vma));
      File again;
      init_file(l.kernel, again);
      opens.insert(vfs_open(c, d.node, again));
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(seen == std::set<UserAccess>{UserAccess::sigbus});  // there is no ->fault
  CHECK(opens == std::set<int>{-6});
}

// Fact: drm_dev_unplug-order.
TEST_CASE("drm_drv: unplug waits for sections first, then takes the nodes away, and zaps what is mapped when nobody can open any more") {
  Drm d;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.task("remove", [&](Context& c) {
      register_char_device(c, d.node, d.minor);
      mark(c);
      drm_dev_unplug(c, d.device);
    });
  });
  CHECK(order_of(lab, "remove") ==
        "device node appears / mark / drm_dev_unplug: store unplugged / synchronize_srcu: request / "
        "synchronize_srcu: scan the inactive index / synchronize_srcu: flip index / synchronize_srcu: scan the old index / "
        "synchronize_srcu: done / device node removed / down_read / unmap_mapping_range: walk i_mmap / up_read");
}

}  // namespace unplug::model::test
