// The simulated kernel of one execution: what every primitive needs besides the engine.
//
// It names places (sites) and call chains (frames), knows what each lifetime is, keeps who holds what (for explaining a wait that never
// ends) and collects what primitives report on the spot. None of it feeds a guard or a value: it is written beside the steps, for the
// checker and the reports.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "unplug/model/core/config.hpp"
#include "unplug/model/core/violation_class.hpp"
#include "unplug/sim/engine.hpp"

namespace unplug::model {

using sim::FrameId;
using sim::LifetimeId;
using sim::NameId;
using sim::ObjectId;
using sim::SiteId;
using sim::TaskId;

struct Module;
struct Rcu;
struct References;
struct Work;

// A place in driver or kernel text, as signatures and reports name it.
struct Site {
  std::string function;  // "foo_ioctl"
  std::string step;      // step id: explicit id, else verb and ordinal among equal verbs: "readl#2"
  std::string verb;      // "readl"
  std::string source;    // "drivers/misc/foo.c:120", or empty
  bool driver = false;   // in the text of a driver under test
};

// Text that the kernel's own code uses again and again; interned once per Kernel.
class StaticName {
 public:
  explicit StaticName(std::string_view t) : text(t), slot(next_slot()) {}
  const std::string_view text;
  const std::uint32_t slot;

 private:
  static std::uint32_t next_slot();
};

// A place in kernel text, declared static beside the code it stands for.
struct KernelSite {
  KernelSite(std::string_view f, std::string_view s) : function(f), step(s) {}
  const StaticName function, step;
};

// What a lifetime is: decides the class of violation.
// port: a claim of I/O ports, which are used without a mapping. dma: a device's right to an address.
enum class LifetimeKind : std::uint8_t { text, module_data, memory, mapping, region, port, dma, irq, registration, binding };

struct LifetimeInfo {
  LifetimeKind kind = LifetimeKind::memory;
  NameId declared;   // as the scenario declares it: "bar0"
  LifetimeId owner;  // a leak if the owner has ended and this has not: binding, file, module
};

// Who can end a wait. A wait that hardware or user space may end is never a deadlock.
enum class Owner : std::uint8_t { driver, core, other_driver, hardware, user, grace_period };
[[nodiscard]] std::string_view name(Owner owner);

// Described at each waiting step.
struct WaitInfo {
  std::string_view what;  // "synchronize_srcu"
  NameId object;          // "dev.srcu"
  Owner owner = Owner::core;
  bool idle = false;     // nothing to do: a worker without work, an interrupt that never comes, a user waiting for a device node
  bool returns = false;  // idle, but on a stack that leads back into the code that sleeps: that has to be there still
  bool sleeps = true;
  bool expires = false;               // its timeout ends it: who still waits at the end has been chosen not to get there (wait_limits.hpp)
  bool polls = false;                 // by looking again and again: for ever, that is a livelock
  bool interruptible = false;         // a signal from user space ends it, whoever holds what it waits for
  std::uint64_t before = UINT64_MAX;  // only holders with a lower number are waited for: readers that came before the grace period
};

// Something that a task has looked at in a loop, and waits for a change of (kernel/polling.hpp).
struct Look {
  ObjectId object;
  std::uint64_t seen = 0;
  std::uint32_t event = UINT32_MAX;  // the step that did
};
// A task that does.
struct Polling {
  static constexpr std::size_t any = SIZE_MAX;
  TaskId task;
  std::vector<Look> looks;
  std::size_t awaited = any;  // number of the look that it waits for; any: it has yet to say
};

// Something a primitive saw on the spot: misuse, sleeping where it mustn't. The step that shows it is the one whose effect reports it, else
// the task's last one; or the one that it is about to announce (a step that may sleep).
enum class Shown : std::uint8_t { last, next };
struct Report {
  ViolationClass violation_class;
  NameId object;
  TaskId task;
  std::uint32_t position;  // how long the trace was
  Shown shown;
  std::string detail;
};

// A guarded or timed step of removal, for "who did removal wait for".
enum class RemovalPhase : std::uint8_t { none, remove, devres, module_exit, module_free };
struct RemovalWait {
  RemovalPhase phase;
  std::string_view what;
  NameId object;
  Owner owner;
  std::uint32_t event;  // index of the step in the trace; UINT32_MAX if it was never taken
  TaskId task;
};

// How a lock is taken, as lockdep tells them apart: by one; by many, who don't exclude each other; or only waited for (a flush, a grace
// period, a drain: lock_map_acquire() and lock_map_release() at once).
enum class LockUse : std::uint8_t { exclusive, shared, wait };

// A lock that a task holds; or a map, which is what lockdep calls the running of something that others can wait for: a work function, a
// timer, an attribute's operation, an SRCU read-side section. Left behind, locks and sections are leaks.
struct HeldLock {
  ObjectId object;
  NameId name;
  LockUse use = LockUse::exclusive;
  bool map = false;
  bool unchecked = false;  // lockdep_set_novalidate_class(): no order of it is kept
  bool told = false;       // reported as held where it should have been let go
  bool section = false;    // a map that the task itself opens and has to close: an SRCU read-side section
};

// One lock taken, or waited for, under another: what lockdep makes its graph of.
struct LockOrder {
  HeldLock held, taken;
  TaskId task;
  SiteId site;  // where `taken` was to be taken
  FrameId frame;
  std::uint32_t position = 0;  // how long the trace was; the task's next step is the one that takes it, or begins to
};

// When removal passed its milestones, and how it went. Virtual times; no_time where not reached.
struct RemovalRecord {
  static constexpr sim::Time no_time = UINT64_MAX;
  sim::Time unplug = no_time, remove_done = no_time, unbind_done = no_time, rmmod = no_time, module_gone = no_time;
  bool rmmod_refused = false;
  std::uint32_t grace_periods = 0;  // paid in series by the task that removes
};

// What became of the operations that user space asked for.
struct OperationCounts {
  std::uint64_t started = 0, completed = 0, refused_at_entry = 0, torn = 0, failed = 0, unfinished = 0;

