// A scenario, compiled: flat instruction lists over numbered slots. Immutable; every worker thread executes the same Program.
//
// Compiled once per (member, form): parameters are substituted, forms chosen, repeats unrolled, names resolved. Nothing of the JSON is
// looked at while executions run.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unplug/model/core/config.hpp"
#include "unplug/model/core/context.hpp"
#include "unplug/scenarios/program/hooks.hpp"
#include "unplug/scenarios/program/kinds.hpp"
#include "unplug/scenarios/program/part.hpp"
#include "unplug/sim/time.hpp"

namespace unplug::scenarios {

class Frame;
struct Instruction;

// Executes one instruction and answers where to go on: an index into the function's code. `next` is the index after the instruction.
using Execute = std::uint32_t (*)(Frame& frame, const Instruction& instruction, std::uint32_t next);

// Whose a thing is that an operand names.
enum class Scope : std::uint8_t {
  binding,  // of the binding that the code runs for: what probe() makes, once for each device
  device,   // of a device that is named, as its first binding made it: how tasks outside the driver say it
  module,   // of a module, once for each time that it is loaded: static variables
  table,    // whose it is depends on whom the code runs for: Program::whose
  world     // the file's "shared", and devices by name
};

// What an instruction works on.
struct Operand {
  enum class Kind : std::uint8_t {
    none,
    entity,   // entity `index` of kind `entity`, of the frame's binding
    member,   // through the pointer in local `local`: the member called `name`
    local,    // memory: the pointer in local `local`
    element,  // of `count` fields of allocation `index` from `field` on, the one that local `local` says
    file      // file.private_data of the operation's file
  };
  Kind kind = Kind::none;
  EntityKind entity = EntityKind::none;
  std::uint32_t index = 0;       // entity
  std::uint32_t field = 0;       // entity == field: number of the field in allocation `index`
  std::uint32_t local = 0;       // member, local, element
  std::string name{};            // member: the last component; else as written, for messages
  std::uint32_t count = 0;       // element
  Scope scope = Scope::binding;  // entity
  std::uint32_t owner = 0;       // the device, the module or the table, by number in Program
};

// A constant, or what a local holds.
struct Term {
  enum class Kind : std::uint8_t { constant, local, pointer, file } kind = Kind::constant;  // file: of the operation, as a pointer
  std::uint64_t constant = 0;                                                               // pointer: number of the declared memory
  std::uint32_t local = 0;
  Scope scope = Scope::binding;  // pointer: whose memory, as in an operand
  std::uint32_t owner = 0;
};

// Where a value comes from: a term, or two of them.
struct Value {
  enum class Op : std::uint8_t { none, plus, minus, bits_and, bits_or } op = Op::none;
  Term left{}, right{};
};

// A comparison of a local with a term; numbers have a sign (errors are negative).
struct Condition {
  enum class Op : std::uint8_t { equal, not_equal, less, greater, at_most, at_least } op = Op::not_equal;
  std::uint32_t local = 0;
  Term right;
};

[[nodiscard]] inline bool holds(Condition::Op op, std::uint64_t left, std::uint64_t right) {
  const auto a = static_cast<std::int64_t>(left), b = static_cast<std::int64_t>(right);
  switch (op) {
    case Condition::Op::equal: return a == b;
    case Condition::Op::not_equal: return a != b;
    case Condition::Op::less: return a < b;
    case Condition::Op::greater: return a > b;
    case Condition::Op::at_most: return a <= b;
    case Condition::Op::at_least: return a >= b;
  }
  return false;
}

// Local variables of one function.
inline constexpr std::size_t max_locals = 32;
inline constexpr std::uint32_t no_local = UINT32_MAX, no_target = UINT32_MAX, no_site = UINT32_MAX;
// Jumps there leave the function.
inline constexpr std::uint32_t end_of_function = UINT32_MAX - 1;

// Where an instruction goes on: `target` is another way in each case, if it has one.
enum class Flow : std::uint8_t {
  on,          // the next instruction
  jump,        // its target alone
  leave,       // it ends the function
  maybe_leave  // or the next
};

struct Instruction {
  Execute execute = nullptr;
  Operand operand, second;  // second: a key of kind `thing`
  Value value, old;         // old: a key of kind `old`
  Condition condition;
  std::uint32_t to = no_local;                             // local that receives the result
  std::uint32_t other = no_local;                          // a second local (an index, ...)
  std::uint32_t target = no_target;                        // where a jump, a refusal or an error goes
  std::uint32_t depth = 0;                                 // number of `use` scopes open at the target
  std::uint32_t function = UINT32_MAX;                     // a function by number
  std::uint32_t site = no_site;                            // number in Program::sites; none: takes no step
  std::uint32_t limit = UINT32_MAX;                        // at_most,
  std::uint64_t refused = 0;                               // and what it answers beyond
  std::uint32_t number = 0;                                // of this instruction among those with a limit
  sim::Duration duration = 0, spread = 0;                  // a time between duration and duration + spread
  std::vector<std::uint64_t> values;                       // what a register read may return
  std::vector<std::pair<std::uint32_t, Value>> arguments;  // of a call: (local there, its value)
  std::uint64_t amount = 0;                                // a key of kind `number` or `words`
  std::uint8_t flags = 0;                                  // verb-specific
  Flow flow = Flow::on;
  bool acts = false;     // driver code has begun to act once it has run
  bool asks = false;     // of a task of user space: something that can be refused (Frame::answer)
  bool sets_up = false;  // of a declaration: the thing may have been used before, and is set up again
  bool named = false;    // of an allocation with a local: it makes the one that its name means, and no other
  int error = 0;         // what it answers where it fails for want of memory; 0: it doesn't
};

struct Function {
  std::string name;
  std::vector<Instruction> code;
  std::uint32_t locals = 0;
  std::uint32_t return_site = no_site;
  std::vector<std::string> local_names;
  bool driver = true;                      // in a module's text; false: code of a task outside any module
  std::uint32_t module = 0;                // which
  std::uint32_t watched = UINT32_MAX;      // number among those that tasks wait for (await_call, await_return)
  bool unused = false;                     // nothing in the file leads to it, in any form
  bool takes_argument = false;             // local 0 is what the file operation was called with
  std::uint32_t binding_local = no_local;  // of a policy, other than hooks: points to what it keeps for the binding
};

struct SiteSpec {
  std::string function, step, verb, source;  // source: "file:line" as the maintainer gave it
  std::string where;                         // "scenario.json:12:7"
  bool driver = true;
};

struct FieldSpec {
  std::string name;
  std::uint64_t initial = 0;
};

// Everything a binding owns, by kind; `allocation` is the memory it is embedded in (UINT32_MAX: none), also of memory in memory.
// Whose registration makes the node of a character device appear; EntitySpec::flags of such a device.
enum class NodeOf : std::uint8_t { cdev, misc, usb };

struct EntitySpec {
  std::string name;    // "priv.lock"
  std::string member;  // "lock"
  std::uint32_t allocation = UINT32_MAX;
  std::vector<FieldSpec> fields;              // allocation
  std::uint32_t function = UINT32_MAX;        // of what calls one: has_function()
  model::Owner owner = model::Owner::driver;  // who ends waits for it
  std::uint8_t flags = 0;                     // of the verb that declares it
  bool from_start = false;                    // allocation: shared memory outside of any driver, or what a policy keeps
  bool of_policy = false;                     // declared by a policy: no source of concurrency of the driver
  bool is_static = false;                     // memory: the module's data
  std::uint32_t module = 0;                   // of the function that declares it
  Scope scope = Scope::binding;               // not device
  // What else the declaration says, by key: numbers (words and flags are bits), functions, things it refers to.
  std::vector<std::pair<std::string_view, std::uint64_t>> numbers;
  std::vector<std::pair<std::string_view, std::uint32_t>> functions;
  std::vector<std::pair<std::string_view, Operand>> things;

  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise = 0) const { return find(numbers, key, otherwise); }
  [[nodiscard]] bool has_number(std::string_view key) const {
    return std::ranges::find(numbers, key, &std::pair<std::string_view, std::uint64_t>::first) != numbers.end();
  }
  // UINT32_MAX: it has none.
  [[nodiscard]] std::uint32_t function_of(std::string_view key) const { return find(functions, key, UINT32_MAX); }
  // Null: it refers to none.
  [[nodiscard]] const Operand* thing(std::string_view key) const {
    const auto found = std::ranges::find(things, key, &std::pair<std::string_view, Operand>::first);
    return found == things.end() ? nullptr : &found->second;
  }

