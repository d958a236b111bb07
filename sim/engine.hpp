// The engine: runs the tasks of one execution, one step at a time, in the order that a strategy chooses.
//
// A task is a fiber. It runs until its next visible operation and stops *before* it; the pending step of every live task is therefore
// known (object, kind, guard), and that is all a strategy sees. When a step is granted, its effect runs on the task's own stack, then
// local code up to the next step. One step touches at most one shared object, whose state guards see as one 64-bit word.
//
// The choice is made on the stack of whoever just announced a step: picking itself costs no switch. An execution ends when no task is
// enabled. Tasks that are still live are then unwound: step() returns at once without effect (or throws TaskAborted in tasks that asked
// for it), so every destructor runs.
//
// An execution is a pure function of (program, schedule). Engines are not shared between OS threads; one engine runs many executions, one
// after another, and reuses fibers, stacks and buffers.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "unplug/sim/fibers.hpp"
#include "unplug/sim/hash.hpp"
#include "unplug/sim/names.hpp"
#include "unplug/sim/run_set.hpp"
#include "unplug/sim/strategy.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

class Engine;

// What is simulated. setup() runs before the first step: it makes objects, lifetimes and the tasks that exist from the start.
class Program {
 public:
  virtual ~Program() = default;
  virtual void setup(Engine& engine) = 0;
};

// Unwinds a C++ task whose execution is over. Never caught by simulated code, never seen by a user.
struct TaskAborted {};

// Independent streams of random values; each task draws from its own (hash(seed, stream, stable task name, n)).
enum class Stream : std::uint8_t { duration, data, phase, count };

struct TaskSpec {
  NameId name, role;
  bool daemon = false;  // may be left waiting when the execution ends (a worker with an empty queue)
  bool unwinds_by_throw =
      false;  // true for C++ code with destructors between steps; false: step() returns at once and the task must return
  void (*entry)(void* argument) = nullptr;
  void* argument = nullptr;
  // Not 0: tasks made in setup() with the same number are alike, they and all that is called after them ("NAME/..."): exchange their names
  // in an execution of the program, and it is an execution of the program again. So nothing may treat one unlike another before it has
  // taken a step, and what they draw must decide nothing. For exploration, which visits one of those executions; see dpor/dpor.hpp.
  std::uint32_t alike = 0;
};

struct EngineLimits {
  std::uint32_t steps_per_task = 100'000;
  std::uint32_t tasks = 20'000;
};

// How an execution ended.
struct Outcome {
  enum class Kind : std::uint8_t {
    completed,   // every task finished, daemons aside
    blocked,     // no task is enabled and tasks that are no daemons are still waiting
    step_bound,  // a task took more steps than it may, or gave up
    cut,         // the strategy ended it
    failed       // the program broke the engine's rules, or threw
  };
  Kind kind = Kind::completed;
  TaskId task;          // step_bound, failed: who
  std::string message;  // step_bound, failed: what, and a guess why
};

class Engine {
 public:
  explicit Engine(EngineLimits limits = {}, Fibers::Road road = Fibers::Road::resume);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Runs one execution to its end. The trace is complete afterwards, until the next run(). begin() of the strategy must have been called
  // with `info`. What setup() or the strategy throws is thrown again here, after all tasks have been unwound.
  Outcome run(Program& program, Strategy& strategy, const ExecutionInfo& info);
  [[nodiscard]] const Trace& trace() const { return trace_; }
  // Whether traces keep their events (they do unless told otherwise). Without them the trace has its fingerprint, tasks and objects, and an
  // execution of any length needs constant memory; whoever judges or explores needs them.
  void keep_events(bool keep) { keep_events_ = keep; }
  // Whether additions commute (they do unless told otherwise). If not, each is a write, to strategies, traces and whoever reads them.
  void let_additions_commute(bool commute) { additions_commute_ = commute; }
  [[nodiscard]] NameTable& names() { return names_; }

  // --- For setup() and for local code of tasks.
  // Names are unique: no two objects, and no two tasks, of one execution share one.
  ObjectId new_object(NameId name, std::uint64_t word = 0);
  // `kind` is handed through to whoever judges. from_start: alive before the first step; else some step begins it.
  LifetimeId new_lifetime(NameId name, std::uint32_t kind, bool from_start);
  // Starts a task: it runs its local code up to its first step, then waits to be chosen.
  TaskId spawn(const TaskSpec& spec);
  // The same for tests and small programs.
  TaskId spawn(std::string_view name, std::function<void()> body, bool daemon = false, std::uint32_t alike = 0);
  // A name unique to the running task: "TASK/PART#n", n counted per task. In setup(): "setup/PART#n".
  NameId own_name(std::string_view part);

