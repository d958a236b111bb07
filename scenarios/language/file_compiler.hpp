// From JSON to Program: names resolved, parameters substituted, forms chosen, everything checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/file/roster.hpp"
#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/language/entities.hpp"
#include "unplug/scenarios/language/homes.hpp"
#include "unplug/scenarios/language/reader.hpp"
#include "unplug/scenarios/language/variant.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

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

}  // namespace unplug::scenarios
