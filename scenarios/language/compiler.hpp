// From JSON to Program: names resolved, parameters substituted, forms chosen, everything checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/file/roster.hpp"
#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/language/homes.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// "250us", "10ms", "2s", "5ns": whole numbers. None if it is nothing of the kind.
[[nodiscard]] std::optional<sim::Duration> parse_duration(std::string_view text);

// The words of "x == 1": what stands between spaces.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
// "12", "-5". None if it is nothing of the kind.
[[nodiscard]] std::optional<std::uint64_t> number_word(std::string_view word);
[[nodiscard]] std::optional<Condition::Op> comparison(std::string_view symbol);

// The values of one member's parameters, by name.
using Parameters = std::map<std::string, Node>;

// By node: the step, and whether some way leads to it.
using Reached = std::map<std::uint32_t, std::pair<Node, bool>>;

// What is fixed for one compilation.
struct Variant {
  Parameters parameters;
  std::string form;  // empty: the file has no forms
  std::vector<RemovalStage> removal;
  std::size_t* work = nullptr;                      // steps and words compiled so far, of all variants
  Reached* reached = nullptr;                       // steps that some schedule can reach, of all variants
  const std::vector<std::string>* forms = nullptr;  // all that the file has
};

// Of a file: repeats unrolled, all variants together. Of a variant: tasks and threads; functions that call each other (their stack).
inline constexpr std::size_t most_work = 20'000, most_variants = 1000, most_tasks = 1000, deepest_calls = 10;

// Reads values with "$name" substituted; reports what is of the wrong kind.
class Reader {
 public:
  Reader(const Parameters& parameters, Diagnostics& out) : parameters_(&parameters), out_(&out) {}
  [[nodiscard]] Diagnostics& out() const { return *out_; }

  // The node itself, or what its whole-string "$name" stands for.
  [[nodiscard]] Node value(Node n) const;
  // A string in which every "$name" is replaced. None (and an error) if it is no string or names an unknown parameter.
  [[nodiscard]] std::optional<std::string> text(Node n, std::string_view expected) const;
  [[nodiscard]] std::optional<std::int64_t> integer(Node n, std::int64_t least, std::int64_t most, std::string_view expected) const;
  [[nodiscard]] std::optional<bool> boolean(Node n, std::string_view expected) const;
  // "250us", "10ms", "2s", "5ns".
  [[nodiscard]] std::optional<sim::Duration> duration(Node n) const;
  // A duration or "1ms..5ms": least and width.
  [[nodiscard]] std::optional<std::pair<sim::Duration, sim::Duration>> duration_range(Node n) const;

  // Loop variables of repeats, innermost last.
  std::vector<std::pair<std::string, std::int64_t>> loops;

 private:
  [[nodiscard]] std::optional<std::string> lookup(std::string_view name, Node at) const;
  // Reports that `v`, for which `n` stands, is of the wrong type.
  void wrong(Node n, Node v, std::string_view expected) const;
  const Parameters* parameters_;
  Diagnostics* out_;
};

// The declared things of a variant, gathered before any function is compiled.
struct Entities {
  struct Entry {
    EntityKind kind;
    std::uint32_t index;
    Position at;
    std::string_view verb{};       // that declared it
    Scope scope = Scope::binding;  // world: a device of the file; its number is one in Program::devices
    Node step{};                   // that declares it
  };
  std::map<std::string, Entry> by_name;
  std::vector<std::vector<EntitySpec>> specs{entity_kinds};
  struct Register {
    std::vector<std::uint64_t> values;  // that reading it may return
    std::uint32_t contents = 0;         // its number in Program::hardware, plus one; 0: it has none
  };
  std::vector<std::map<std::string, Register>> registers;    // by mapping
  std::vector<Node> refusals_without_path;                   // `use` steps without an else
  std::vector<std::string> defaults_taken;                   // rule 4: what the file leaves open
  std::map<std::string, std::vector<std::string>> in_forms;  // names that steps of other forms declare: which
  // Words of steps that were reported as wrong. What such a step would have made is missing elsewhere; that is not said again.
  std::set<std::string, std::less<>> lost;
};

// "form 'old'", "forms 'old' and 'new'"
[[nodiscard]] std::string forms_text(std::span<const std::string> forms);

// "one that INIT_WORK declares"
[[nodiscard]] std::string declared_by(EntityKind kind);
// Reports that `name` is no thing of that kind: what it is instead, or which there are. `by_local`: a local that it was looked for behind.
// `rest`: what stands after the name.
void no_such_thing(const Entities& entities, Diagnostics& out, Node at, const std::string& name, EntityKind kind,
                   std::string_view by_local = {}, std::string_view rest = {});

class FunctionCompiler;