  // open(2) has answered `result`; `refused`: before any code of the driver had begun to act.
  void count_open(int result, bool refused) {
    ++started;
    ++(refused ? refused_at_entry : result == 0 ? completed : failed);
  }
};

class Kernel {
 public:
  Kernel(sim::Engine& engine, KernelConfig config);

  // Before each execution, from Program::setup().
  void reset();

  [[nodiscard]] sim::Engine& engine() { return engine_; }
  [[nodiscard]] const KernelConfig& config() const { return config_; }

  // Starts a task; a daemon may be left waiting when the execution ends. `alike`: sim::TaskSpec::alike.
  TaskId spawn(NameId name, NameId role, void (*entry)(void*), void* argument, bool daemon = false, std::uint32_t alike = 0);

  // --- Names, places, call chains. They live as long as the kernel object; equal arguments give equal ids.
  NameId intern(std::string_view text) { return engine_.names().intern(text); }
  [[nodiscard]] const std::string& text(NameId id) const { return engine_.names().text(id); }
  NameId intern(const StaticName& name);
  SiteId site(const Site& site);
  SiteId site(const KernelSite& site);
  [[nodiscard]] const Site& site(SiteId id) const { return sites_[id.index()]; }
  [[nodiscard]] std::size_t site_count() const { return sites_.size(); }
  FrameId frame(FrameId parent, NameId function);
  // Function names, innermost first.
  [[nodiscard]] std::vector<std::string> call_chain(FrameId frame) const;

  // --- Lifetimes.
  LifetimeId new_lifetime(NameId name, LifetimeKind kind, NameId declared, LifetimeId owner, bool from_start);
  [[nodiscard]] const LifetimeInfo& lifetime(LifetimeId id) const { return lifetimes_[id.index()]; }

  // --- What shared objects are called in findings: "priv.hits", whichever task made the object. Without a declaration, by unique name.
  void declare_object(ObjectId object, NameId declared);
  [[nodiscard]] NameId declared(ObjectId object, NameId otherwise) const;
  // "OF.PART"
  NameId member(NameId of, NameId part);

