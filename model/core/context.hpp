// A context of execution: what a task is (process, softirq, hardirq), where it is (call chain, text it executes from) and what it may not
// do there (sleep in an RCU reader). Primitives take it as their first argument; every step they announce is made from it, so that each
// step carries the text it executes from as a witness.
#pragma once

#include <string_view>
#include <vector>

#include "unplug/model/core/kernel.hpp"

namespace unplug::model {

class Context;
struct HazptrTarget;
struct Work;
struct Workqueue;
struct File;

enum class ContextKind : std::uint8_t { process, softirq, hardirq };

// What a task may be inside a read-side section of, and what becomes of the section while the task sleeps (rcu.hpp).
class ReadSide {
 public:
  // Before it sleeps, which without PREEMPT_RCU ends the section, and once it is back on a CPU.
  virtual void note_context_switch(Context& context) = 0;
  virtual void note_resume(Context& context) = 0;
  NameId name;

 protected:
  ~ReadSide() = default;
};

// What may come between two steps of a task, on its CPU (cpu_irq.hpp).
class BetweenSteps {
 public:
  virtual void before_step(Context& context) = 0;

 protected:
  ~BetweenSteps() = default;
};

// What who takes a spinlock switches off on its CPU.
enum class SpinlockOff : std::uint8_t { nothing, softirqs, interrupts };

// One kind of internal step of a primitive that needs no more than a name.
using sim::Operation;

class Context {
 public:
  Context(Kernel& kernel, ContextKind kind) : kernel_(kernel), kind_(kind) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] Kernel& kernel() { return kernel_; }
  [[nodiscard]] sim::Engine& engine() { return kernel_.engine(); }
  [[nodiscard]] ContextKind kind() const { return kind_; }
  [[nodiscard]] bool aborting() { return engine().aborting(); }

  // A step executed from where the context is: text and binding of the innermost function are witnesses, `home` is the memory that the
  // object of the step lives in (none: static). To be announced next: what interrupts this CPU (`interrupts`) comes before it.
  [[nodiscard]] sim::Step make(const Operation& operation, LifetimeId home = {});

  template <class Effect> auto write(const Operation& operation, ObjectId object, LifetimeId home, Effect&& effect) {
    sim::Step s = make(operation, home);
    s.access = {object, sim::AccessKind::write};
    return engine().step(s, effect);
  }
  // An addition: what changes the word must not depend on it, except on bits that no addition to the object changes; the rest of the effect
  // must be the same whatever other additions came before.
  template <class Effect> auto add(const Operation& operation, ObjectId object, LifetimeId home, Effect&& effect) {
    sim::Step s = make(operation, home);
    s.access = {object, sim::AccessKind::add};
    return engine().step(s, effect);
  }
  // The word of `object`.
  std::uint64_t read(const Operation& operation, ObjectId object, LifetimeId home) {
    sim::Step s = make(operation, home);
    s.access = {object, sim::AccessKind::read};
    return engine().step(s, [](std::uint64_t& word) { return word; });
  }
  // A step that may have to wait: guarded, or with a timing. Checks that sleeping is allowed here and keeps who waits for what.
  template <class Effect> auto wait(const sim::Step& s, const WaitInfo& info, Effect&& effect) {
    begin_wait(info);
    if constexpr (std::is_void_v<std::invoke_result_t<Effect, std::uint64_t&>>) {
      engine().step(s, effect);
      end_wait();
    } else {
      auto result = engine().step(s, effect);
      end_wait();
      return result;
    }
  }
  // A data choice between the ends of a wait: what comes first, where that can't be a guard. Under `timed` it waits for it.
  std::uint32_t choose_end(const sim::Step& s, const WaitInfo& info);
  // Sleeps for `duration` of virtual time; a step without access.
  void sleep(const Operation& operation, sim::Duration duration);
  // Computes for `duration`, holding a CPU.
  void compute(const Operation& operation, sim::Duration duration);

  // Called by everything that may sleep: reports sleep-in-atomic, and without PREEMPT_RCU ends the reader that slept; what comes after is a
  // new section.
  void might_sleep(std::string_view what);

