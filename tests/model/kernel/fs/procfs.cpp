// kernel/procfs: removal that releases open files itself.
#include "unplug/model/kernel/fs/procfs.hpp"

#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model::test {
namespace {

struct Entry {
  Module module;
  ProcEntry e;
  Allocation priv;
  FileBody open, op, release;
  File file;
  PollTable table;
  AddressSpace mapping;
  Mm mm;
  Vma vma;
  Waiter ready;
  int releases = 0;
  bool inside = false;
  std::set<std::string> released_by;
  LifetimeId owner;
  void init(Lab& l) {
    releases = 0;
    inside = false;
    l.init(module, "foo");
    l.init(priv, "priv", {"x"});
    l.init(ready, "ready");
    e.real = {};
    const auto set = [](FileBody& b, FileOperation& operation, void*& argument) {
      if (!b.body) return;
      operation = FileBody::run;
      argument = &b;
    };
    set(open, e.real.open, e.real.open_argument);
    set(op, e.real.read, e.real.read_argument);
    set(op, e.real.write, e.real.write_argument);
    set(op, e.real.ioctl, e.real.ioctl_argument);
    set(op, e.lseek, e.lseek_argument);
    set(release, e.real.release, e.real.release_argument);
    init_proc_entry(l.kernel, e, l.name("entry"), l.name("entry"), owner);
    init_file(l.kernel, file, {.counted = true});
    init_poll_table(l.kernel, table, l.name("table"));
    init_address_space(l.kernel, mapping, l.name("mapping"));
    init_mm(l.kernel, mm, l.name("mm"));
    init_vma(l.kernel, vma, mm, l.name("vma"), l.name("vma"));
  }
  // ->proc_release in the module's text, which relies on what the driver frees after removal.
  void in_module(Lab*& lab) {
    release.body = [this, &lab](Context& c, File& f) {
      const Context::Function function(c, lab->name("foo_release"), module.text, {});
      inside = true;
      ++releases;
      released_by.insert(c.kernel().text(c.engine().current_name()));
      get(c, priv);
      load(c, f.memory, f.private_data, MemoryOrder::once);
      inside = false;
      return 0;
    };
  }
};

}  // namespace

