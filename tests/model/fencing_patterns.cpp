// How subsystems fence the operations of open files, in the few lines that matter, put together from primitives.
#include "support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/kref.hpp"

namespace unplug::model::test {
namespace {

using Results = std::set<std::pair<int, int>>;

// One user with two operations on a file that he keeps, one removal, after which the chip's memory is gone.
struct Pattern {
  Allocation chip, dev;  // dev: fields: ops (or what stands for it), 1 while it is there
  Results seen;
  std::function<int(Context&)> operation;
  std::function<void(Context&)> kill;

  void init(Lab& l) {
    l.init(chip, "chip", {"x"});
    l.init(dev, "dev");
    add_field(l.kernel, dev, l.name("ops"), 1);
    l.task("user", [this](Context& c) {
      const int first = operation(c), second = operation(c);
      if (!c.aborting()) seen.insert({first, second});
    });
    l.remover("remove", [this](Context& c) {
      kill(c);
      kfree(c, chip);
    });
  }
};

}  // namespace

// Fact: tpm-ops_sem.
TEST_CASE("TPM: a command runs under ops_sem, removal waits for it, sends the last one itself, and later ones are -EIO") {
  Pattern p;
  Rwsem ops_sem;
  Mutex tpm_mutex;
  bool test_outside = false;
  Lab lab([&](Lab& l) {
    l.init(ops_sem, "ops_sem");
    l.init(tpm_mutex, "tpm_mutex");
    p.operation = [&](Context& c) {
      const bool before = !test_outside || get(c, p.dev) != 0;
      down_read(c, ops_sem);
      const bool there = test_outside ? before : get(c, p.dev) != 0;
      if (there) {
        mutex_lock(c, tpm_mutex);
        get(c, p.chip);
        mutex_unlock(c, tpm_mutex);
      }
      up_read(c, ops_sem);
      return there ? 0 : eio;
    };
    p.kill = [&](Context& c) {
      down_write(c, ops_sem);
      get(c, p.chip);  // TPM2_Shutdown
      set(c, p.dev, 0);
      up_write(c, ops_sem);
    };
    p.init(l);
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(p.seen == Results{{0, 0}, {0, eio}, {eio, eio}});
  test_outside = true;  // the pointer belongs to the lock
  CHECK(every(lab).text() == "use-after-free(chip)@user");
}

// Fact: gpiolib-srcu.
TEST_CASE("gpiolib: the chip is loaded inside a section of the device's own domain, a requested line pins the provider besides") {
  Pattern p;
  Srcu srcu;
  Module provider;
  bool line_requested = false;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    l.init(srcu, "gdev.srcu");
    l.init(provider, "provider");
    p.operation = [&](Context& c) {
      const std::uint64_t index = srcu_read_lock(c, srcu);
      const bool there = get(c, p.dev) != 0;
      if (there) get(c, p.chip);
      srcu_read_unlock(c, srcu, index);
      return there ? 0 : enodev;
    };
    p.kill = [&](Context& c) {
      if (line_requested) must(try_module_get(c, &provider));
      unloads.insert(delete_module(c, provider, l.rcu, [] {}));
      set(c, p.dev, 0);
      synchronize_srcu(c, srcu);
    };
    p.init(l);
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(p.seen == Results{{0, 0}, {0, enodev}, {enodev, enodev}});
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone});
  line_requested = true;
  unloads.clear();
  CHECK(every(lab).text() == "module-pinned(provider)@remove");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::would_block});
}

// Fact: v4l2-registered-bit.
TEST_CASE("V4L2: a registered bit that is tested and then relied on is no fence, with vdev->lock around both on both sides it is") {
  Pattern p;
  Mutex lock;
  enum class Form { none, reader_only, both } form = Form::none;
  Lab lab([&](Lab& l) {
    l.init(lock, "vdev.lock");
    p.operation = [&](Context& c) {
      if (form != Form::none) mutex_lock(c, lock);
      const bool there = get(c, p.dev) != 0;
      if (there) get(c, p.chip);
      if (form != Form::none) mutex_unlock(c, lock);
      return there ? 0 : enodev;
    };
    p.kill = [&](Context& c) {
      if (form == Form::both) mutex_lock(c, lock);
      set(c, p.dev, 0);
      if (form == Form::both) mutex_unlock(c, lock);
    };
    p.init(l);
  });
  for (const Form f : {Form::none, Form::reader_only}) {
    form = f;
    CHECK(every(lab).text() == "use-after-free(chip)@user");
  }
  form = Form::both;
  CHECK(every(lab).text().empty());
  CHECK(p.seen == Results{{0, 0}, {0, enodev}, {enodev, enodev}});
}

