// The access table, checked by machine: independent steps of every primitive commute (commute.hpp). An operation of the model that no pair
// here contains fails the last test.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "commutation_driver.hpp"
#include "commute.hpp"

namespace unplug::model::test {
namespace {

std::set<std::string>& covered() {
  static std::set<std::string> names;
  return names;
}
std::uint64_t commute(Lab& lab, std::uint64_t walks, std::uint64_t places) { return commute(lab, walks, places, covered()); }

PolicySpec spec(std::initializer_list<std::pair<Part, std::string>> parts) {
  PolicySpec s;
  for (const auto& [part, mechanism] : parts) s.mechanism[static_cast<std::size_t>(part)] = mechanism;
  return s;
}

// Each makes a lab and commutes in it; answers the number of pairs.
std::uint64_t locks_and_memory() {
  Mutex m;
  Rwsem s;
  Allocation a, own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(m, "m");
    l.init(s, "s");
    l.init(a, "a", {"x", "y"}, false);
    l.task("owner", [&](Context& c) {
      kzalloc(c, a);
      mutex_lock(c, m);
      set(c, a, 1, 0, MemoryOrder::plain);
      set(c, a, 2, 1, MemoryOrder::acquire_release);
      mutex_unlock(c, m);
      down_write(c, s);
      kfree(c, a);
      up_write(c, s);
    });
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        down_read(c, s);
        get(c, a, 0, MemoryOrder::plain);
        get(c, a, 1, MemoryOrder::acquire_release);
        get(c, a, 1, MemoryOrder::once);
        up_read(c, s);
        if (mutex_trylock(c, m)) mutex_unlock(c, m);
      });
    l.task("w2", [&](Context& c) {
      down_write(c, s);
      up_write(c, s);
    });
  });
  return commute(lab, 60, 6);
}

std::uint64_t waiters() {
  Waiter done, fence;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(done, "done");
    l.init(fence, "fence", Owner::user);
    for (const auto* name : {"w1", "w2"})
      l.task(name, [&](Context& c) {
        wait_for_completion(c, done);
        dma_fence_wait(c, fence);
      });
    l.task("completer", [&](Context& c) {
      complete(c, done);
      complete_all(c, fence);
      complete_all(c, done);
    });
    l.task("shooter", [&](Context& c) { shoot_down(c, fence); });
  });
  return commute(lab, 100, 12);
}

std::uint64_t rcu(bool preemptible) {
  static const Operation nap{.name = "msleep", .pause = true};
  RcuCallback callback;
  Allocation own, flag;
  KernelConfig config;
  config.preempt_rcu = preemptible;
  Lab lab(
      [&](Lab& l) {
        bystander(l, own);
        l.init(flag, "flag", {"f"});
        l.init(callback, "callback", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
        for (const auto* name : {"r1", "r2"})
          l.task(name, [&](Context& c) {
            rcu_read_lock(c, l.rcu);
            get(c, flag, 0, MemoryOrder::once);
            c.sleep(nap, 1);
            rcu_read_unlock(c, l.rcu);
          });
        l.task("u1", [&](Context& c) {
          set(c, flag, 1, 0, MemoryOrder::once);
          synchronize_rcu(c, l.rcu);
        });
        l.task("u2", [&](Context& c) {
          call_rcu(c, l.rcu, callback);
          rcu_barrier(c, l.rcu);
        });
      },
      config);
  return commute(lab, 60, 6);
}

std::uint64_t srcu() {
  Srcu s;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(s, "s");
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        const auto i = srcu_read_lock(c, s);
        mark(c);
        srcu_read_unlock(c, s, i);
      });
    for (const auto* name : {"u1", "u2", "u3"}) l.task(name, [&](Context& c) { synchronize_srcu(c, s); });
  });
  return commute(lab, 80, 6);
}