class FileCompiler {
 public:
  FileCompiler(const Document& document, const Variant& variant, Diagnostics& out);
  // Null if anything is wrong; then it has been reported.
  std::shared_ptr<Program> compile(const PolicyFile& policy);
  [[nodiscard]] const std::vector<std::string>& defaults_taken() const { return entities_.defaults_taken; }
  [[nodiscard]] const std::vector<Node>& refusals_without_path() const { return entities_.refusals_without_path; }

 private:
  friend class FunctionCompiler;
  void compile_hooks(const PolicyFile& policy);
  std::uint32_t compile_hook(Hook hook, Node n);
  void declare_policy_state(Node root);
  void read_kernel();
  void read_modules();
  void read_module(std::uint32_t number);
  // Devices, loadings, bindings and stages by number: plan.cpp.
  void make_devices();
  void plan();
  void plan_stage(const RemovalStage& stage, std::vector<std::uint32_t>& current, std::vector<std::uint32_t>& loads);
  // Whose thing each name means: names.cpp.
  void find_homes();
  void find_scopes();
  void set_scopes();
  // Devices that a driver is bound to once at most.
  [[nodiscard]] DeviceSet once() const;
  // What code that runs for `devices` means by a thing of `homes`; none: that isn't clear.
  struct Whose {
    Scope scope = Scope::binding;
    std::uint32_t owner = 0;
  };
  std::optional<Whose> whose(const DeviceSet& homes, const DeviceSet& devices, const DeviceSet& once);
  void of_which(Node at, const std::string& name, const DeviceSet& homes) const;
  // Of a name in a task: the device, or the module, before the slash is taken off.
  std::optional<std::uint32_t> take_owner(std::string& text) const;
  // The same; without one, whose thing it must be. false: that isn't clear, which has been reported.
  bool owner_of(std::string& text, EntityKind kind, Node at, Operand& into) const;
  void list_functions(Node functions);
  // The functions that something leads to: in this variant, or in any: live.cpp.
  [[nodiscard]] std::set<std::string> led_to(bool here) const;
  void declare(Node steps);
  void declare_step(Node step);
  void declare_one(const Verb& verb, Node step, Node operand);
  // Keys whose meaning is fixed: fields, owner.
  void declare_common(const Verb& verb, Node step, EntitySpec& spec);
  void declare_keys(const Verb& verb, Node step, EntitySpec& spec, std::uint32_t index);
  // What the module declares static.
  void declare_static();
  void declare_static(Node variables);
  void declare_fields(Node fields, EntitySpec& spec);
  // What is embedded in memory number `allocation`, called `base`: {"rcu": "rcu_head", "clock": {"fields": ..., "members": ...}}.
  void declare_members(Node members, const std::string& base, std::uint32_t allocation);
  // What a key of kind `words` says: bits by the order of the choices.
  [[nodiscard]] std::uint64_t word_bits(const KeySpec& key, Node n) const;
  // Who a word says ends a wait.
  [[nodiscard]] std::optional<model::Owner> owner(Node n) const;
  // Locals that calls in `steps` give to functions.
  void find_parameters(Node steps);
  // The tables of operations and the attributes of the driver itself, before anything refers to them: file_tables.cpp.
  void list_tables();
  void read_tables();
  void list_module_tables(std::uint32_t module);
  void read_operations(Node table, std::string_view what, FopsSpec& into);
  void read_fops_owner(Node owner, FopsSpec& into);
  // What a module says under a key; nothing if it says nothing.
  [[nodiscard]] Node of_module(std::uint32_t number, std::string_view key) const;
  std::optional<std::uint32_t> table(Node n, std::string_view what, const std::vector<std::string>& names);
  void read_registers(Node regs, std::uint32_t mapping);
  void read_register(Node contents, std::uint32_t mapping, const std::string& name);
  void check_removal();
  void read_run();
  void find_switches();
  void read_shared_descriptors(Node shared);
  // Whether this member has that task or thread.
  bool takes_part(Node task);
  void read_task(const std::string& name, Node task);
  void read_cpus(Node tasks);
  std::uint32_t forked_by(Node parent, FunctionCompiler& child);
  void resolve_forks();
  void read_thread(const std::string& name, Node thread);
  void read_final();
  FinalCondition final_condition(Node n);
  std::optional<FinalTerm> final_term(const std::string& word, Node at);
  void declare_shared();
  void declare_shared_thing(const std::string& name, Node n);
  // The pointer that a name at `at` stands for, when all shared memory is known. None, and reported, if there is no such memory.
  [[nodiscard]] std::optional<std::uint64_t> shared_pointer(Node at) const;
  [[nodiscard]] bool in_form(Node step) const;
  void lose(Node step);
  // One more step or word; false, with a message the first time, if there are too many.
  bool take(Node at);
  void add_tasks(TaskSpec spec, const std::string& name, std::int64_t count, bool numbered, Node at);
  void check_calls();
  std::optional<std::uint32_t> function(Node n);
  std::optional<std::uint32_t> module(Node n);