 private:
  template <class T> static T find(const std::vector<std::pair<std::string_view, T>>& list, std::string_view key, T otherwise) {
    for (const auto& [k, v] : list)
      if (k == key) return v;
    return otherwise;
  }
};

// EntitySpec::flags of a cdev: a step of the file makes its node; else somebody has done so by hand.
namespace cdev_flag {
inline constexpr std::uint8_t has_node = 1;
}

// What the declaration of an interrupt says that concerns its line.
namespace irq_key {
inline constexpr std::string_view flags = "flags", shares = "shares", other_drivers = "other_drivers";
}
namespace irq_flag {
inline constexpr std::string_view words = "IRQF_SHARED IRQF_ONESHOT IRQF_NO_AUTOEN IRQF_TRIGGER_HIGH IRQF_TRIGGER_LOW";
inline constexpr std::uint64_t shared = 1, oneshot = 2, no_autoen = 4, level = 8 | 16;
}  // namespace irq_flag

// What a file descriptor of a task is used for: what its file has that others can get at.
struct DescriptorSpec {
  bool counted = false;  // more than one reference: duplicates, mappings, sleeping polls, children
  bool epoll = false;    // added to an epoll
};

struct TaskSpec {
  static constexpr std::uint32_t cpu_elsewhere = UINT32_MAX, cpu_probe = UINT32_MAX - 1, cpu_remove = UINT32_MAX - 2;
  enum class Kind : std::uint8_t { user, hardware, thread } kind = Kind::user;
  std::string name, role;                   // "user.0", "user"
  std::uint32_t function = UINT32_MAX;      // what it does
  std::uint32_t irq = UINT32_MAX;           // hardware that raises this interrupt ...
  std::uint32_t device = 0;                 // ... of this device
  std::uint32_t times = 0;                  // ... at most so often
  std::uint32_t cpu = cpu_elsewhere;        // ... on the CPU of this task, by number, or cpu_probe, cpu_remove
  std::optional<std::uint32_t> enabled_by;  // ... while this register says so, by number among Program::switches
  Operand first_open;                       // what it waits for before it starts: that this can be opened
  std::vector<DescriptorSpec> files;        // file descriptors it uses
  std::uint32_t mappings = 0, epolls = 0;
  bool polls = false;
  std::uint32_t parent = UINT32_MAX;    // the task that forks it: it starts with that one's descriptors and mappings
  std::optional<std::uint64_t> number;  // thread: what its first local starts with
  sim::Duration start_spread = 0;
};
// Descriptors that all tasks share are numbered from here.
inline constexpr std::uint32_t first_shared_descriptor = 0x10000;