std::uint64_t work() {
  Work w;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(w, "w", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    for (const auto* name : {"q1", "q2"})
      l.task(name, [&](Context& c) {
        queue_work(c, w);
        queue_work(c, w);
      });
    l.task("canceller", [&](Context& c) {
      cancel_work(c, w);
      cancel_work_sync(c, w);
    });
    l.task("disabler", [&](Context& c) {
      disable_work_sync(c, w);
      enable_work(c, w);
    });
    l.task("flusher", [&](Context& c) { flush_work(c, w); });
  });
  return commute(lab, 80, 6);
}

std::uint64_t timers() {
  Timer t, h;
  Allocation own, flag;
  int left = 0;
  Lab lab([&](Lab& l) {
    left = 4;
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(t, "t", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init_hr(h, "h", [&](Context& c) {
      set(c, flag, 2, 0, MemoryOrder::once);
      return --left > 0;
    });
    for (const auto* name : {"armer", "second"})
      l.task(name, [&](Context& c) {
        mod_timer(c, t, 10);
        hrtimer_start(c, h, 10);
      });
    l.task("deleter", [&](Context& c) {
      timer_delete(c, t);
      timer_delete_sync(c, t);
      if (hrtimer_try_to_cancel(c, h) < 0) hrtimer_cancel(c, h);
      hrtimer_cancel(c, h);
    });
    l.task("shutter", [&](Context& c) {
      timer_shutdown(c, t);
      timer_shutdown_sync(c, t);
    });
  });
  return commute(lab, 100, 8);
}

std::uint64_t delayed_work() {
  DelayedWork w;
  Work plain;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    l.init(w, "dwork", [&](Context& c) { set(c, flag, 1, 0, MemoryOrder::once); });
    l.init(plain, "work", [&](Context& c) { set(c, flag, 2, 0, MemoryOrder::once); });
    for (const auto* name : {"q1", "q2"})
      l.task(name, [&](Context& c) {
        queue_delayed_work(c, w, 5);
        queue_work(c, plain);
        queue_delayed_work(c, w, 0);
      });
    l.task("canceller", [&](Context& c) {
      cancel_delayed_work(c, w);
      cancel_delayed_work_sync(c, w);
      disable_work(c, plain);
    });
    l.task("mover", [&](Context& c) {
      mod_delayed_work(c, w, 3);
      flush_delayed_work(c, w);
    });
  });
  return commute(lab, 120, 8);
}

std::uint64_t spinlocks() {
  Spinlock s;
  Allocation own, guarded;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(s, "lock");
    l.init(guarded, "guarded", {"n"});
    for (const auto& [name, kind] : {std::pair{"process", ContextKind::process}, std::pair{"softirq", ContextKind::softirq},
                                     std::pair{"hardirq", ContextKind::hardirq}})
      l.task(
          name,
          [&](Context& c) {
            for (const SpinlockOff off : {SpinlockOff::nothing, SpinlockOff::softirqs, SpinlockOff::interrupts}) {
              spin_lock(c, s, off);
              set(c, guarded, 1);
              spin_unlock(c, s, off);
            }
          },
          kind);
  });
  return commute(lab, 100, 8);
}

std::uint64_t attributes() {
  SysfsAttribute a, b;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(a, "a", [&](Context& c) {
      sysfs_break_active_protection(c, a);
      mark(c);
      sysfs_unbreak_active_protection(c, a);
      return 0;
    });
    l.init(b, "b", [&](Context& c) { return sysfs_remove_file_self(c, b) ? 0 : 1; });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_create_file(c, b);
      sysfs_remove_file(c, a);
    });
    l.task("second", [&](Context& c) { sysfs_remove_file(c, a); });
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        sysfs_access(c, b);
        sysfs_access(c, a);
        sysfs_access(c, b);
      });
  });
  return commute(lab, 150, 8);
}

