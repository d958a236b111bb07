// A Program at work: the modelled kernel of one execution, with the driver's module, device and bindings, user space and the administrator.
//
// One World per worker thread. setup() lays everything out again before each execution: the same objects in the same order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "unplug/model/kernel/work/workqueue_struct.hpp"
#include "unplug/model/mechanisms/policy.hpp"
#include "unplug/scenarios/program/part.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/world/binding.hpp"
#include "unplug/scenarios/world/devices.hpp"
#include "unplug/scenarios/world/frame.hpp"
#include "unplug/scenarios/world/record.hpp"
#include "unplug/scenarios/world/things.hpp"
#include "unplug/scenarios/world/user.hpp"
#include "unplug/sim/engine.hpp"

namespace unplug::scenarios {

// No task of a scenario needs so many steps. Who takes more goes round somewhere; and where somebody polls, an exhaustive search visits an
// execution for each number of times. What replays an execution has to have the same bound.
inline constexpr sim::EngineLimits engine_limits{.steps_per_task = 20'000};

class World final : public sim::Program {
 public:
  World(std::shared_ptr<const scenarios::Program> program, const model::PolicySpec& policy, sim::Engine& engine);
  ~World() override;

  void setup(sim::Engine& engine) override;

  [[nodiscard]] model::Kernel& kernel() { return kernel_; }
  [[nodiscard]] const scenarios::Program& program() const { return *program_; }
  [[nodiscard]] model::Rcu& rcu() { return rcu_; }
  // system_wq, where one thread stands for it; null: as it is today.
  [[nodiscard]] model::Workqueue* keventd() { return program_->keventd ? &keventd_ : nullptr; }
  // Something is written to the register, `number` among Program::switches, by which a device is told to interrupt or not to.
  void switch_interrupts(model::Context& context, DeviceInstance& device, std::uint32_t number, bool on);
  [[nodiscard]] BindingInstance& binding(std::uint32_t i) { return *bindings_[i]; }
  [[nodiscard]] Devices& devices() { return devices_; }
  // Whose thing an operand names, for code that runs for `b`.
  [[nodiscard]] BindingInstance& owner(BindingInstance& b, const Operand& o) { return o.scope == Scope::binding ? b : elsewhere(b, o); }
  // A module as it is loaded, for code that runs for `b`.
  [[nodiscard]] model::Module& module_for(const BindingInstance& b, std::uint32_t module);
  [[nodiscard]] SharedFile& shared_file(std::uint32_t i) { return shared_files_[i]; }
  [[nodiscard]] TaskState& task(std::uint32_t i) { return tasks_[i]; }
  // --- For verbs.
  // Where a function is called from, and for whom.
  struct Caller {
    BindingInstance* binding = nullptr;
    model::File* file = nullptr;
    TaskState* task = nullptr;
    model::PollTable* poll = nullptr;
    model::Vma* vma = nullptr;
    Handle self = 0;
    sim::LifetimeId runs_for{};  // the binding whose end makes this code run too late; none for probe, remove and exit, which are ordered
                                 // with it by the driver core
    std::span<const std::pair<std::uint32_t, std::uint64_t>> arguments{};  // (local, value)
    std::array<std::uint64_t, max_locals>* locals = nullptr;               // receives what they are at the end
    int result = 0;                                                        // of a function that doesn't say
    std::uint64_t* value = nullptr;                                        // receives the result whole: it may be a pointer
    bool* ended = nullptr;                                                 // Frame::ended of who calls it, if it is driver code that does
  };
  // Runs function `number` to its end and answers its result.
  int call(model::Context& context, std::uint32_t number, const Caller& caller);
  // Executes instructions of the frame's function from `from` on until it comes to `to`, or leaves the function.
  void run(Frame& frame, std::uint32_t from, std::uint32_t to);
  // Calls driver code as the kernel does. Of `what`, the file and the like; the rest is the callback's.
  int enter(model::Context& context, const Callback& callback, Caller what);
  int enter(model::Context& context, const Callback& callback) { return enter(context, callback, {}); }
  // Runs the unbind of `b`, as whoever unbinds it does. false: it was not bound. What is linked to it is unbound before.
  bool release_driver(model::Context& context, BindingInstance& b);
  // The unbinds that the running task was in are over.
  void removals_over(model::Context& context);
  // Whether all threads have run their course; else what is asked of the final state is asked of the one that they are stuck in, unless a
  // timeout would get them out of it.
  [[nodiscard]] bool threads_ended() const;
  [[nodiscard]] bool has_final_state() const;
  [[nodiscard]] bool holds(const FinalCondition& condition) const;
  // The task that Program::tasks[i] is.
  // By number of the task: alike_tasks().
  [[nodiscard]] const std::vector<std::uint32_t>& alike() const { return alike_; }
  [[nodiscard]] sim::TaskId task_id(std::uint32_t i) const { return tasks_[i].id; }
  // The observed words and locals, as a key.
  void final_state(std::vector<std::uint64_t>& out) const;
  // The function of the thing (a work item, a timer) that an access is to, or that the task is there for; empty: of none.
  [[nodiscard]] std::string function_served(const sim::Access& access, sim::NameId task) const;
  // The allocation behind a pointer; null for NULL.
  [[nodiscard]] model::Allocation* allocation(Handle handle);
  // Memory that the execution has made; null if the pointer is none to such.
  [[nodiscard]] Instance* instance(Handle handle);
  static Handle declared_allocation(const BindingInstance& b, std::uint32_t index) { return b.first_allocation + index + 1; }
  // The same for code that runs for `b`: it may be the module's, or shared.
  [[nodiscard]] Handle declared_for(BindingInstance& b, const Term& pointer);
  // Lays out one more piece of the declared memory, for an allocation to begin.
  Instance& new_instance(BindingInstance& b, std::uint32_t allocation);
  // What a policy in steps keeps for an open file: made when it is opened.
  void new_file_state(BindingInstance& b, const model::File& file);
  [[nodiscard]] Handle file_state(const model::File& file) const;
  // Entry points for what calls driver code; the argument is a Callback.
  static void callback_entry(model::Context& context, void* argument);
  static int result_entry(model::Context& context, void* argument);
  static unsigned amount_entry(model::Context& context, void* argument, unsigned budget);  // of a poll function
  static bool restart_entry(model::Context& context, void* argument);  // of an hrtimer: its function's result is HRTIMER_RESTART or not
  static int file_operation(model::Context& context, model::File& file, void* argument);
  static std::uint32_t poll_operation(model::Context& context, model::File& file, model::PollTable& table, void* argument);
  static int mmap_operation(model::Context& context, model::File& file, model::Vma& vma, void* argument);
  // The same with VmOperations as argument.
  static model::VmFault vm_fault(model::Context& context, model::Vma& vma, void* argument);
  static void vm_opened(model::Context& context, model::Vma& vma, void* argument);
  static void vm_closed(model::Context& context, model::Vma& vma, void* argument);
  // Makes the operations that `spec` says those of a file of binding `b`. `policy`: whose guard is around them; may be null.
  static void fill(model::FileOperations& ops, BindingInstance& b, const FopsSpec& spec, model::Policy* policy);
  // The argument of the file operation that the running task is in.
  [[nodiscard]] std::uint64_t& operation_argument();
  // The same file as a pointer of the driver, and back; null if it is none to a file that can be meant so (Program::replacement_fops).
  Handle file_handle(const model::File& file);
  [[nodiscard]] model::File* known_file(Handle handle);
  // A name in binding `b`.
  sim::NameId unique(const BindingInstance& b, const std::string& name);
  // The pointer that was followed is NULL, or points to something without such a member.
  void report_null(model::Context& context, const Operand& o);
  // The pointer to memory; the inverse of allocation().
  [[nodiscard]] Handle handle_of(const model::Allocation* memory) const;
  // The memory that `embedded` is embedded in, `embedded` as declared being number `declared`; 0: it points to no such thing.
  [[nodiscard]] Handle container(Handle embedded, std::uint32_t declared) const;
  // What the family of verbs that asks has in this kernel (Verb::part); one that no verb of the program names is made with the first thing
  // that asks as it is laid out.
  template <class Part> [[nodiscard]] Part& part() { return static_cast<Part&>(part_of(part_kind<Part>)); }
  // The same; null if no verb of the program names it.
  template <class Part> [[nodiscard]] Part* part_if_used() {
    return std::ranges::find(program_->parts, &part_kind<Part>) == program_->parts.end() ? nullptr : &part<Part>();
  }
  // How often a function that is waited for has been called, or has returned: words.
  [[nodiscard]] sim::ObjectId calls_of(std::uint32_t watched) const { return watched_[watched].first; }
  [[nodiscard]] sim::ObjectId returns_of(std::uint32_t watched) const { return watched_[watched].second; }
  // A device that a driver has added is probed.
  void attach(model::Context& context, DeviceInstance& device);
  // For things to be laid out: what they have beside them.
  model::Devres& new_devres() { return devres_lists_.next(); }

  // --- For reports: which sites were taken, over all executions of this world.
  [[nodiscard]] const std::vector<bool>& sites_seen() const { return sites_seen_; }
  void count_waiting(const sim::Trace& trace);  // who waits somewhere for ever got there
  // Memory that was made on the way for a binding, or a module, that is over; that was not freed, and that nothing leads to any more:
  // neither a word of memory that is still there, nor a list, a table of ids or a chain in it, nor a local of who is still in a function,
  // nor an open file. Of memory that leads to other memory only the first.
  [[nodiscard]] std::vector<sim::LifetimeId> lost_memory(const sim::Trace& trace);
  // Files that are still open: whether closing one would run code of the driver or of a policy, which could give something back; whether
  // one was opened by way of a cdev, which has a reference on its device.
  struct LeftOpen {
    bool driver = false, cdev = false;
  };
  [[nodiscard]] LeftOpen left_open();
  // Before an execution is judged: who could end the waiting of those that poll. Whoever wrote what they look at may do so again, if he is
  // still there, or has a file open whose operations did.
  void resolve_polling(const sim::Trace& trace);
  // Whether the removal of what `binding` binds drops references on `module`.
  [[nodiscard]] bool may_put(sim::LifetimeId binding, const model::Module& module) const;
  // What the last execution went through.
  [[nodiscard]] const Record& record() const { return record_; }
  // For verbs: a file descriptor of a task outside the driver has been opened, or closed.
  void file_opened(Origin& origin);
  void file_closed(Origin& origin);
  // A file that is about to be opened.
  void init_file(model::File& file, bool counted, bool epoll);

 private:
  friend class Frame;
  // Where the execution is: an interval begins, or ends, here.
  [[nodiscard]] std::uint32_t here() const { return static_cast<std::uint32_t>(engine_.trace().events.size()); }
  [[nodiscard]] Interval from_here() const { return {engine_.current(), here(), UINT32_MAX}; }
  std::uint32_t ask(Frame& frame, const Instruction& i, std::uint32_t next);
  // Counts one more execution of an instruction with a limit by the running task; false: it has had its number.
  bool within_limit(const Instruction& i);
  static std::uint32_t refuse(Frame& frame, const Instruction& i, std::uint32_t next);
  class Reach;  // world_leaks.cpp
  // Every file that user space has, once for each descriptor and mapping.
  template <class Visit> void each_file(Visit&& visit);
  void setup_binding(BindingInstance& b);
  [[nodiscard]] bool belongs(const EntitySpec& e, const BindingInstance& b) const;
  WorldPart& part_of(const PartKind& kind);
  void setup_files(BindingInstance& b);
  void setup_attribute_files(BindingInstance& b);
  void setup_tasks();
  void setup_watched();
  void setup_modules();
  [[nodiscard]] BindingInstance& elsewhere(BindingInstance& b, const Operand& o);
  [[nodiscard]] std::uint32_t current_load(const BindingInstance& b, std::uint32_t module) const;
  // What comes on the CPU of a task, by TaskSpec::cpu.
  model::CpuInterrupts& interrupts_of(std::uint32_t task);
  // Lets it interrupt the task, in whose context this is.
  void on_cpu(model::Context& context, std::uint32_t task);
  void lay_out(Instance& instance, sim::NameId unique);
  void setup_shared(std::uint32_t number);
  void allow_again(BindingInstance& b);
  [[nodiscard]] std::uint64_t final_value(const FinalTerm& term) const;
  Instance& next_instance(BindingInstance& b, std::uint32_t allocation, sim::NameId unique);
  static void user_entry(void* argument);
  static void thread_entry(void* argument);
  static void hardware_entry(void* argument);
  static void probe_entry(void* argument);
  void probe(model::Context& context, BindingInstance& b);
  void boot(model::Context& context);
  // What the administrator does: removal.cpp.
  static void remover_entry(void* argument);
  void await_probed(model::Context& context, const PlannedStage& stage);
  bool remove(model::Context& context, const PlannedStage& stage);
  bool unload(model::Context& context, const PlannedStage& stage);
  void leave_module(model::Context& context, const PlannedStage& stage);
  bool load(model::Context& context, std::uint32_t load, BindingInstance& b);

  std::shared_ptr<const scenarios::Program> program_;
  sim::Engine& engine_;
  model::Kernel kernel_;
  model::Rcu rcu_;
  std::vector<sim::SiteId> sites_;           // by number in the program
  std::vector<std::uint32_t> site_numbers_;  // by SiteId: number in the program, or UINT32_MAX
  std::vector<sim::NameId> function_names_;
  std::vector<bool> sites_seen_;
  Record record_;
  Devices devices_;
  std::deque<model::Module> modules_;         // by number in Program::loads
  std::vector<std::uint32_t> current_loads_;  // by module
  std::vector<BindingInstance*> homes_;       // by loading: where its static variables are
  model::Workqueue keventd_;
  std::vector<std::unique_ptr<BindingInstance>> bindings_;
  std::deque<model::Allocation> allocations_;
  std::deque<Instance> instances_;  // those in use come first
  std::size_t instance_count_ = 0;
  std::vector<std::pair<sim::LifetimeId, Handle>> file_states_;  // by the life of struct file
  std::deque<TaskState> tasks_;
  std::vector<std::uint32_t> alike_;                              // by task: alike_tasks()
  std::array<model::CpuInterrupts, 2> own_interrupts_;            // of the tasks that probe and remove
  std::vector<std::pair<sim::ObjectId, sim::ObjectId>> watched_;  // by number in Program::watched: calls, returns
  struct PartOf {
    const PartKind* kind;
    std::unique_ptr<WorldPart> part;
    bool ready = false;  // in this execution
  };
  std::vector<PartOf> parts_;  // those of Program::parts, in its order, then those that things asked for
  Pool<model::Devres> devres_lists_;
  std::deque<SharedFile> shared_files_;
  std::deque<std::pair<Handle, model::File>> known_files_;
  std::deque<model::EpollLinks> epoll_links_;  // of files, as long as somebody has them; those in use come first
  std::size_t epoll_links_used_ = 0;
  std::vector<std::uint64_t> operation_arguments_;  // by task
  std::vector<std::uint32_t> limits_;               // by task and number of the instruction
  // Functions that somebody was still in at the end.
  struct Left {
    Handle self;
    std::array<std::uint64_t, max_locals> locals;
  };
  std::vector<Left> left_;
};

template <class Visit> void World::each_file(Visit&& visit) {
  const auto one = [&](const model::File& f) {
    if (f.open) visit(f);
  };
  for (const TaskState& t : tasks_) {
    for (const OpenFile& f : t.files) one(f.file);
    for (const model::Vma& v : t.mappings) one(v.file);
  }
  for (const SharedFile& f : shared_files_) one(f.descriptor.file);
}

template <EntityKind kind> typename ThingOf<kind>::Type* ThingSetup::referred(std::string_view key) const {
  const Operand* const o = spec.thing(key);
  if (o == nullptr) return nullptr;
  if (const auto n = number_beside(*o)) return &things.get<kind>(*n);
  return &world.owner(binding, *o).things.get<kind>(o->index);
}

}  // namespace unplug::scenarios