  const Document& document_;
  const Document* source_ = nullptr;  // whose functions are being compiled: the scenario, then its policy
  const Variant& variant_;
  Reader reader_;
  Entities entities_;
  std::shared_ptr<Program> program_;
  Roster roster_;
  std::uint32_t module_ = 0;          // whose declarations are being read,
  std::uint32_t maker_ = UINT32_MAX;  // and by number the function that they stand in
  std::vector<Maker> makers_;
  Homes homes_;                                  // where there are several devices
  std::vector<std::uint32_t> function_modules_;  // by number among function_names_
  std::vector<std::uint32_t> real_devices_;      // by number in the roster: number in the program
  std::map<std::string, std::uint32_t> function_numbers_;
  std::vector<std::string> function_names_;
  std::size_t first_function_ = 0;  // number of the first of them in the program
  std::map<std::string, Node> function_nodes_;
  std::map<std::string, std::vector<std::string>> parameters_;  // of functions, in the order in which calls name them
  struct Reference {                                            // of a declaration to another thing, looked up when all are known
    EntityKind kind;
    std::uint32_t index;
    std::string_view key;
    EntityKind to;
    Node at;
  };
  std::vector<Reference> references_;
  struct FirstPointer {  // a field of shared memory that points to other shared memory from the start
    std::string memory;
    std::uint32_t field;
    Node to;
  };
  std::vector<FirstPointer> first_pointers_;
  std::vector<Node> site_nodes_;                      // beside Program::sites: the steps
  std::vector<std::map<std::uint32_t, Node>> calls_;  // by function: whom it calls, where it first does
  void resolve_references();
  std::vector<std::string> fops_names_, vm_ops_names_;     // by number in Program
  std::vector<std::pair<std::uint32_t, Node>> doorbells_;  // (register in Program::hardware, the name of its engine)
  std::map<std::string, std::uint32_t> shared_;            // descriptors that all tasks share
  std::set<std::uint32_t> shared_opened_;
  struct Fork {
    std::uint32_t parent, function, instruction;  // parent: number of the task; UINT32_MAX until it is known
    std::string child;
    Node at;
  };
  std::vector<Fork> forks_;
  std::map<std::string, std::pair<std::map<std::string, std::uint32_t>, std::map<std::string, std::uint32_t>>>
      task_names_;  // by task: its descriptors, its mappings
};

// Names of a task's own, numbered in the order of their first use.
class Slots {
 public:
  Slots(std::string_view what, std::string_view made_by) : what_(what), made_by_(made_by) {}
  // The number of the name that stands at `n`; a new one if `create`, else an error with the nearest name and 0.
  std::uint32_t number(FunctionCompiler& c, Node n, bool create);
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(names.size()); }
  std::map<std::string, std::uint32_t> names;

 private:
  std::string_view what_, made_by_;
};

// Compiles the steps of one function. Verbs with a compile function of their own use the public part.
class FunctionCompiler {
 public:
  FunctionCompiler(FileCompiler& file, std::string name, CodeKind code);
  // Compiles `steps` as the body and appends the function to the program; answers its number, or the reserved one.
  std::uint32_t run(Node steps, std::optional<std::uint32_t> number);

  [[nodiscard]] Reader& reader() { return file_.reader_; }
  [[nodiscard]] Diagnostics& out() { return file_.reader_.out(); }
  [[nodiscard]] FileCompiler& file() { return file_; }
  [[nodiscard]] Entities& entities() { return file_.entities_; }
  [[nodiscard]] Program& program() { return *file_.program_; }

  void steps(Node list);
  // A verb that is one instruction: its operand and its keys as the table says.
  void generic(const Verb& verb, Node step, Node operand);
  // Appends an instruction; answers its index.
  std::uint32_t emit(Instruction i);
  [[nodiscard]] Instruction& at(std::uint32_t index) { return function_.code[index]; }
  [[nodiscard]] std::uint32_t here() const { return static_cast<std::uint32_t>(function_.code.size()); }
  // The site of the step being compiled; a new one for each step.
  [[nodiscard]] std::uint32_t site() const { return site_; }