std::uint64_t threads() {
  Kthread stopped, alone;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(stopped, "stopped", [&](Context& c) {
      if (!kthread_should_stop(c, stopped)) kthread_wait_to_stop(c, stopped);
      return 0;
    });
    l.init(alone, "alone", [&](Context& c) {
      mark(c);
      return 0;
    });
    l.task("driver", [&](Context& c) {
      kthread_run(c, stopped);
      kthread_run(c, alone);
      kthread_stop(c, stopped);
    });
    l.task("keeper", [&](Context& c) { kthread_get(c, stopped); });
  });
  return commute(lab, 100, 8);
}

std::uint64_t devices() {
  Device d;
  Module m;
  Binding b;
  Allocation own, key;
  static const StaticName release{"devm test"};
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(d, "dev");
    l.init(m, "foo");
    l.init(b, d, m, "foo");
    l.task("driver", [&](Context& c) {
      probe_device(c, b, [&](Context& p) {
        devres_add(p, b, {&release, p.kernel().intern("x"), [](Context& x) { mark(x); }, &key});
        return true;
      });
    });
    l.remover("remover", [&](Context& c) {
      await_bound(c, d);
      release_driver(c, b, [](Context& x) { mark(x); });
    });
    l.task("dropper", [&](Context& c) { devres_remove(c, b, &key); });
    l.task("pinner", [&](Context& c) {
      if (try_module_get(c, &m)) module_put(c, &m);
    });
  });
  return commute(lab, 60, 6);
}

}  // namespace

TEST_CASE("independent steps commute: locks, memory, waiters") {
  CHECK(locks_and_memory() > 500);
  CHECK(waiters() > 500);
}

TEST_CASE("independent steps commute: RCU in both flavours, SRCU") {
  CHECK(rcu(true) > 500);
  CHECK(rcu(false) > 500);
  CHECK(srcu() > 500);
}

TEST_CASE("independent steps commute: timers, delayed work") {
  CHECK(timers() > 500);
  CHECK(delayed_work() > 500);
}

TEST_CASE("independent steps commute: spinlocks, attributes, kernel threads") {
  CHECK(spinlocks() > 500);
  CHECK(attributes() > 500);
  CHECK(threads() > 300);
}

TEST_CASE("independent steps commute: work, devices, modules") {
  CHECK(work() > 500);
  CHECK(devices() > 300);
}

namespace {
const std::vector<PolicySpec>& policies() {
  using enum Part;
  static const std::vector<PolicySpec> all{
      {},
      spec({{entry, "srcu"}, {work, "cancel_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}, {rcu_callbacks, "rcu_barrier"}}),
      spec({{entry, "rwsem"}, {work, "disable_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}}),
      spec({{resource, "rcu-revoke"}, {pin, "fd-refcount"}, {work, "flush_work"}, {waiters, "shoot_down"}}),
      spec({{resource, "rcu-revoke-batched"}, {work, "cancel_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}})};
  return all;
}
}  // namespace

TEST_CASE("independent steps commute: a driver with interrupts, windows, a node and files, under every mechanism") {
  for (const PolicySpec& p : policies()) {
    Driver d(p);
    CHECK(commute(d.lab, 25, 8) > 200);
  }
}

TEST_CASE("every operation of the model is in a pair that was commuted") {
  covered().clear();
  locks_and_memory();
  waiters();
  rcu(true);
  rcu(false);
  srcu();
  work();
  timers();
  delayed_work();
  spinlocks();
  attributes();
  threads();
  devices();
  for (const PolicySpec& p : policies()) {
    Driver d(p);
    commute(d.lab, 25, 8);
  }
  std::size_t operations = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(UNPLUG_SOURCE_DIR "/model")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    static const std::regex name(R"(\.name = "([^"]+)\")");
    for (auto m = std::sregex_iterator(text.begin(), text.end(), name); m != std::sregex_iterator(); ++m) {
      ++operations;
      CHECK_MESSAGE(covered().contains((*m)[1].str()), entry.path().filename().string(), ": no pair with '", (*m)[1].str(), "'");
    }
  }
  CHECK(operations > 80);
}

}  // namespace unplug::model::test
