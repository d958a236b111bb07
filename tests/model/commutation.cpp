// The access table, checked by machine: independent steps of every primitive commute (commute.hpp). An operation of the model that no pair
// here contains fails the last test.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "commute.hpp"
#include "unplug/model/policy.hpp"

namespace unplug::model::test {
namespace {

std::set<std::string>& covered() {
  static std::set<std::string> names;
  return names;
}
std::uint64_t commute(Lab& lab, std::uint64_t walks, std::uint64_t places) { return commute(lab, walks, places, covered()); }

// Somebody who has nothing to do with the others: whatever they do next is independent of what he does.
void bystander(Lab& l, Allocation& own) {
  l.init(own, "bystander's", {"x"});
  l.task("bystander", [&](Context& c) {
    for (std::uint64_t i = 0; i < 40; ++i) set(c, own, i, 0, MemoryOrder::once);
  });
}

// A driver under a policy: probe, a node, an ioctl that uses a window, an interrupt that queues work, unbind, unload, a second loading.
class Driver {
 public:
  explicit Driver(const PolicySpec& spec) : policy_(spec) {}
  Lab lab{[this](Lab& l) { make(l); }};

 private:
  void make(Lab& l) {
    bystander(l, own_);
    l.init(device_, "dev");
    l.init(module_, "foo");
    l.init(next_, "foo next", false);
    l.init(binding_, device_, module_, "foo");
    l.init(region_, "bar0");
    l.init(bar_, region_, "bar0", binding_.life);
    l.init(fence_, "fence", Owner::user);
    l.init(misc_, "misc_mtx");
    l.init(line_, "irq");
    l.init(
        action_, line_, "action", [this](Context& c) { queue_work(c, work_); }, binding_.life);
    l.init(work_, "work", [this](Context& c) { use_window(c); });
    resources_ = {{&bar_, {}, l.name("bar0")}};
    sources_ = {};
    sources_.works.push_back(&work_);
    sources_.irqs.push_back({&line_, &action_});
    sources_.waiters.push_back(&fence_);
    policy_.init(l.kernel, l.rcu, l.name("policy"), resources_);
    binding_.before_devres = [this](Context& c) { policy_.resource().before_devres(c, resources_); };
    init_char_device(l.kernel, node_, l.name("node"), l.name("node"), &misc_);
    ioctl_.body = [this](Context& c, File& f) {
      f.torn = !use_window(c);
      return f.torn || !dma_fence_wait(c, fence_) ? -19 : 0;
    };
    registration_ = {};
    registration_.binding = &binding_;
    registration_.policy = &policy_;
    registration_.owner = policy_.pin().pinned(module_);
    registration_.ioctl = FileBody::run;
    registration_.ioctl_argument = &ioctl_;
    init_registration(l.kernel, node_, registration_, l.name("registration"), binding_.life);
    l.hardware(line_, 2);
    l.task("user", [this, &l](Context& c) {
      await_device_node(c, node_);
      File file;
      init_file(l.kernel, file);
      if (vfs_open(c, node_, file) != 0) return;
      vfs_ioctl(c, file);
      vfs_close(c, file);
    });
    l.remover("remover", [this, &l](Context& c) {
      await_bound(c, device_);
      release_driver(c, binding_, [&](Context& r) {
        deregister_char_device(r, node_, registration_);
        policy_.fence(r, binding_, sources_);
      });
      if (delete_module(c, module_, l.rcu, [&] { policy_.exit_barrier().at_exit(c, l.rcu); }) == DeleteResult::gone) load_module(c, next_);
    });
    l.task("probe", [this](Context& c) {
      static const StaticName unmap{"devm iounmap"}, release_irq{"devm free_irq"};
      probe_device(c, binding_, [&](Context& p) {
        Kernel& k = p.kernel();
        request_mem_region(p, bar_);
        ioremap(p, bar_);
        devres_add(p, binding_,
                   {&unmap, k.intern("bar0"),
                    [this](Context& x) {
                      policy_.resource().revoke(x, resources_[0]);
                      iounmap(x, bar_);
                      release_mem_region(x, bar_);
                    },
                    &bar_});
        request_irq(p, line_, action_);
        devres_add(p, binding_, {&release_irq, k.intern("irq"), [this](Context& x) { free_irq(x, line_, action_); }, &action_});
        register_char_device(p, node_, registration_);
        return true;
      });
    });
  }
  bool use_window(Context& c) {
    static constexpr std::array<std::uint64_t, 2> values{0, 1};
    Token token = 0;
    if (!policy_.resource().acquire(c, resources_[0], token)) return false;
    readl(c, bar_, values);
    writel(c, bar_);
    policy_.resource().release(c, resources_[0], token);
    return true;
  }

  Policy policy_;
  Allocation own_;
  Device device_;
  Module module_, next_;
  Binding binding_;
  Region region_;
  Mapping bar_;
  Waiter fence_;
  Mutex misc_;
  IrqLine line_;
  IrqAction action_;
  Work work_;
  std::vector<Resource> resources_;
  Sources sources_;
  CharDevice node_;
  Registration registration_;
  FileBody ioctl_;
};

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
