// kernel/mmap: mappings of device memory, faults, and zapping (vc4-missing-drm-enter, the twin).
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/mechanisms/policy.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// A driver whose file maps a window; the entry is there from mmap() on, or ->fault puts it in.
struct Mapped {
  Module module;
  FileOperations ops;
  Region region;
  Mapping bar;
  Allocation state;  // fields: dead
  Rwsem lock;
  AddressSpace mapping;
  Mm mm, child_mm;
  File file;
  Vma vma, child;
  Waiter ready;
  enum class Fault { none, unchecked, checked, locked } on_fault = Fault::none;
  bool dummy = false;  // what a fault on a dead device gives: a dummy page, or SIGBUS
  bool insert = true;  // ->mmap puts the entry in
  int faults = 0, opened = 0, closed = 0;
  std::set<UserAccess> seen;
  Lab* lab = nullptr;

  static int mmap(Context& c, File&, Vma& v, void* argument) {
    auto& m = *static_cast<Mapped*>(argument);
    vma_maps(v, m.bar);
    if (m.on_fault != Fault::none) v.fault = fault;
    v.argument = argument;
    v.opened = [](Context& x, Vma&, void* a) {
      mark(x);
      ++static_cast<Mapped*>(a)->opened;
    };
    v.closed = [](Context& x, Vma&, void* a) {
      const Context::Function function(x, static_cast<Mapped*>(a)->lab->name("foo_vma_close"), static_cast<Mapped*>(a)->module.text, {});
      mark(x);
      ++static_cast<Mapped*>(a)->closed;
    };
    if (m.insert) insert_pfn(c, v);
    return 0;
  }
  static VmFault fault(Context& c, Vma& v, void* argument) {
    auto& m = *static_cast<Mapped*>(argument);
    ++m.faults;
    const bool locked = m.on_fault == Fault::locked;
    if (locked) down_read(c, m.lock);
    const bool dead = m.on_fault != Fault::unchecked && get(c, m.state) != 0;
    if (!dead) insert_pfn(c, v);
    if (dead && m.dummy) insert_dummy_page(c, v);
    if (locked) up_read(c, m.lock);
    return dead && !m.dummy ? VmFault::sigbus : VmFault::nopage;
  }
  void init(Lab& l) {
    lab = &l;
    faults = opened = closed = 0;
    l.init(module, "foo");
    l.init(region, "bar0");
    l.init(bar, region, "bar0");
    l.init(state, "state", {"dead"});
    l.init(lock, "lock");
    l.init(ready, "ready");
    init_address_space(l.kernel, mapping, l.name("mapping"));
    init_mm(l.kernel, mm, l.name("mm"));
    init_mm(l.kernel, child_mm, l.name("child mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
    init_vma(l.kernel, child, child_mm, l.name("child vma"), l.name("child vma"));
    init_file(l.kernel, file, {.counted = true});
    ops = {};
    ops.owner = &module;
    ops.mmap = mmap;
    ops.mmap_argument = this;
  }
  void open(Context& c) {
    must(fops_get(c, ops));
    file.ops = &ops;
    file.open = true;
    must(request_mem_region(c, bar));
    ioremap(c, bar);
  }
  void access(Context& c) {
    const UserAccess a = user_access(c, vma);
    if (!c.aborting()) seen.insert(a);
  }
};

}  // namespace

// Fact: vma-holds-file.
TEST_CASE("mmap: a VMA holds a reference to its file, and so to the module, munmap drops it, after the driver's close") {
  Mapped m;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      vfs_close(c, m.file);
      complete(c, m.ready);
      must(user_access(c, m.vma) == UserAccess::ok);
      munmap(c, m.vma);
      must(user_access(c, m.vma) == UserAccess::segv);
      munmap(c, m.vma);  // is not there: nothing
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, m.ready);
      unloads.insert(delete_module(c, m.module, l.rcu, [] {}));
    });
  });
  const Found f = every(lab, [&] {
    CHECK(word(lab, m.file.count) == 0);
    CHECK((word(lab, m.module.object) & 0xffff) <= 1);
    CHECK(m.closed == 1);
    CHECK(m.faults == 0);
  });
  CHECK(f.text() == "module-pinned(foo)@rmmod");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
}