  // A local by name: made if `create`, else an error with the nearest name and no_local.
  std::uint32_t local(Node n, bool create);
  std::uint32_t local_named(const std::string& name, bool create);
  [[nodiscard]] bool has_local(const std::string& name) const { return locals_.contains(name); }
  // An operand of the kind, by name; reports what is wrong with it.
  std::optional<Operand> entity(Node n, EntityKind kind);
  // A declared thing of one of several kinds.
  std::optional<Operand> entity_of(Node n, std::initializer_list<EntityKind> kinds);
  std::optional<Operand> field(Node n);
  std::optional<Operand> field_named(const std::string& text, Node at);
  // Whether it speaks of what a policy keeps for a resource or a file in a function that isn't given it; then that has been reported.
  bool policy_state_elsewhere(const std::string& text, Node at);
  std::optional<Operand> memory(Node n);
  // Numbers of tables of operations.
  std::optional<std::uint32_t> fops(Node n);
  std::optional<std::uint32_t> vm_ops(Node n);
  std::uint64_t words(const KeySpec& key, Node n) const { return file_.word_bits(key, n); }
  std::optional<model::Owner> owner(Node n) const { return file_.owner(n); }
  std::optional<Value> value(Node n);
  std::optional<Condition> condition(Node n);
  std::optional<Term> term(const std::string& word);  // quietly
  std::optional<std::uint32_t> function(Node n) { return file_.function(n); }
  // A device of the file, by number in Program::devices; null: the only one.
  std::optional<std::uint32_t> device(Node n);

  // Jumps: `index`'s target becomes the label. Resolved at the end of the function.
  void jump_to(std::uint32_t index, Node label);
  void define_label(Node label);
  // `else`: a label, a list of steps or {"return": ...}. The instruction `index` goes there; code for steps is placed at the end.
  void otherwise(std::uint32_t index, Node n);
  // Scopes of `use`.
  void enter_scope() { ++depth_; }
  void leave_scope() { --depth_; }
  [[nodiscard]] std::uint32_t depth() const { return depth_; }
  // The steps of a condition, between these two: nothing leads out of them.
  void enter_condition() { ++conditions_; }
  void leave_condition() { --conditions_; }
  // Whether the function can be left, or jumped about in, from here; if not, `at` is told.
  bool may_jump(Node at);

  // Tasks outside the driver: file descriptors by name, the task's own or shared (first_shared_descriptor). `use` is added to what is known
  // of what it is used for.
  std::uint32_t descriptor(Node n, const DescriptorSpec& use);
  // One that a step opens.
  std::uint32_t opened(Node n);
  // A copy: what is done with it, is done with the file of the other.
  void copied(std::uint32_t from, std::uint32_t to) { copies_.emplace_back(from, to); }
  // What each descriptor of the task's own is used for.
  [[nodiscard]] std::vector<DescriptorSpec> descriptors();
  // Instruction `index` starts the task called `child`.
  void forks(const std::string& child, std::uint32_t index, Node at);
  Slots files{"file descriptor", "an \"open\" of this task"}, mappings{"mapping", "an \"mmap\" of this task"},
      epolls{"epoll", "an \"epoll_ctl_add\" of this task"};
  bool polls = false;
  Operand first_open;  // what the first open opens

  [[nodiscard]] CodeKind code() const { return code_; }

 private:
  // "a[i]" with an array of shared words and a local; `open`: where its bracket is. Reports what is wrong with it.
  std::optional<Operand> element(const std::string& text, std::size_t open, Node at);
  bool is_array(const std::string& name);
  void step(Node n);
  // Reports the word at `n`, which begins no step.
  void unknown_verb(Node n);
  // Of a step that could not be understood: what is inside it is looked at all the same.
  void abandon(Node n);
  void arguments(Node n, std::uint32_t index);
  std::optional<std::uint64_t> read_refused(Node n);
  bool read_key(const Verb& verb, const KeySpec& key, Node value, std::uint32_t index);
  void finish();

  FileCompiler& file_;
  CodeKind code_;
  Function function_;
  std::map<std::string, std::uint32_t> locals_;
  std::map<std::string, std::uint32_t> ordinals_;  // of verbs, for step ids
  std::map<std::string, Node> step_ids_;
  struct Label {
    std::uint32_t target, depth;
    Position at;
  };
  std::map<std::string, Label> labels_;
  struct Jump {
    std::uint32_t from;
    std::string label;
    Node at;
    std::uint32_t depth;
  };
  std::vector<Jump> jumps_;
  struct Block {
    std::uint32_t from, depth;
    Node steps;
    std::uint32_t resume;
  };
  std::vector<Block> blocks_;  // `else` blocks, placed behind the function's body
  std::vector<DescriptorSpec> descriptors_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> copies_;  // (from, to)
  std::uint32_t depth_ = 0, site_ = no_site, conditions_ = 0;
  bool asks_ = false;  // the verb of the step being compiled
};

}  // namespace unplug::scenarios