  // --- For tasks.
  // Announces `s`, waits until it is granted, then runs effect(word): word is a std::uint64_t& for a write or an addition, a copy for a
  // read or no access. Of what an addition finds it may answer only what no addition changes.
  // Returns what effect returns (a default value if the execution is over). The effect must not take a step.
  template <class Effect> auto step(const Step& s, Effect&& effect) {
    using Result = std::invoke_result_t<Effect, std::uint64_t&>;
    Object* const object = await_turn(s);
    if (object == nullptr) return Result();
    const EndOfStep end(*this, s, *object);  // an effect that throws has taken its step all the same
    return effect(object->word);
  }
  // A step without effect on a word.
  void step(const Step& s) {
    step(s, [](std::uint64_t&) {});
  }
  // From an effect that changes no guard of theirs: steps that this object moves (Step::moved_by) consult their timing again.
  void moved(ObjectId object);
  // From an effect: what the step begins, ends or relies on besides, where that depends on the word of the object that it accesses.
  void begins(LifetimeId life);
  void ends(LifetimeId life);
  void uses(LifetimeId life);
  // A data choice: a step without access. 0 is the benign alternative.
  std::uint32_t choose(const Operation& operation, std::uint32_t alternatives, const Witnesses& uses = {});
  // The same for a step that carries more than witnesses; s.alternatives > 1.
  std::uint32_t choose(const Step& s);
  // A value of the running task's own stream, 0 .. bound-1 (bound > 0).
  std::uint64_t draw(Stream stream, std::uint64_t bound);

  // True once the execution is over and the running task is being unwound: it must return.
  [[nodiscard]] bool aborting() const { return aborting_; }
  // Tasks made so far in this execution, and how: the ids below tasks().
  [[nodiscard]] std::uint32_t tasks() const { return task_count_; }
  [[nodiscard]] const TaskSpec& spec(TaskId task) const { return tasks_[task.index()]->spec; }
  // Who made it; none: setup().
  [[nodiscard]] TaskId creator(TaskId task) const { return tasks_[task.index()]->creator; }
  [[nodiscard]] TaskId current() const { return running_ != nullptr ? running_->self : TaskId{}; }
  [[nodiscard]] NameId current_name() const;
  // Of an object, between its steps: for who knows that nobody but him can have written it since, and for what is said of it.
  [[nodiscard]] std::uint64_t word(ObjectId object) const { return objects_[object.index()].word; }
  [[nodiscard]] NameId name(ObjectId object) const { return objects_[object.index()].name; }
  [[nodiscard]] NameId current_role() const { return running_ != nullptr ? running_->spec.role : NameId{}; }
  [[nodiscard]] Time now() const { return now_; }
  // Stacks made so far. Executions reuse them.
  [[nodiscard]] std::size_t stacks() const { return fibers_.created(); }
  // When the running task has finished what it last did (its step's cost and sleep included).
  [[nodiscard]] Time local_time() const;
  // Where the running task is, for its next steps; opaque to the engine.
  void set_site(SiteId site, FrameId frame);
  // Ends the execution with Outcome::failed: the program broke a rule. Does not return normally into further steps.
  void fail(std::string message);
  // Ends it as a bound on steps does, Outcome::step_bound: the program does what it can't follow. Others are not concerned. Does not return
  // normally either.
  void give_up(std::string message);

  // CPUs under `timed`; without effect for strategies that don't obey time. At least 1. For setup(): every execution starts with 4.
  void set_cpus(std::uint32_t cpus);
  // CPU time of a step that doesn't say. For setup(): every execution starts with 0.
  void set_default_cost(Duration cost) { default_cost_ = cost; }

 private:
  struct Task {
    // What every step touches comes first, in the order of Event where it is copied there.
    const Step* pending = nullptr;  // on the task's own stack while it waits
    Time ready_at = 0, free_at = 0, pending_since = 0;
    std::uint64_t name_hash = 0;
    TaskId self;
    std::uint32_t steps = 0;
    SiteId site;
    FrameId frame;
    std::uint32_t granted_choice = 0;
    Fibers::Handle fiber = nullptr;
    TaskId unblocked_by;
    bool done = false, starting = false;
    TaskSpec spec;
    Engine* engine = nullptr;
    std::uint64_t choice_hash = 0;
    TaskId creator;
    std::uint32_t creator_steps = 0, choices = 0, refused = 0;
    Fibers::Handle starter = Fibers::main;                           // whom to return to at the first step, while `starting`
    std::vector<std::pair<std::uint64_t, std::uint32_t>> own_names;  // (hash of the part, how many so far)
    std::array<std::uint32_t, static_cast<std::size_t>(Stream::count)> draws{};
    std::function<void()> body;
    Step as_write;  // the pending step, if it is an addition that counts as a write
  };
  struct Object {
    std::uint64_t word = 0;
    std::uint64_t order_hash = 0, run_hash = 0;  // of the events up to the last change of kind or write; of those since, in any order
    AccessKind run = AccessKind::none;           // what those are
    NameId name;
    std::vector<Task*> waiters;  // tasks whose pending step has a guard on this object, or awaits it, enabled or not, sorted by id
  };