// Fact: vma-holds-file.
TEST_CASE("mmap: without ->mmap -ENODEV, one that fails leaves no entry and no reference") {
  Mapped m;
  bool without = false;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.task("user", [&](Context& c) {
      m.open(c);
      m.ops.mmap = without ? nullptr : +[](Context& x, File&, Vma& v, void*) {
        insert_pfn(x, v);
        return -12;
      };
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == (without ? -19 : -12));
      must(user_access(c, m.vma) == UserAccess::segv);
      munmap(c, m.vma);
      unmap_mapping_range(c, m.mapping);
    });
  });
  for (const bool w : {false, true}) {
    without = w;
    CHECK(every(lab,
                [&] {
                  CHECK(word(lab, m.file.count) == 1);
                  CHECK(word(lab, m.vma.pte) == 0);
                  CHECK(find_event(lab, "user", "unmap_mapping_range: clear entry, flush TLBs") == no_such_event);
                })
              .text()
              .empty());
  }
}

// Fact: pte-asks-nobody.
TEST_CASE("mmap: an access through an entry is no call that anything could refuse, so the entry has to be zapped before the "
          "window goes") {
  Mapped m;
  bool zap = false;
  Lab lab([&](Lab& l) {
    m.init(l);
    m.seen.clear();
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      complete(c, m.ready);
      m.access(c);
      m.access(c);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, m.ready);
      set(c, m.state, 1);
      if (zap) unmap_mapping_range(c, m.mapping);
      iounmap(c, m.bar);
      release_mem_region(c, m.bar);
    });
  });
  CHECK(every(lab).text() == "use-after-unmap(bar0)@user");
  zap = true;
  std::set<std::set<UserAccess>> both;
  // No handler: SIGBUS.
  CHECK(every(lab, [&] { both.insert(m.seen); }).text().empty());
  CHECK(both == std::set<std::set<UserAccess>>{{UserAccess::ok}, {UserAccess::ok, UserAccess::sigbus}, {UserAccess::sigbus}});
}

// Fact: unmap_mapping_range-no-gate.
TEST_CASE("mmap: zapping doesn't keep a fault from putting the entry back, nor waits for one, a flag that the fault tests under a "
          "lock does") {
  Mapped m;
  bool flag_first = true;
  Lab lab([&](Lab& l) {
    m.init(l);
    m.seen.clear();
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      complete(c, m.ready);
      m.access(c);
      m.access(c);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, m.ready);
      if (!flag_first) unmap_mapping_range(c, m.mapping);
      if (m.on_fault == Mapped::Fault::locked) down_write(c, m.lock);
      set(c, m.state, 1);
      if (m.on_fault == Mapped::Fault::locked) up_write(c, m.lock);
      if (flag_first) unmap_mapping_range(c, m.mapping);
      iounmap(c, m.bar);
    });
  });
  std::set<UserAccess> seen;
  const auto run = [&](Mapped::Fault fault, bool first, bool dummy, bool insert) {
    m.on_fault = fault;
    m.dummy = dummy;
    m.insert = insert;
    flag_first = first;
    seen.clear();
    return every(lab, [&] { seen.insert(m.seen.begin(), m.seen.end()); }).text();
  };
  using enum Mapped::Fault;
  for (const bool insert : {true, false}) {
    CHECK(run(unchecked, true, false, insert) == "use-after-unmap(bar0)@user");
    // Tested, but a fault that found the flag clear goes on after the zap; there is none as long as the entry is there.
    CHECK(run(checked, true, false, insert) == (insert ? "" : "use-after-unmap(bar0)@user"));
    CHECK(run(locked, false, false, insert) == "use-after-unmap(bar0)@user");
    CHECK(run(locked, true, false, insert).empty());
    CHECK(seen == std::set<UserAccess>{UserAccess::ok, UserAccess::sigbus});
    CHECK(run(locked, true, true, insert).empty());
    CHECK(seen == std::set<UserAccess>{UserAccess::ok, UserAccess::dummy});
  }
}