// Fact: usb-class-disconnected.
TEST_CASE("USB class driver: a mutex and a flag around each operation, a reference for each file: disconnect waits for no close") {
  Pattern p;
  Mutex io_mutex;
  Kref refs;
  Waiter opened, disconnected;
  bool reference = true;
  Lab lab([&](Lab& l) {
    l.init(io_mutex, "io_mutex");
    l.init(opened, "opened");
    l.init(disconnected, "disconnected");
    p.operation = [&](Context& c) {
      mutex_lock(c, io_mutex);
      const bool there = get(c, p.dev) != 0;
      if (there) get(c, p.chip);
      mutex_unlock(c, io_mutex);
      return there ? 0 : enodev;
    };
    p.kill = [&](Context& c) {
      wait_for_completion(c, opened);
      mutex_lock(c, io_mutex);
      set(c, p.dev, 0);
      mutex_unlock(c, io_mutex);
      complete(c, disconnected);
    };
    l.init(p.chip, "chip", {"x"});
    l.init(p.dev, "dev");
    add_field(l.kernel, p.dev, l.name("disconnected"), 1);
    init_kref(l.kernel, refs, l.name("kref"), l.name("kref"), p.dev.life, 1);
    const auto put = [&](Context& c) { kref_put(c, refs, [&] { kfree(c, p.dev); }); };
    l.task("user", [&, put](Context& c) {
      if (reference) kref_get(c, refs);  // open, under the rwsem of the minor
      complete(c, opened);
      const int first = p.operation(c);
      wait_for_completion(c, disconnected);
      const int second = p.operation(c);
      if (!c.aborting()) p.seen.insert({first, second});
      if (reference) put(c);
    });
    l.remover("remove", [&, put](Context& c) {
      p.kill(c);
      kfree(c, p.chip);
      put(c);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(p.seen == Results{{0, enodev}, {enodev, enodev}});
  reference = false;
  CHECK(every(lab).count("use-after-free(dev)@user") > 0);
}

// Fact: synchronize_rcu-waits-for-readers, rcu-reader-sleeps.
TEST_CASE("RCU pointer: cleared and followed by a grace period nobody uses the old one, but a reader must not sleep") {
  Pattern p;
  enum class Form { right, no_grace_period, sleeps } form = Form::right;
  static const Operation nap{.name = "msleep", .pause = true};
  Lab lab([&](Lab& l) {
    p.operation = [&](Context& c) {
      rcu_read_lock(c, l.rcu);
      const bool there = get(c, p.dev) != 0;
      if (form == Form::sleeps) c.sleep(nap, 1);
      if (there) get(c, p.chip);
      rcu_read_unlock(c, l.rcu);
      return there ? 0 : enodev;
    };
    p.kill = [&](Context& c) {
      set(c, p.dev, 0);
      if (form != Form::no_grace_period) synchronize_rcu(c, l.rcu);
    };
    p.init(l);
  });
  CHECK(every(lab).text().empty());
  CHECK(p.seen == Results{{0, 0}, {0, enodev}, {enodev, enodev}});
  form = Form::no_grace_period;
  CHECK(every(lab).text() == "use-after-free(chip)@user");
  form = Form::sleeps;
  CHECK(every(lab).text() == "sleep-in-atomic(msleep)@user");
}

// Fact: alsa-swaps-f_op.
TEST_CASE("ALSA: files are switched to operations that refuse, sleepers woken, then freeing the card waits for the last close, or is "
          "its doing") {
  enum class Free { waits, when_closed, at_once } free_card = Free::waits;
  Allocation card;  // fields: shutdown
  FileOperations ops, shutdown_ops;
  FileBody read, refuse;
  File file;
  Waiter data, closed, opened;
  Kref files;
  bool closes = true;
  Results seen;
  Lab lab([&](Lab& l) {
    l.init(card, "card", {"shutdown"});
    l.init(data, "data", Owner::user);
    l.init(opened, "opened");
    l.init(closed, "closed", Owner::user);
    init_kref(l.kernel, files, l.name("card ref"), l.name("card ref"), {}, 2);
    read.body = [&](Context& c, File&) { return wait_for_completion(c, data) ? 0 : enodev; };
    refuse.body = [](Context&, File&) { return enodev; };
    ops = shutdown_ops = {};
    ops.read = shutdown_ops.read = FileBody::run;
    ops.read_argument = &read;
    shutdown_ops.read_argument = &refuse;
    const auto put = [&](Context& c) {
      if (!kref_put_and_test(c, files)) return;
      if (free_card == Free::when_closed) kfree(c, card);
      complete(c, closed);
    };
    init_file(l.kernel, file, {.counted = true, .replacement = &shutdown_ops});
    l.task("user", [&, put](Context& c) {
      file.ops = &ops;
      file.open = true;
      complete(c, opened);
      const int first = vfs_read(c, file), second = vfs_read(c, file);
      if (!c.aborting()) seen.insert({first, second});
      if (!closes) return;
      get(c, card);  // release, by the old table
      put(c);
    });
    l.remover("remove", [&, put](Context& c) {
      wait_for_completion(c, opened);
      l.kernel.removal_phase = RemovalPhase::remove;
      must(replace_f_op(c, file));
      shoot_down(c, data);
      put(c);
      if (free_card == Free::waits) wait_for_completion(c, closed);
      if (free_card != Free::when_closed) kfree(c, card);
    });
  });
  const Found f = every(lab);
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == Results{{enodev, enodev}});  // the reader that slept was woken with that, the next was refused
  free_card = Free::at_once;
  CHECK(every(lab).text() == "use-after-free(card)@user");
  free_card = Free::when_closed;
  CHECK(every(lab).text().empty());
  closes = false;
  CHECK(every(lab).text().empty());
  free_card = Free::waits;
  CHECK(every(lab).text() == "unbounded-remove(closed)@remove");
}

// Fact: i2c-adapter-waits-for-files.
TEST_CASE("i2c adapter: a file holds the adapter and its module, removal waits for the last of them: user space decides") {
  Kref refs;
  Allocation adapter;
  Module module;
  Waiter released, opened;
  bool closes = false;
  std::set<DeleteResult> unloads;
  Lab lab([&](Lab& l) {
    l.init(adapter, "adapter");
    l.init(module, "bus driver");
    init_kref(l.kernel, refs, l.name("dev"), l.name("dev"), adapter.life, 1);
    l.init(released, "dev_released", Owner::user);
    l.init(opened, "opened");
    const auto put = [&](Context& c) { kref_put(c, refs, [&] { complete(c, released); }); };
    l.task("user", [&, put](Context& c) {
      must(try_module_get(c, &module));
      kref_get(c, refs);
      complete(c, opened);
      if (!closes) return;
      put(c);
      module_put(c, &module);
    });
    l.remover("unbind", [&, put](Context& c) {
      wait_for_completion(c, opened);
      unloads.insert(delete_module(c, module, l.rcu, [] {}));
      l.kernel.removal_phase = RemovalPhase::remove;
      put(c);
      wait_for_completion(c, released);
      l.kernel.removal_phase = RemovalPhase::none;
    });
  });
  CHECK(every(lab).text() == "module-pinned(bus driver)@unbind, unbounded-remove(dev_released)@unbind");
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::would_block});
  closes = true;
  unloads.clear();
  const Found f = every(lab);
  CHECK(f.blocked == 0);
  CHECK(unloads == std::set<DeleteResult>{DeleteResult::gone, DeleteResult::would_block});
}

}  // namespace unplug::model::test
