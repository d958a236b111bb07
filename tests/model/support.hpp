// What the tests of model/ share: a kernel with a program of lambdas, and walks over its executions that judge each one.
//
// Every walk also checks what must hold of any execution: it ends (no bound, no internal error), operations that release are writes, a
// verdict doesn't depend on the linearisation, and every violation replays from its canonical schedule with the same fingerprint.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/explore.hpp"
#include "unplug/model/checker/checker.hpp"
#include "unplug/model/core/context.hpp"
#include "unplug/model/experiment.hpp"
#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/base/module.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/fs/chardev.hpp"
#include "unplug/model/kernel/hw/mmio.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/model/kernel/irq/timer.hpp"
#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/model/kernel/locking/spinlock.hpp"
#include "unplug/model/kernel/locking/waiter.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"
#include "unplug/model/kernel/work/delayed_work.hpp"
#include "unplug/model/kernel/work/kthread.hpp"
#include "unplug/model/kernel/work/workqueue.hpp"

namespace unplug::model::test {

// An experiment whose things are called in executions what they are called in findings.
class Lab final : public Experiment {
 public:
  using Make = std::function<void(Lab&)>;
  explicit Lab(Make make, const KernelConfig& config = {})
      : Experiment([this](Experiment&) { make_(*this); }, config), make_(std::move(make)) {}

  // --- For `make`.
  void init(Mutex& m, std::string_view n, LifetimeId home = {}) { init_mutex(kernel, m, name(n), name(n), home); }
  void init(Spinlock& s, std::string_view n, LifetimeId home = {}) { init_spinlock(kernel, s, name(n), name(n), home); }
  void init(Rwsem& s, std::string_view n, LifetimeId home = {}) { init_rwsem(kernel, s, name(n), name(n), home); }
  void init(Srcu& s, std::string_view n, LifetimeId home = {}) { init_srcu(kernel, s, name(n), name(n), home); }
  void init(Waiter& w, std::string_view n, Owner owner = Owner::driver, LifetimeId home = {}) {
    init_waiter(kernel, w, name(n), name(n), home, owner);
  }
  void init(Module& m, std::string_view n, bool loaded = true) { init_module(kernel, m, name(n), name(n), loaded); }
  void init(Device& d, std::string_view n) { init_device(kernel, d, name(n), name(n)); }
  void init(Binding& b, Device& d, Module& m, std::string_view n, std::uint64_t number = 1) {
    init_binding(kernel, b, d, m, name(n), name(n), number);
  }
  void init(Region& r, std::string_view n) { init_region(kernel, r, name(n), name(n)); }
  void init(Mapping& m, Region& r, std::string_view n, LifetimeId owner = {}) { init_mapping(kernel, m, r, name(n), name(n), owner); }
  void init(IrqLine& l, std::string_view n) { init_irq_line(kernel, l, name(n), name(n)); }
  // An action whose handler runs `body`.
  void init(IrqAction& a, IrqLine& l, std::string_view unique, Body body, LifetimeId owner = {});
  // A work item whose function runs `body`, on a worker called "kworker NAME".
  void init(Work& w, std::string_view n, Body body, LifetimeId home = {});
  // An attribute whose show() or store() runs `body`.
  void init(SysfsAttribute& a, std::string_view n, std::function<int(Context&)> body, LifetimeId owner = {});
  // A kernel thread, a task called "kthread NAME".
  void init(Kthread& t, std::string_view n, std::function<int(Context&)> body);
  // The same behind a timer, which "softirq NAME" runs.
  void init(DelayedWork& w, std::string_view n, Body body, LifetimeId home = {});
  // A timer whose function runs `body` in softirq context, in a task called "softirq NAME".
  void init(Timer& t, std::string_view n, Body body, LifetimeId home = {});
  // An hrtimer in hardirq context; `body` answers whether it restarts.
  void init_hr(Timer& t, std::string_view n, std::function<bool(Context&)> body, LifetimeId home = {});
  // Memory that is there from the start, with fields of value 0; or that kzalloc() will begin.
  void init(Allocation& a, std::string_view n, std::initializer_list<std::string_view> fields = {}, bool from_start = true,
            LifetimeId owner = {});
  // What `body` runs as a callback of call_rcu().
  void init(RcuCallback& c, std::string_view task, Body body);
  // Hardware that raises the line `times` times; a daemon.
  void hardware(IrqLine& line, unsigned times = 1, std::string_view n = "hardware", IrqSource source = {});

 private:
  Make make_;
};

// A driver's file operation that is a lambda.
struct FileBody {
  std::function<int(Context&, File&)> body;
  static int run(Context& context, File& file, void* argument) { return static_cast<FileBody*>(argument)->body(context, file); }
};

// What the object holds now.
inline std::uint64_t word(const Lab& lab, ObjectId object) { return lab.engine.trace().objects[object.index()].word; }

// --- One-line steps.
inline const Operation mark_op{.name = "mark"};
// A step that touches nothing but what the context relies on.
inline void mark(Context& c) { c.engine().step(c.make(mark_op)); }
// A step that relies on `life`.
inline void use(Context& c, LifetimeId life) { c.engine().step(c.make(mark_op, life)); }
inline std::uint64_t get(Context& c, const Allocation& a, std::size_t field = 0, MemoryOrder order = MemoryOrder::once) {
  return load(c, a, a.fields[field].second, order);
}
inline void set(Context& c, const Allocation& a, std::uint64_t value, std::size_t field = 0, MemoryOrder order = MemoryOrder::once) {
  store(c, a, a.fields[field].second, value, order);
}

// A check in a task. CHECK(step) would swallow the exception that ends a task.
inline void must(bool holds) { CHECK(holds); }

// --- Walks.
struct Found {
  std::uint64_t executions = 0, blocked = 0;
  std::map<std::string, std::uint64_t> violations;  // "class(object)@task": number of executions that show it
  std::map<std::string, std::string> details;       // of the first
  std::map<std::string, std::string> places;        // the operation that offends, of the first
  // "" or "deadlock(a)@x, deadlock(b)@y".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t count(const std::string& violation) const {
    const auto found = violations.find(violation);
    return found == violations.end() ? 0 : found->second;
  }
};
using Visit = std::function<void()>;

// Every inequivalent execution, found without relying on the order of anything (breadth first, told apart by fingerprint).
Found every(Lab& lab, const Visit& visit = {});
// Every single schedule: relies on no notion of equivalence.
Found every_schedule(Lab& lab, const Visit& visit = {});
// `n` seeds of strategy `random`, `pct` or whatever there is.
Found sample(Lab& lab, std::uint64_t n, std::string_view strategy = "random", const Visit& visit = {});
// Virtual durations under `timed`, one seed.
void run_timed(Lab& lab, std::uint64_t seed = 1);

// Whether task `a`'s n-th step called `x` comes before task `b`'s n-th step called `y` in the execution that has just ended.
[[nodiscard]] std::size_t find_event(const Lab& lab, std::string_view task, std::string_view operation, unsigned nth = 1);
inline constexpr std::size_t no_such_event = SIZE_MAX;

}  // namespace unplug::model::test