  // --- Who holds what, for explaining waits. Called from effects only.
  struct Holder {
    TaskId task;
    std::uint64_t number;  // where it matters who came first
  };
  void hold(ObjectId object, TaskId task, std::uint64_t number = 0);
  void unhold(ObjectId object, TaskId task);
  [[nodiscard]] const std::vector<Holder>& holders(ObjectId object) const;
  // The wait that a task is in; null if none.
  [[nodiscard]] const WaitInfo* waiting(TaskId task) const;
  void set_waiting(TaskId task, const WaitInfo* info);  // `info` must stay valid while the task waits (copied)

  // --- What primitives and mechanisms say about an execution.
  void report(ViolationClass c, NameId object, std::string detail, Shown shown = Shown::last);
  [[nodiscard]] const std::vector<Report>& reports() const { return reports_; }
  // Kept once for each task, pair of objects and uses: where it first came to it.
  void note_lock_order(const LockOrder& order);
  [[nodiscard]] const std::vector<LockOrder>& lock_orders() const { return lock_orders_; }
  // Something promised that has to be kept by the end: `lost` tells by the final word of `object` that it will not be. For init functions.
  struct Promise {
    ObjectId object;
    NameId name;
    bool (*lost)(std::uint64_t word);
  };
  void note_promise(const Promise& promise) { promises_.push_back(promise); }
  [[nodiscard]] const std::vector<Promise>& promises() const { return promises_; }
  // Something that is counted up and has to be down again once `owner` has ended: how many are left by the final word. For init functions.
  struct Count {
    ObjectId object;
    NameId name;
    LifetimeId owner;
    std::uint64_t (*left)(std::uint64_t word);
    std::string_view taken;  // "enabled"
  };
  void note_count(const Count& count) { counts_.push_back(count); }
  [[nodiscard]] const std::vector<Count>& counts() const { return counts_; }
  // References that have to be given back by the time that `owner` has ended.
  struct Owed {
    const References* references;
    NameId name;
    LifetimeId owner;
    std::string_view by;  // "put_device"
  };
  void note_references(const Owed& owed) { owed_.push_back(owed); }
  [[nodiscard]] const std::vector<Owed>& owed() const { return owed_; }
  void count_refusal(bool torn, SiteId site);
  [[nodiscard]] const std::map<std::pair<bool, SiteId>, std::uint64_t>& refusals() const { return refusals_; }

  RemovalRecord removal;
  RemovalPhase removal_phase = RemovalPhase::none;  // of the task that removes
  TaskId remover;
  Rcu* interrupt_rcu = nullptr;  // the domain that interrupt handlers are readers of (rcu_watch_interrupts); null: nobody looks
  std::vector<RemovalWait> removal_waits;
  OperationCounts operations;
  ObjectId faults;               // word: faults left to inject (kernel/fault.hpp); none if the configuration has none
  std::vector<Polling> polling;  // who does so this moment
  std::vector<Module*> modules;  // every one, in that order: for what asks who is held
  std::vector<Work*> works;      // every work item, in the order in which they were made: for what waits for a queue that all share

 private:
  sim::Engine& engine_;
  KernelConfig config_;
  std::vector<NameId> static_names_;  // by slot
  std::vector<SiteId> kernel_sites_;  // by the slot of the step
  std::vector<Site> sites_;
  std::map<std::tuple<std::string, std::string, std::string>, SiteId> site_ids_;  // (function, step, source)
  struct Frame {
    FrameId parent;
    NameId function;
  };
  std::vector<Frame> frames_;
  std::map<std::pair<FrameId, NameId>, FrameId> frame_ids_;
  std::vector<LifetimeInfo> lifetimes_;
  std::vector<NameId> declared_;  // by object
  std::map<std::pair<NameId, NameId>, NameId> members_;
  std::vector<std::vector<Holder>> holders_;
  struct Waiting {
    bool now = false;
    WaitInfo info;
  };
  std::vector<Waiting> waiting_;
  std::vector<Report> reports_;
  std::vector<LockOrder> lock_orders_;
  std::vector<Promise> promises_;
  std::vector<Count> counts_;
  std::vector<Owed> owed_;
  std::map<std::pair<bool, SiteId>, std::uint64_t> refusals_;
};

}  // namespace unplug::model