// Fact: proc-after-removal.
TEST_CASE("procfs: errors after removal are -EIO for read, write and mmap, -ENOTTY, -EINVAL for lseek, -ENOENT for open") {
  Entry x;
  x.op.body = [](Context& c, File&) {
    mark(c);
    return 0;
  };
  int calls = 0;
  Lab lab([&](Lab& l) {
    calls = 0;
    x.init(l);
    x.e.real.poll = [](Context&, File&, PollTable&, void* n) {
      ++*static_cast<int*>(n);
      return epollpri;
    };
    x.e.real.mmap = [](Context&, File&, Vma&, void* n) {
      ++*static_cast<int*>(n);
      return 0;
    };
    x.e.real.poll_argument = x.e.real.mmap_argument = &calls;
    l.task("t", [&](Context& c) {
      must(proc_open(c, x.e, x.file) == enoent);
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      must(vfs_read(c, x.file) == 0);
      must(vfs_write(c, x.file) == 0);
      must(vfs_ioctl(c, x.file) == 0);
      must(proc_lseek(c, x.e, x.file) == 0);
      must(vfs_poll(c, x.file, x.table) == epollpri);
      must(vfs_mmap(c, x.file, x.mapping, x.vma) == 0);
      munmap(c, x.vma);
      remove_proc_entry(c, x.e);
      must(vfs_read(c, x.file) == eio);
      must(vfs_write(c, x.file) == eio);
      must(vfs_ioctl(c, x.file) == enotty);
      must(proc_lseek(c, x.e, x.file) == einval);
      must(vfs_poll(c, x.file, x.table) == default_pollmask);
      must(vfs_mmap(c, x.file, x.mapping, x.vma) == eio);
      must(proc_open(c, x.e, x.file) == enoent);
      vfs_close(c, x.file);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(calls == 2);
                CHECK((word(lab, x.e.in_use) & 0xffffffff) == 0);
              })
            .text()
            .empty());
}

// Fact: proc-after-removal, file-missing-operations.
TEST_CASE("procfs: what the driver doesn't have, with the entry there") {
  Entry x;
  Lab lab([&](Lab& l) {
    x.init(l);
    x.e.lseek = nullptr;
    l.task("t", [&](Context& c) {
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      must(vfs_read(c, x.file) == eio);
      must(vfs_write(c, x.file) == eio);
      must(vfs_ioctl(c, x.file) == enotty);
      must(proc_lseek(c, x.e, x.file) == einval);
      must(vfs_poll(c, x.file, x.table) == default_pollmask);
      must(vfs_mmap(c, x.file, x.mapping, x.vma) == eio);
      vfs_close(c, x.file);
    });
  });
  CHECK(every(lab, [&] { CHECK((word(lab, x.e.in_use) & 0xffffffff) == 0); }).text().empty());
}

// Fact: proc-remove-drains-and-releases, proc-pins-nothing.
TEST_CASE("procfs: rmmod foo </proc/foo works, removal releases the open file itself, once, and no code of the module runs afterwards") {
  Entry x;
  Lab* lab = nullptr;
  x.in_module(lab);
  x.op.body = [&](Context& c, File&) {
    const Context::Function function(c, lab->name("foo_read"), x.module.text, {});
    get(c, x.priv);
    return 0;
  };
  std::set<std::pair<int, int>> reads;
  Lab l2([&](Lab& l) {
    lab = &l;
    x.init(l);
    l.task("user", [&](Context& c) {
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      complete(c, x.ready);
      const int a = vfs_read(c, x.file), b = vfs_read(c, x.file);
      if (!c.aborting()) reads.insert({a, b});
      vfs_close(c, x.file);
    });
    l.task("rmmod", [&](Context& c) {
      wait_for_completion(c, x.ready);
      must(delete_module(c, x.module, l.rcu,
                         [&] {
                           remove_proc_entry(c, x.e);
                           kfree(c, x.priv);
                         }) == DeleteResult::gone ||
           c.aborting());
    });
  });
  CHECK(every(l2,
              [&] {
                CHECK(x.releases == 1);
                CHECK(word(l2, x.e.openers) == 0);
              })
            .text()
            .empty());
  CHECK(x.released_by == std::set<std::string>{"rmmod", "user"});
  CHECK(reads == std::set<std::pair<int, int>>{{0, 0}, {0, eio}, {eio, eio}});
}

// Fact: proc-close-and-remove.
TEST_CASE("procfs: a close that races with removal waits where removal releases its file, and removal waits for a close that does") {
  Entry x;
  Lab* lab = nullptr;
  x.in_module(lab);
  File second;
  Lab l2([&](Lab& l) {
    lab = &l;
    x.init(l);
    init_file(l.kernel, second);
    l.task("user", [&](Context& c) {
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      must(proc_open(c, x.e, second) == 0);
      complete(c, x.ready);
      vfs_close(c, x.file);  // frees the struct that ->proc_release looks at
      vfs_close(c, second);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, x.ready);
      remove_proc_entry(c, x.e);
      must(!x.inside || c.aborting());
      kfree(c, x.priv);
    });
  });
  const Found f = every(l2, [&] {
    CHECK(x.releases == 2);
    CHECK(word(l2, x.e.openers) == 0);
  });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(x.released_by == std::set<std::string>{"remover", "user"});
}

// Fact: proc-remove-drains-and-releases.
TEST_CASE("procfs: an open in flight is waited for, and its file released then") {
  Entry x;
  Lab* lab = nullptr;
  x.in_module(lab);
  bool refuse = false;
  x.open.body = [&](Context& c, File&) {
    get(c, x.priv);
    return refuse ? -12 : 0;
  };
  std::set<int> opens;
  Lab l2([&](Lab& l) {
    lab = &l;
    x.init(l);
    l.task("driver", [&](Context& c) {
      proc_create(c, x.e);
      remove_proc_entry(c, x.e);
      kfree(c, x.priv);
    });
    l.task("user", [&](Context& c) {
      const int r = proc_open(c, x.e, x.file);
      if (!c.aborting()) opens.insert(r);
      must(x.file.open == (r == 0) || c.aborting());
    });
  });
  CHECK(every(l2,
              [&] {
                CHECK(x.releases == (x.file.open ? 1 : 0));
                CHECK((word(l2, x.e.in_use) & 0xffffffff) == 0);
              })
            .text()
            .empty());
  CHECK(opens == std::set<int>{enoent, 0});
  refuse = true;
  opens.clear();
  CHECK(every(l2, [&] { CHECK(x.releases == 0); }).text().empty());
  CHECK(opens == std::set<int>{enoent, -12});
}