// What the final state of threads and shared memory is asked. Threads by number among Program::tasks.
struct FinalTerm {
  enum class Kind : std::uint8_t { constant, local, word } kind = Kind::constant;
  std::uint64_t constant = 0;
  std::uint32_t task = 0, local = 0;        // local
  std::uint32_t allocation = 0, field = 0;  // word
};
struct FinalCondition {
  struct Part {
    Condition::Op op = Condition::Op::equal;
    FinalTerm left, right;
  };
  std::string text;
  std::vector<Part> parts;  // all of them
  std::uint32_t task = 0;   // whose last step a violation is shown at
};
struct FinalState {
  std::vector<FinalTerm> observed;
  std::vector<FinalCondition> forbid, require;
};

// What the administrator, or somebody at the slot, does: as the file says it.
struct RemovalStage {
  enum class Kind : std::uint8_t { unbind, rmmod, insmod, bind, unplug, pci_remove, usb_disconnect, sysfs_write } kind = Kind::unbind;
  std::string target;  // the device or the module; empty: there is one. sysfs_write: the attribute, behind its device if there are several

  // Whether the driver is bound anew by it.
  [[nodiscard]] bool binds() const { return kind == Kind::insmod || kind == Kind::bind; }
  // Whether it is about a module, not a device.
  [[nodiscard]] bool of_module() const { return kind == Kind::rmmod || kind == Kind::insmod; }
  friend bool operator==(const RemovalStage&, const RemovalStage&) = default;
};
// In the order of their kinds.
inline constexpr std::array<std::string_view, 8> removal_words{"unbind", "rmmod",      "insmod",         "bind",
                                                               "unplug", "pci_remove", "usb_disconnect", "sysfs_write"};
