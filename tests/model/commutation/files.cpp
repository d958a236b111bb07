// Files and what user space does with them.
#include "model/commute.hpp"
#include "unplug/model/kernel/fs/cdev.hpp"
#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/kernel/fs/drm_drv.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/model/kernel/fs/sysfs_file.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t references(Covered& covered) {
  Allocation own;
  FileOperations ops, shut;
  Descriptor d;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    ops = {};
    shut = {};
    ops.ioctl = shut.ioctl = [](Context& c, File&, void*) {
      mark(c);
      return 0;
    };
    init_descriptor(l.kernel, d, l.name("fd"));
    init_file(l.kernel, d.file, {.counted = true, .replacement = &shut});
    d.file.ops = &ops;
    d.file.open = true;
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        for (int i = 0; i < 2; ++i) {
          File mine, dup;
          if (!fdget(c, d, mine)) continue;
          vfs_ioctl(c, mine);
          get_file(c, mine, dup);
          fput(c, mine);
          vfs_close(c, dup);
        }
      });
    l.task("closer", [&](Context& c) {
      fd_install(c, d);
      File other = d.file;
      replace_f_op(c, other);
      close_fd(c, d);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab references_lab{"references to files", 500, references};

std::uint64_t cdevs(Covered& covered) {
  Allocation own;
  CdevMap map;
  DeviceNumber number;
  DeviceNode node;
  CharInode mknod;
  Cdev cdev;
  Module module, core;
  FileOperations ops;
  SysfsAttribute attribute;
  std::array<File, 6> files;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(module, "foo");
    l.init(core, "core");
    init_cdev_map(l.kernel, map);
    init_device_number(l.kernel, map, number, l.name("dev_t"));
    init_device_node(l.kernel, number, node, l.name("node"), l.name("node"));
    init_char_inode(l.kernel, number, mknod, l.name("mknod"));
    init_cdev(l.kernel, number, cdev, l.name("cdev"), l.name("cdev"), {}, {});
    l.init(attribute, "attribute", [](Context&) { return 0; });
    ops = {};
    ops.owner = &module;
    cdev.ops = &ops;
    cdev.owner = &core;
    cdev.parent = {};
    for (File& f : files) init_file(l.kernel, f);
    l.task("driver", [&](Context& c) {
      const std::array<SysfsAttribute*, 1> attributes{&attribute};
      cdev_device_add(c, cdev, node, attributes);
      mark(c);
      mark(c);
      cdev_device_del(c, cdev, node, attributes);
    });
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "r1" : "r2", [&, i](Context& c) {
        for (std::size_t k = 0; k < 3; ++k) {
          File& f = files[i * 3 + k];
          if ((k == 1 ? open_node(c, node, f) : chrdev_open(c, mknod, f)) == 0) vfs_close(c, f);
        }
      });
    l.task("udev", [&](Context& c) { await_node(c, node); });
  });
  return commute(lab, 120, 10, covered);
}
const CommutationLab cdevs_lab{"cdevs", 500, cdevs};

std::uint64_t mappings(Covered& covered) {
  Allocation own, page;
  FileOperations ops;
  std::array<File, 2> files;
  std::array<Mm, 2> mms;
  Mm child_mm;
  std::array<Vma, 2> vmas;
  Vma child;
  AddressSpace mapping;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(page, "page", {});
    init_address_space(l.kernel, mapping, l.name("mapping"));
    init_mm(l.kernel, child_mm, l.name("child mm"));
    init_vma(l.kernel, child, child_mm, l.name("child"), l.name("child"));
    ops = {};
    ops.mmap = [](Context& c, File&, Vma& v, void* p) {
      vma_maps(v, *static_cast<Allocation*>(p));
      v.fault = [](Context& x, Vma& w, void*) {
        insert_dummy_page(x, w);
        return VmFault::nopage;
      };
      insert_pfn(c, v);
      return 0;
    };
    ops.mmap_argument = &page;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string n = i == 0 ? "r1" : "r2";
      init_mm(l.kernel, mms[i], l.name(n + " mm"));
      init_vma(l.kernel, vmas[i], mms[i], l.name(n + " vma"), l.name("vma"));
      init_file(l.kernel, files[i], {.counted = true});
      files[i].ops = &ops;
      files[i].open = true;
      l.task(n, [&, i](Context& c) {
        vfs_mmap(c, files[i], mapping, vmas[i]);
        for (int k = 0; k < 3; ++k) user_access(c, vmas[i]);
        if (i == 0) dup_vma(c, vmas[i], child);
        munmap(c, vmas[i]);
      });
    }
    l.task("remover", [&](Context& c) {
      for (int k = 0; k < 3; ++k) unmap_mapping_range(c, mapping);
    });
  });
  return commute(lab, 120, 10, covered);
}
const CommutationLab mappings_lab{"mappings", 500, mappings};