// Fact: proc-self-removal.
TEST_CASE("procfs: removal from its own operation, or from its own release, or under a lock that an operation takes, never returns") {
  Entry x;
  Mutex lock;
  enum class Form { operation, release, under_lock } form = Form::operation;
  x.op.body = [&](Context& c, File&) {
    if (form == Form::operation) remove_proc_entry(c, x.e);
    if (form == Form::under_lock) {
      mutex_lock(c, lock);
      mutex_unlock(c, lock);
    }
    return 0;
  };
  x.release.body = [&](Context& c, File&) {
    if (form == Form::release) remove_proc_entry(c, x.e);
    return 0;
  };
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(lock, "lock");
    l.task("user", [&](Context& c) {
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      complete(c, x.ready);
      vfs_read(c, x.file);
      vfs_close(c, x.file);
    });
    if (form == Form::under_lock)
      l.task("remover", [&](Context& c) {
        wait_for_completion(c, x.ready);
        mutex_lock(c, lock);
        remove_proc_entry(c, x.e);
        mutex_unlock(c, lock);
      });
  });
  CHECK(every(lab).text() == "deadlock(entry)@user");
  form = Form::release;
  CHECK(every(lab).details.at("deadlock(entry)@user") == "'user' waits in close_pdeo(entry) for 'user' waits in close_pdeo(entry)");
  form = Form::under_lock;
  CHECK(every(lab).text() == "deadlock(entry)@remover, deadlock(lock)@user");
}

// Fact: proc-remove-drains-and-releases.
TEST_CASE("procfs: what operations have started is not waited for") {
  Entry x;
  Work work;
  x.op.body = [&](Context& c, File&) {
    queue_work(c, work);
    return 0;
  };
  Lab lab([&](Lab& l) {
    x.init(l);
    l.init(work, "work", [&](Context& c) { get(c, x.priv); });
    l.task("user", [&](Context& c) {
      proc_create(c, x.e);
      must(proc_open(c, x.e, x.file) == 0);
      vfs_read(c, x.file);
      remove_proc_entry(c, x.e);
      kfree(c, x.priv);
    });
  });
  CHECK(every(lab).text() == "use-after-free(priv)@kworker work");
}

// Fact: proc-self-removal.
TEST_CASE("procfs: created twice or removed when it isn't there is misuse, never removed a leak, places of closed files are used again") {
  Entry x;
  Device device;
  Binding binding;
  int form = 0;
  x.release.body = [&](Context& c, File&) {
    mark(c);
    ++x.releases;
    return 0;
  };
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    init_binding(l.kernel, binding, device, x.module, l.name("foo binding"), l.name("foo"), 1);
    x.owner = binding.life;
    x.init(l);
    l.task("t", [&](Context& c) {
      probe_device(c, binding, [&](Context& p) {
        if (form == 1) remove_proc_entry(p, x.e);
        proc_create(p, x.e);
        if (form == 2) proc_create(p, x.e);
        return true;
      });
      if (form == 0) {
        std::array<File, proc_openers + 1> files;
        for (File& f : files) init_file(l.kernel, f);
        for (std::size_t i = 0; i < proc_openers; ++i) must(proc_open(c, x.e, files[i]) == 0);
        vfs_close(c, files[3]);
        must(proc_open(c, x.e, files[proc_openers]) == 0);
      }
      release_driver(c, binding, [&](Context& r) {
        if (form != 3) remove_proc_entry(r, x.e);
        if (form == 4) remove_proc_entry(r, x.e);
      });
    });
  });
  CHECK(every(lab, [&] { CHECK(x.releases == proc_openers + 1); }).text().empty());
  for (form = 1; form < 5; ++form) CHECK(every(lab).text() == (form == 3 ? "leak(entry)@t" : "api-misuse(entry)@t"));
}

}  // namespace unplug::model::test
