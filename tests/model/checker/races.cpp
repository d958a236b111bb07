// Data races: which pairs of accesses are one, and what orders them.
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

constexpr auto plain = MemoryOrder::plain;
constexpr auto once = MemoryOrder::once;

// What two sides do with priv.x, and something between them; everything else is at hand.
struct Pair {
  Allocation priv, flag;
  Mutex mutex;
  Rwsem rwsem;
  Srcu srcu;
  Waiter waiter, second;
  Work work;
  IrqLine line;
  IrqAction action;
  RcuCallback callback;
  Module module, other_module;
  Device device;
  Binding binding;
  Region region;
  std::array<Mapping, 2> mappings;
  Lab::Body in_work = [](Context&) {}, in_irq = in_work, in_callback = in_work;
  std::function<void(Lab&, Pair&)> tasks;

  Lab lab{[this](Lab& l) {
    l.init(priv, "priv", {"x"});
    l.init(flag, "flag", {"f"});
    l.init(mutex, "mutex");
    l.init(rwsem, "rwsem");
    l.init(srcu, "srcu");
    l.init(waiter, "waiter");
    l.init(second, "second");
    l.init(work, "work", [this](Context& c) { in_work(c); });
    l.init(line, "irq");
    l.init(action, line, "action", [this](Context& c) { in_irq(c); });
    l.init(callback, "callback", [this](Context& c) { in_callback(c); });
    l.init(module, "foo");
    l.init(other_module, "bar", false);
    l.init(device, "dev");
    l.init(binding, device, module, "foo");
    l.init(region, "region");
    for (std::size_t i = 0; i < 2; ++i) l.init(mappings[i], region, "bar" + std::to_string(i));
    tasks(l, *this);
  }};

  void write(Context& c, MemoryOrder order = plain) { set(c, priv, 1, 0, order); }
  void read(Context& c, MemoryOrder order = plain) { get(c, priv, 0, order); }
  void raise(Context& c) { set(c, flag, 1, 0, once); }
  bool raised(Context& c) { return get(c, flag, 0, once) != 0; }
};

using Tasks = std::function<void(Lab&, Pair&)>;

// Who races over priv.x.
std::string races(const Tasks& tasks) {
  Pair p;
  p.tasks = tasks;
  const Found f = every(p.lab);
  std::string out;
  for (const auto& [violation, n] : f.violations) {
    if (!violation.starts_with("data-race")) continue;
    CHECK(violation.starts_with("data-race(priv.x)@"));
    out += (out.empty() ? "" : " ") + violation.substr(violation.find('@') + 1);
  }
  return out;
}

// `a` then `b`, each in a task of its own.
Tasks both(const std::function<void(Context&, Pair&)>& a, const std::function<void(Context&, Pair&)>& b) {
  return [a, b](Lab& l, Pair& p) {
    l.task("a", [&p, a](Context& c) { a(c, p); });
    l.task("b", [&p, b](Context& c) { b(c, p); });
  };
}

}  // namespace

TEST_CASE("race: two accesses, one a write, one plain, nothing between them") {
  const auto pair = [](bool a_writes, MemoryOrder a, bool b_writes, MemoryOrder b) {
    return races(both([=](Context& c, Pair& p) { a_writes ? p.write(c, a) : p.read(c, a); },
                      [=](Context& c, Pair& p) { b_writes ? p.write(c, b) : p.read(c, b); }));
  };
  CHECK(pair(true, plain, true, plain) == "a b");  // named by the later access: either may be
  CHECK(pair(true, plain, false, plain) == "a b");
  CHECK(pair(true, plain, false, once) == "a b");
  CHECK(pair(true, once, false, plain) == "a b");
  CHECK(pair(true, MemoryOrder::acquire_release, false, plain) == "a b");
  CHECK(pair(false, plain, false, plain).empty());
  CHECK(pair(true, once, true, once).empty());
  CHECK(pair(true, once, false, once).empty());
  CHECK(pair(true, MemoryOrder::acquire_release, false, MemoryOrder::acquire_release).empty());
}

TEST_CASE("race: an earlier plain access is not hidden by a later marked one of the same task") {
  CHECK(races(both(
            [](Context& c, Pair& p) {
              p.write(c);
              p.write(c, once);
              p.raise(c);
            },
            [](Context& c, Pair& p) {
              if (p.raised(c)) p.read(c, once);
            })) == "b");
  CHECK(races(both(
            [](Context& c, Pair& p) {
              p.read(c);
              p.read(c, once);
              p.raise(c);
            },
            [](Context& c, Pair& p) {
              if (p.raised(c)) p.write(c, once);
            })) == "b");
}

TEST_CASE("race: one task with itself has none, and other fields of one allocation are other words") {
  CHECK(races([](Lab& l, Pair& p) {
          add_field(l.kernel, p.priv, l.name("y"), 0);
          l.task("a", [&p](Context& c) {
            p.write(c);
            p.read(c);
          });
          l.task("b", [&p](Context& c) { set(c, p.priv, 1, 1, plain); });
        }).empty());
}