  static void task_entry(void* argument);
  void run_task(Task& task);
  Object* await_turn(const Step& s);
  // What is inlined by force is called from one place in engine.cpp, once a step; on its own the compiler leaves it out of line, and a step
  // costs a tenth more.
  void refuse(Task& task);
  void refuse_step(const Step& s);
  [[nodiscard, gnu::always_inline]] inline bool well_formed(const Step& s) const;
  [[gnu::always_inline]] inline void announce(Task& task, const Step& s);
  [[gnu::always_inline]] static inline void await_change(Task& task, Object& o);
  [[gnu::always_inline]] static inline void await_no_more(const Task& task, Object& o);
  void schedule(TaskId last);
  [[gnu::always_inline]] inline Task* consult(TaskId last);
  [[gnu::always_inline]] inline Object& grant(Task& task);
  // What follows an effect.
  class EndOfStep {
   public:
    EndOfStep(Engine& engine, const Step& step, const Object& object)
        : engine_(engine), step_(step), object_(object), before_(object.word) {}
    ~EndOfStep() {
      engine_.in_effect_ = false;
      if (changes(step_.access.kind)) {
        if (!object_.waiters.empty()) engine_.wake(object_, step_.sleep);
      } else if (step_.access.kind == AccessKind::read && object_.word != before_) {
        engine_.fail("a step declared as a read has written its object");
      }
    }
    EndOfStep(const EndOfStep&) = delete;
    EndOfStep& operator=(const EndOfStep&) = delete;

   private:
    Engine& engine_;
    const Step& step_;
    const Object& object_;
    const std::uint64_t before_;
  };
  void mark_boundary();
  void wake(const Object& written, Duration sleep);
  [[gnu::always_inline]] inline void ready_from(Task& task, Time at);
  // The alternative that holds now: the number of the first, or how many there are.
  [[nodiscard]] std::uint32_t told(const Awaited& a) const;
  [[nodiscard]] bool exists(const Awaited& a) const;
  // Whether the pending step of the task can be taken, as far as words go.
  [[nodiscard]] bool may_go_on(const Step& s) const;
  [[nodiscard, gnu::always_inline]] inline TaskView view_of(const Task& task) const;
  void disable(const Task& task);
  void queue_for_cpus();
  [[nodiscard]] Duration cost_of(const Step& s) const { return s.cost != 0 ? s.cost : default_cost_; }
  void end_execution(Outcome outcome);
  void reset(Strategy& strategy, const ExecutionInfo& info);
  void unwind();
  bool first_of_name(std::vector<std::uint64_t>& last_used, NameId name) const;
  void finish_trace();

  EngineLimits limits_;
  Fibers fibers_;
  NameTable names_;
  Trace trace_;
  std::vector<std::unique_ptr<Task>> tasks_;  // the first task_count_ are in use: a slot keeps its buffers between executions
  std::vector<Object> objects_;               // likewise
  Object no_object_;                          // stands in for steps without access
  std::uint32_t task_count_ = 0, object_count_ = 0;
  // By name: the execution that last used it. Names tell tasks apart in schedules and random draws, objects in fingerprints.
  std::vector<std::uint64_t> task_names_, object_names_;
  std::uint64_t execution_ = 0;
  RunSet enabled_;
  std::vector<TaskView> woken_;  // only while a write wakes: those it lets in, sorted by id
  std::vector<Time> cpu_free_;
  Strategy* strategy_ = nullptr;
  Outcome outcome_;
  std::exception_ptr error_;  // thrown by setup() or by the strategy
  Task* running_ = nullptr;   // null in setup()
  std::uint64_t seed_ = 0;
  Time now_ = 0;
  Duration default_cost_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> setup_names_;
  bool keep_events_ = true, additions_commute_ = true;
  bool obeys_time_ = false, aborting_ = false, over_ = false, in_effect_ = false;
  NameId setup_name_;
};

}  // namespace unplug::sim