// Fact: unmap_mapping_range-no-gate.
TEST_CASE("mmap: zapping reaches every VMA of the address space, those of other address spaces not") {
  Mapped m;
  Mm second_mm;
  Vma second, elsewhere;
  AddressSpace other;
  Lab lab([&](Lab& l) {
    m.init(l);
    init_mm(l.kernel, second_mm, l.name("second mm"));
    init_vma(l.kernel, second, second_mm, l.name("second"), l.name("second"));
    init_vma(l.kernel, elsewhere, second_mm, l.name("elsewhere"), l.name("elsewhere"));
    init_address_space(l.kernel, other, l.name("other mapping"));
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      must(vfs_mmap(c, m.file, m.mapping, second) == 0);
      must(vfs_mmap(c, m.file, other, elsewhere) == 0);
      must(m.mapping.vmas.size() == 2 || c.aborting());
      unmap_mapping_range(c, m.mapping);
      must(user_access(c, m.vma) == UserAccess::sigbus);
      must(user_access(c, second) == UserAccess::sigbus);
      must(user_access(c, elsewhere) == UserAccess::ok);
      insert_dummy_page(c, elsewhere);  // there is an entry: nothing happens
      must(user_access(c, elsewhere) == UserAccess::ok);
      munmap(c, second);
      must(m.mapping.vmas.size() == 1 || c.aborting());
      must(user_access(c, second) == UserAccess::segv);
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: munmap-waits-for-faults.
TEST_CASE("mmap: munmap waits for faults under way, a fault that comes too late finds no VMA") {
  Mapped m;
  bool inside = false;
  std::set<UserAccess> seen;
  Lab lab([&](Lab& l) {
    m.init(l);
    m.insert = false;
    m.on_fault = Mapped::Fault::checked;
    inside = false;
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      m.vma.fault = [](Context& x, Vma& v, void* a) {
        auto& self = *static_cast<Mapped*>(a);
        const Context::Function function(x, self.lab->name("foo_fault"), self.module.text, {});
        mark(x);
        return Mapped::fault(x, v, a);
      };
      vfs_close(c, m.file);
      complete(c, m.ready);
      m.access(c);
    });
    l.task("other thread", [&](Context& c) {
      wait_for_completion(c, m.ready);
      munmap(c, m.vma);
      delete_module(c, m.module, l.rcu, [] {});
    });
  });
  CHECK(every(lab, [&] { CHECK(m.faults <= 1); }).text().empty());
  CHECK(m.seen == std::set<UserAccess>{UserAccess::ok, UserAccess::segv});
}

// Fact: vma-holds-file, unmap_mapping_range-no-gate.
TEST_CASE("mmap: a fork has a VMA of its own with its own reference, and zapping finds it however they meet") {
  Mapped m;
  std::set<UserAccess> in_child;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      vfs_close(c, m.file);
      complete(c, m.ready);
      dup_vma(c, m.vma, m.child);
      munmap(c, m.vma);
      const UserAccess a = user_access(c, m.child);
      if (!c.aborting()) in_child.insert(a);
      munmap(c, m.child);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, m.ready);
      set(c, m.state, 1);
      unmap_mapping_range(c, m.mapping);
      iounmap(c, m.bar);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(m.opened == 1);
                CHECK(m.closed == 2);
                CHECK(word(lab, m.file.count) == 0);
                CHECK(word(lab, m.module.object) == 1);
                for (const ObjectId gone : {m.vma.pte, m.child.pte}) CHECK(word(lab, gone) == 0);
              })
            .text()
            .empty());
  CHECK(in_child == std::set<UserAccess>{UserAccess::ok, UserAccess::sigbus});
}

// Fact: pte-asks-nobody.
TEST_CASE("mmap: mapped memory that is freed is used after that by user space alone") {
  Mapped m;
  Allocation page;
  bool zap = false;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.init(page, "page", {});
    l.task("user", [&](Context& c) {
      m.open(c);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == 0);
      vma_maps(m.vma, page);
      complete(c, m.ready);
      m.access(c);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, m.ready);
      if (zap) unmap_mapping_range(c, m.mapping);
      kfree(c, page);
    });
  });
  CHECK(every(lab).text() == "use-after-free(page)@user");
  zap = true;
  CHECK(every(lab).text().empty());
}

// Fact: unmap_mapping_range-no-gate.
TEST_CASE("mmap: unmap_mapping_range sleeps, not in an interrupt, and the entry guard is around ->mmap") {
  Mapped m;
  PolicySpec spec;
  spec.mechanism[static_cast<std::size_t>(Part::entry)] = "rwsem";
  Policy policy(spec);
  Device device;
  Binding binding;
  Sources sources;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.init(device, "dev");
    l.init(binding, device, m.module, "foo binding");
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    m.ops.guard = &policy.entry();
    l.task(
        "softirq", [&](Context& c) { unmap_mapping_range(c, m.mapping); }, ContextKind::softirq);
    l.task("user", [&](Context& c) {
      m.open(c);
      policy.fence(c, binding, sources);
      must(vfs_mmap(c, m.file, m.mapping, m.vma) == -19);
    });
  });
  const Found f = every(lab, [&] { CHECK(word(lab, m.file.count) == 1); });
  CHECK(f.count("sleep-in-atomic(unmap_mapping_range)@softirq") > 0);
  CHECK(f.count("sleep-in-atomic(unmap_mapping_range)@user") == 0);
}

}  // namespace unplug::model::test