TEST_CASE("race: what orders: locks, completions, publication") {
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    mutex_lock(c, p.mutex);
                    p.write(c);
                    mutex_unlock(c, p.mutex);
                  },
                  [](Context& c, Pair& p) {
                    mutex_lock(c, p.mutex);
                    p.read(c);
                    mutex_unlock(c, p.mutex);
                  }))
            .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    down_write(c, p.rwsem);
                    p.write(c);
                    up_write(c, p.rwsem);
                  },
                  [](Context& c, Pair& p) {
                    down_read(c, p.rwsem);
                    p.read(c);
                    up_read(c, p.rwsem);
                  }))
            .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    if (!mutex_trylock(c, p.mutex)) return;
                    p.write(c);
                    mutex_unlock(c, p.mutex);
                  },
                  [](Context& c, Pair& p) {
                    mutex_lock(c, p.mutex);
                    p.read(c);
                    mutex_unlock(c, p.mutex);
                  }))
            .empty());
  for (const int form : {0, 1, 2})
    CHECK(races(both(
                    [form](Context& c, Pair& p) {
                      p.write(c);
                      if (form == 0) complete(c, p.waiter);
                      if (form == 1) complete_all(c, p.waiter);
                      if (form == 2) shoot_down(c, p.waiter);
                    },
                    [form](Context& c, Pair& p) {
                      if (form == 1) {
                        dma_fence_wait(c, p.waiter);
                      } else {
                        wait_for_completion(c, p.waiter);
                      }
                      p.read(c);
                    }))
              .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    p.write(c);
                    set(c, p.flag, 1, 0, MemoryOrder::acquire_release);
                  },
                  [](Context& c, Pair& p) {
                    if (get(c, p.flag, 0, MemoryOrder::acquire_release) != 0) p.read(c);
                  }))
            .empty());
}

TEST_CASE("race: what does not order: another lock, a shared one, marked accesses, a lock on one side only") {
  CHECK(races(both(
            [](Context& c, Pair& p) {
              mutex_lock(c, p.mutex);
              p.write(c);
              mutex_unlock(c, p.mutex);
            },
            [](Context& c, Pair& p) { p.read(c); })) == "a b");
  CHECK(races(both(
            [](Context& c, Pair& p) {
              down_read(c, p.rwsem);
              p.write(c);
              up_read(c, p.rwsem);
            },
            [](Context& c, Pair& p) {
              down_read(c, p.rwsem);
              p.write(c);
              up_read(c, p.rwsem);
            })) == "a b");
  CHECK(races(both(
            [](Context& c, Pair& p) {
              p.write(c);
              p.raise(c);
            },
            [](Context& c, Pair& p) {
              if (p.raised(c)) p.read(c);
            })) == "b");
  CHECK(races([](Lab& l, Pair& p) {
          for (const auto* n : {"a", "b"})
            l.task(n, [&](Context& c) {
              rcu_read_lock(c, l.rcu);
              p.write(c);
              rcu_read_unlock(c, l.rcu);
            });
        }) == "a b");
}