[[nodiscard]] std::string name(const RemovalStage& stage);

// The same with everything by number: what is bound at that time is known when the file is compiled.
struct PlannedStage {
  RemovalStage::Kind kind = RemovalStage::Kind::unbind;
  std::uint32_t binding = 0;              // that is unbound, bound or written to; rmmod, insmod: what init() and exit() run for
  std::uint32_t load = 0;                 // rmmod, insmod: number in Program::loads
  std::vector<std::uint32_t> bindings{};  // rmmod: that it unbinds, in that order; insmod: that it binds
  std::uint32_t attribute = UINT32_MAX;   // sysfs_write
  std::uint32_t probed = 0;               // how many devices have to have been probed before it
};

// Who pins what: `fops.owner` as written.
enum class FopsOwner : std::uint8_t { null, module, policy };

// A struct file_operations of the driver.
enum class FileOp : std::uint8_t { open, release, flush, read, write, ioctl, poll, mmap, count };
inline constexpr std::size_t file_ops = static_cast<std::size_t>(FileOp::count);
// As scenario files call them, in that order.
inline constexpr std::array<std::string_view, file_ops> file_op_names{"open",  "release",        "flush", "read",
                                                                      "write", "unlocked_ioctl", "poll",  "mmap"};
struct FopsSpec {
  std::string name;  // empty: the one that is the module's `fops`
  FopsOwner owner = FopsOwner::policy;
  std::uint32_t owning = 0;  // FopsOwner::module: which
  std::uint32_t module = 0;  // in whose text it is
  std::array<std::uint32_t, file_ops> functions = none();

  [[nodiscard]] std::uint32_t of(FileOp op) const { return functions[static_cast<std::size_t>(op)]; }

 private:
  static constexpr std::array<std::uint32_t, file_ops> none() {
    std::array<std::uint32_t, file_ops> a{};
    a.fill(UINT32_MAX);
    return a;
  }
};
// A struct vm_operations_struct.
struct VmOpsSpec {
  std::string name;
  std::uint32_t open = UINT32_MAX, close = UINT32_MAX, fault = UINT32_MAX;
};

// What of the hardware's side of the bus somebody looks at; the rest takes no steps.
struct HardwareSpec {
  bool presence = false;  // it can be gone, or without power
  bool pci = false;       // pci_*()
  struct Register {
    std::uint32_t mapping;
    std::string name;
    std::uint64_t initial;
    Operand doorbell;                    // the DMA engine that a write to it starts or stops; none
    std::optional<std::uint32_t> masks;  // number among Program::switches: a write that arrives masks interrupts, or lets them through
  };
  std::vector<Register> registers;  // with contents
};

struct ModuleSpec {
  std::string name;
  std::uint32_t probe = UINT32_MAX, remove = UINT32_MAX, init = UINT32_MAX, exit = UINT32_MAX, post_unbind = UINT32_MAX;
  std::uint32_t fops = 0;                 // number of its own table
  std::vector<std::uint32_t> dev_groups;  // attributes of the driver itself, which the driver core makes and takes away
  std::vector<std::uint32_t> depends;     // modules whose symbols it uses
  bool data = false;                      // it declares static memory
};