std::uint64_t polls(Covered& covered) {
  Allocation own, state;
  std::array<PollQueue, 2> queues;
  std::array<File, 2> files;
  std::array<PollTable, 2> tables;
  Epoll epoll;
  std::array<EpollItem, 2> items;
  std::array<EpollLinks, 2> links;
  struct Argument {
    Allocation* state;
    PollQueue* queue;
  };
  std::array<Argument, 2> arguments;
  std::array<FileOperations, 2> tables_of_ops;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(state, "state", {"ready"});
    init_epoll(l.kernel, epoll, l.name("epoll"), l.name("epoll"));
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string n = i == 0 ? "r1" : "r2";
      init_poll_queue(l.kernel, queues[i], l.name(n + " queue"), l.name("queue"), {}, Owner::hardware);
      init_poll_table(l.kernel, tables[i], l.name(n + " table"));
      init_epoll_item(l.kernel, items[i], epoll, l.name(n + " item"));
      init_epoll_links(l.kernel, links[i], l.rcu, l.name(n + " links"));
      init_file(l.kernel, files[i], {.counted = true, .links = &links[i]});
      arguments[i] = {&state, &queues[i]};
      tables_of_ops[i] = {};
      tables_of_ops[i].poll = [](Context& c, File& f, PollTable& t, void* a) {
        auto& arg = *static_cast<Argument*>(a);
        poll_wait(c, f, *arg.queue, t);
        return get(c, *arg.state) != 0 ? epollin : 0;
      };
      tables_of_ops[i].poll_argument = &arguments[i];
      files[i].ops = &tables_of_ops[i];
      files[i].open = true;
      l.task(n, [&, i](Context& c) {
        const std::array<File*, 1> one{&files[i]};
        epoll_add(c, items[i], files[i]);
        do_poll(c, one, epollin, tables[i]);
        if (i == 0) epoll_del(c, items[i], files[i]);
        vfs_close(c, files[i]);
      });
    }
    l.task("driver", [&](Context& c) {
      wake_up_poll(c, queues[0]);
      set(c, state, 1, 0, MemoryOrder::once);
      wake_up_poll(c, queues[0]);
      wake_up_pollfree(c, queues[1]);
      wake_up_poll(c, queues[1]);
    });
    l.task("epoller", [&](Context& c) {
      epoll_wait(c, epoll, Owner::hardware);
      epoll_wait(c, epoll, Owner::hardware);
    });
  });
  return commute(lab, 120, 10, covered);
}
const CommutationLab polls_lab{"poll and epoll", 500, polls};

std::uint64_t filesystems(Covered& covered) {
  Allocation own;
  DebugfsFile debug;
  ProcEntry proc;
  SysfsAttribute attribute;
  SysfsFile sys;
  PollTable table;
  std::array<File, 8> files;
  const auto nothing = [](Context& c, File&, void*) {
    mark(c);
    return 0;
  };
  Lab lab([&](Lab& l) {
    bystander(l, own);
    debug.real = {};
    debug.real.read = nothing;
    init_debugfs_file(l.kernel, debug, l.name("debug"), l.name("debug"), {});
    proc.real = {};
    proc.real.read = proc.real.release = nothing;
    init_proc_entry(l.kernel, proc, l.name("proc"), l.name("proc"), {});
    l.init(attribute, "attribute", [](Context& c) {
      mark(c);
      return 0;
    });
    init_sysfs_file(l.kernel, sys, attribute, l.name("sys"), l.name("sys"));
    init_poll_table(l.kernel, table, l.name("table"));
    for (File& f : files) init_file(l.kernel, f);
    l.task("driver", [&](Context& c) {
      debugfs_create_file(c, debug);
      proc_create(c, proc);
      sysfs_create_file(c, attribute);
      sysfs_notify(c, sys);
      debugfs_remove(c, debug);
      remove_proc_entry(c, proc);
      sysfs_remove_bin_file(c, sys);
      debugfs_create_file(c, debug);  // a dentry of its own
    });
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "r1" : "r2", [&, i](Context& c) {
        for (std::size_t k = 0; k < 4; ++k) {
          File& f = files[i * 4 + k];
          const int r = k == 1 ? debugfs_open(c, debug, f) : k == 3 ? sysfs_open(c, sys, f) : proc_open(c, proc, f);
          if (r != 0) continue;
          vfs_read(c, f);
          if (k == 3 && i == 0) vfs_poll(c, f, table);
          vfs_close(c, f);
        }
      });
  });
  return commute(lab, 200, 12, covered);
}
const CommutationLab filesystems_lab{"debugfs, procfs and sysfs files", 500, filesystems};

std::uint64_t drm(Covered& covered) {
  Allocation own;
  Srcu srcu;
  std::array<DrmDevice, 2> devices;
  CharDevice node;
  Registration minor;
  AddressSpace mapping;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(srcu, "drm_unplug_srcu");
    init_drm_device(l.kernel, devices[0], srcu, l.name("drm"), l.name("drm"), {});
    init_drm_device(l.kernel, devices[1], srcu, l.name("other"), l.name("other"), {});
    init_char_device(l.kernel, node, l.name("card0"), l.name("card0"), nullptr);
    minor = {};
    init_registration(l.kernel, node, minor, l.name("minor"), {});
    init_address_space(l.kernel, mapping, l.name("mapping"));
    devices[0].minors.emplace_back(&node, &minor);
    devices[0].mapping = &mapping;
    l.task("remove", [&](Context& c) {
      register_char_device(c, node, minor);
      drm_dev_unplug(c, devices[0]);
      drm_dev_unplug(c, devices[1]);
    });
    for (std::size_t i = 0; i < 2; ++i)
      l.task(i == 0 ? "r1" : "r2", [&, i](Context& c) {
        for (int k = 0; k < 3; ++k) {
          std::uint64_t index = 0;
          if (!drm_dev_enter(c, devices[i], index)) return;
          mark(c);
          drm_dev_exit(c, srcu, index);
        }
      });
  });
  return commute(lab, 200, 12, covered);
}
const CommutationLab drm_lab{"drm_dev_enter and drm_dev_unplug", 500, drm};

}  // namespace
}  // namespace unplug::model::test