TEST_CASE("race: a grace period orders what earlier readers did before what follows it, and what preceded it before later readers") {
  CHECK(races([](Lab& l, Pair& p) {
          l.task("reader", [&](Context& c) {
            rcu_read_lock(c, l.rcu);
            if (!p.raised(c)) p.write(c);
            rcu_read_unlock(c, l.rcu);
          });
          l.task("updater", [&](Context& c) {
            p.raise(c);
            synchronize_rcu(c, l.rcu);
            p.read(c);
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          l.task("updater", [&](Context& c) {
            p.write(c);
            synchronize_rcu(c, l.rcu);
            p.raise(c);
          });
          l.task("reader", [&](Context& c) {
            rcu_read_lock(c, l.rcu);
            if (p.raised(c)) p.read(c);
            rcu_read_unlock(c, l.rcu);
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          p.in_callback = [&p](Context& c) { p.read(c); };
          l.task("reader", [&](Context& c) {
            rcu_read_lock(c, l.rcu);
            if (!p.raised(c)) p.write(c);
            rcu_read_unlock(c, l.rcu);
          });
          l.task("updater", [&](Context& c) {
            p.raise(c);
            call_rcu(c, l.rcu, p.callback);
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          p.in_callback = [&p](Context& c) { p.write(c); };
          l.task("updater", [&](Context& c) {
            p.write(c);
            call_rcu(c, l.rcu, p.callback);
            rcu_barrier(c, l.rcu);
            p.read(c);
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          p.in_callback = [&p](Context& c) { p.write(c); };
          l.task("updater", [&](Context& c) {
            call_rcu(c, l.rcu, p.callback);
            synchronize_rcu(c, l.rcu);
            p.read(c);
          });
        }) == "callback updater");
}

TEST_CASE("race: an SRCU grace period orders likewise, also for callers that share one which another runs") {
  const auto reader = [](Lab& l, Pair& p) {
    l.task("reader", [&](Context& c) {
      const auto i = srcu_read_lock(c, p.srcu);
      if (!p.raised(c)) p.write(c);
      srcu_read_unlock(c, p.srcu, i);
    });
  };
  CHECK(races([&](Lab& l, Pair& p) {
          reader(l, p);
          l.task("first", [&](Context& c) { synchronize_srcu(c, p.srcu); });
          l.task("second", [&](Context& c) { synchronize_srcu(c, p.srcu); });
          l.task("updater", [&](Context& c) {
            p.raise(c);
            synchronize_srcu(c, p.srcu);
            p.read(c);
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          l.task("first", [&](Context& c) { synchronize_srcu(c, p.srcu); });
          l.task("updater", [&](Context& c) {
            p.write(c);
            synchronize_srcu(c, p.srcu);
            p.raise(c);
          });
          l.task("reader", [&](Context& c) {
            const auto i = srcu_read_lock(c, p.srcu);
            if (p.raised(c)) p.read(c);
            srcu_read_unlock(c, p.srcu, i);
          });
        }).empty());
}

TEST_CASE("race: queue to run, run to run, run to flush and cancel, flushing an idle item too, cancel without sync doesn't") {
  const auto work = [](const std::function<void(Context&, Pair&)>& after) {
    return races([after](Lab& l, Pair& p) {
      p.in_work = [&p](Context& c) { p.write(c); };
      l.task("a", [&p, after](Context& c) {
        p.write(c);
        queue_work(c, p.work);
        after(c, p);
      });
    });
  };
  CHECK(work([](Context&, Pair&) {}).empty());
  CHECK(work([](Context& c, Pair& p) {
          flush_work(c, p.work);
          p.read(c);
        }).empty());
  CHECK(work([](Context& c, Pair& p) {
          cancel_work_sync(c, p.work);
          p.read(c);
        }).empty());
  CHECK(work([](Context& c, Pair& p) {
          disable_work_sync(c, p.work);
          p.read(c);
        }).empty());
  CHECK(work([](Context& c, Pair& p) { queue_work(c, p.work); }).empty());
  CHECK(work([](Context& c, Pair& p) {
          cancel_work(c, p.work);
          p.read(c);
        }) == "a kworker work");
}

TEST_CASE("race: request to handler, handler to handler, handler to free_irq") {
  CHECK(races([](Lab& l, Pair& p) {
          p.in_irq = [&p](Context& c) { p.write(c); };
          l.task("driver", [&](Context& c) {
            p.write(c);
            request_irq(c, p.line, p.action);
            free_irq(c, p.line, p.action);
            p.read(c);
          });
          l.hardware(p.line, 2);
          l.hardware(p.line, 1, "more hardware");
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          p.in_irq = [&p](Context& c) { p.write(c); };
          l.task("driver", [&](Context& c) {
            request_irq(c, p.line, p.action);
            p.write(c);
          });
          l.hardware(p.line);
        }) == "driver hardware");
}

TEST_CASE("race: last put to unload, loading to use, binding to await, registering to open, release to claim order") {
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    if (!try_module_get(c, &p.module)) return;
                    p.raise(c);
                    p.write(c);
                    module_put(c, &p.module);
                  },
                  [](Context& c, Pair& p) {
                    if (try_stop_module(c, p.module) == DeleteResult::gone && p.raised(c)) p.read(c);
                  }))
            .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    p.write(c);
                    load_module(c, p.other_module);
                  },
                  [](Context& c, Pair& p) {
                    if (try_module_get(c, &p.other_module)) p.read(c);
                  }))
            .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    probe_device(c, p.binding, [&](Context& x) {
                      p.write(x);
                      return true;
                    });
                  },
                  [](Context& c, Pair& p) {
                    await_bound(c, p.device);
                    p.read(c);
                  }))
            .empty());
  CHECK(races(both(
                  [](Context& c, Pair& p) {
                    request_mem_region(c, p.mappings[0]);
                    p.raise(c);
                    p.write(c);
                    release_mem_region(c, p.mappings[0]);
                  },
                  [](Context& c, Pair& p) {
                    if (p.raised(c) && request_mem_region(c, p.mappings[1])) p.read(c);
                  }))
            .empty());
}

TEST_CASE("race: a task knows what its maker knew, even one made before the maker's first step, not what came later") {
  CHECK(races([](Lab& l, Pair& p) {
          l.task("maker", [&](Context& c) {
            p.write(c);
            c.engine().spawn("child", [&] {
              Context child(l.kernel, ContextKind::process);
              p.read(child);
            });
            // Made by the local code of a task that has taken no step yet.
            c.engine().spawn("middle", [&] {
              c.engine().spawn("grandchild", [&] {
                Context grandchild(l.kernel, ContextKind::process);
                p.read(grandchild);
              });
            });
          });
        }).empty());
  CHECK(races([](Lab& l, Pair& p) {
          l.task("maker", [&](Context& c) {
            mark(c);
            c.engine().spawn("child", [&] {
              Context child(l.kernel, ContextKind::process);
              p.read(child);
            });
            p.write(c);
          });
        }) == "child maker");
}

}  // namespace unplug::model::test