  // A called function. While it lives, steps execute from `text` (none: text that never goes away) and count as code that runs for
  // `binding`.
  class Function {
   public:
    Function(Context& context, NameId function, LifetimeId text, LifetimeId binding);
    ~Function();
    Function(const Function&) = delete;
    Function& operator=(const Function&) = delete;

   private:
    Context& context_;
    FrameId frame_;
    SiteId site_;
    LifetimeId text_, binding_;
  };
  // The same for kernel text: keeps the binding of the caller out of it.
  class KernelFunction : public Function {
   public:
    KernelFunction(Context& context, const StaticName& function) : Function(context, context.kernel_.intern(function), {}, {}) {}
  };
  // Around a driver's code that the kernel calls and that has to let go of what it takes: a file operation, a work function, a handler. A
  // lock that it has taken and returns with is a leak; told once, and there, not where the task ends. `what`: static text.
  class Call {
   public:
    Call(Context& context, std::string_view what);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Context& context_;
    std::string_view what_;
    std::vector<ObjectId> held_;  // before
  };

  // Where the next steps are.
  void at(SiteId site);
  void at(const KernelSite& site) { at(kernel_.site(site)); }
  [[nodiscard]] SiteId site() const { return site_; }
  [[nodiscard]] FrameId frame() const { return frame_; }
  [[nodiscard]] LifetimeId text() const { return text_; }
  // The binding that the innermost function runs for; none: no matter.
  [[nodiscard]] LifetimeId binding() const { return binding_; }

  bool make_it_fail = false;  // see fault.hpp
  // State of RCU readers, kept per task: nested sections take no step.
  unsigned rcu_nesting = 0;
  std::uint64_t rcu_section = 0;  // its number, and the epoch that it began in (rcu/reader_epochs.hpp)
  std::uint32_t rcu_epoch = 0;
  std::uint32_t rcu_epochs_over = 0;  // how many the task knows to be over: it has waited for them
  ReadSide* rcu = nullptr;   // the domain of the open section
  bool irq_reader = false;   // the section is the whole run of a handler (rcu_irq_enter)
  unsigned preempt_off = 0;  // preempt_disable() nesting: no sleeping
  // The hazard-pointer slot of the CPU that the task is on (hazptr.hpp).
  struct {
    HazptrTarget* target = nullptr;
    NameId name;
    std::uint64_t number = 0, wildcard = 0;
  } hazptr;
  // The work item whose function runs here, and the queue that it came from (none: the system's).
  Work* work = nullptr;
  Workqueue* workqueue = nullptr;
  File* file = nullptr;  // whose operation, or the guard around it, runs here
  // --- lockdep's view (kernel/locking/lockdep.c), for "a lock held at exit" and for cycles that no execution has to run into.
  // Before a step that takes `object` or waits for it, whether it then has to wait or not (trylocks aside): keeps under what it came.
  void lock_acquire(ObjectId object, NameId name, LockUse use);
  // From the effect of the step that has taken it.
  void lock_hold(const HeldLock& lock) { held.push_back(lock); }
  // From the effect of the step that lets it go. false: it was not held.
  bool lock_release(ObjectId object);
  std::vector<HeldLock> held;  // in the order in which they were taken
  // Of the spinlocks among them, under which nobody may sleep, what was switched off for them.
  std::vector<std::pair<ObjectId, SpinlockOff>> spinlocks;
  // --- The CPU (kernel/cpu_irq.hpp).
  BetweenSteps* interrupts = nullptr;  // what may interrupt this context between its steps; null, as nearly always: nothing
  bool irqs_off = false;               // local_irq_disable()
  unsigned softirqs_off = 0;           // local_bh_disable(), nested
  // Called when a task has run its course: a lock still held, or a reader still open, is a leak.
  void finish();

 private:
  friend class Function;
  void leave_cpu(std::string_view what);
  void back_on_cpu();
  void begin_wait(const WaitInfo& info);
  void end_wait();

  Kernel& kernel_;
  ContextKind kind_;
  FrameId frame_;
  SiteId site_;
  LifetimeId text_, binding_;
};

}  // namespace unplug::model