// A device; or what a module does outside of any: its init() and exit().
struct DeviceSpec {
  std::string name;          // empty: the only one
  std::uint32_t module = 0;  // whose driver binds to it
  bool real = true;          // false: it stands for the module alone
  bool added = false;        // by a driver (device_add); else it is there from the start
  bool counted = false;      // a driver takes references on it
  std::uint32_t parent = UINT32_MAX;
  std::vector<std::uint32_t> suppliers{};
};

struct Program {
  std::string scenario;
  model::KernelConfig kernel;
  std::vector<ModuleSpec> modules{1};
  std::vector<DeviceSpec> devices{1};  // what stands for modules alone comes first
  struct Load {
    std::uint32_t module = 0;
    bool from_start = true;  // before the first step
  };
  std::vector<Load> loads{1};  // each time that a module is loaded; the first time of each comes first, as in `modules`
  struct Bound {
    std::uint32_t device = 0, load = 0;
  };
  std::vector<Bound> bindings{1};  // each time that a driver is bound to a device; those from the start come first, as in `devices`
  std::vector<std::vector<std::uint32_t>> whose;  // by device that code runs for: whose thing a name means in it (Scope::table)
  std::vector<bool> puts_modules{false};          // by device: whether its removal, or the module's exit(), may drop references on modules
  std::vector<FopsSpec> fops{1};                  // the first is the first module's own
  std::vector<VmOpsSpec> vm_ops;
  std::uint32_t replacement_fops = UINT32_MAX;  // what replace_fops puts into files
  std::vector<Function> functions;
  std::vector<SiteSpec> sites;
  std::vector<std::vector<EntitySpec>> entities;  // by EntityKind
  std::vector<TaskSpec> tasks;
  bool leaves_tasks_out = false;  // some are there in other members only
  std::vector<RemovalStage> removal;
  std::vector<PlannedStage> stages;                    // beside it
  sim::Duration removal_from = 0, removal_spread = 0;  // under `timed`: when removal starts, after the device is bound
  std::vector<DescriptorSpec> shared_descriptors;
  bool attribute_descriptors = false;  // somebody opens an attribute, or is to be told of a change of one
  HardwareSpec hardware;
  std::uint32_t limits = 0;                   // instructions with at_most
  std::optional<sim::Duration> remove_bound;  // slow-remove above it, under `timed`
  bool has_fence = false;                     // remove() has the policy's half
  bool policy_destroys = false;               // a policy in steps unmaps resources by itself
  bool watch_interrupts = false;              // grace periods wait for handlers (rcu_watch_interrupts)
  bool keventd = false;                       // one thread takes what is on the system's queue, in order
  std::vector<std::string> assertions;        // conditions that steps assert, as written: a violation's object is called so
  std::vector<std::string> switches;          // registers that let devices interrupt: "bar0.IMR"
  std::vector<std::uint32_t> watched;         // functions whose calls tasks wait for
  std::uint32_t shared = UINT32_MAX;          // the allocation whose fields are the shared words
  FinalState final_state;
  // A policy that is written in steps: the functions of its hooks, and the memory that stands for what it keeps (PolicyState). UINT32_MAX:
  // it has no such thing.
  std::array<std::uint32_t, hook_count> hooks = none<hook_count>();
  std::array<std::uint32_t, policy_states> state = none<policy_states>();
  std::vector<const PartKind*> parts;  // what its verbs need of the World, in the order in which they first stand there

  template <std::size_t n> [[nodiscard]] static constexpr std::array<std::uint32_t, n> none() {
    std::array<std::uint32_t, n> a{};
    a.fill(UINT32_MAX);
    return a;
  }
  // Whether there is more than one device and its driver: who is bound when is then looked at in steps of its own.
  [[nodiscard]] bool several() const { return devices.size() > 1 || !devices[0].real; }
  [[nodiscard]] const std::vector<EntitySpec>& of(EntityKind k) const { return entities[static_cast<std::size_t>(k)]; }
};

}  // namespace unplug::scenarios
