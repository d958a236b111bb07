// The steps of one function, from JSON to instructions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {

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
  // A step's verb, what it works on, and where the verb stands.
  struct Words {
    const Verb* verb;
    Node operand, where;
  };
  // None: it has no verb, or more than one; that has been reported.
  std::optional<Words> words_of(Node n);
  // Whether the verb may stand here, and like this; if not, it has been reported.
  bool may_be_step(Node n, const Words& words);
  // Where it is: the step id, the maintainer's line.
  void begin_site(Node n, const Words& words);
  void check_step_keys(Node n, const Words& words);
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
