// The verbs of the scenario language: one table from which the compiler, `unplug list verbs` and the messages about mistakes are made.
//
// A verb is the kernel function's own name. Adding one: an entry in a file of verbs/ (or a new file there and a line in
// verbs/registry.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

class FunctionCompiler;

// What stands as the verb's value.
enum class OperandKind : std::uint8_t {
  none,         // null, or the verb as a bare string
  entity,       // a declared thing of Verb::entity: "priv.lock", "p.lock"
  declaration,  // declares a thing of Verb::entity
  field,        // "priv.dead", "p.dead", "file.private_data"
  reg,          // a register: "bar0.CTRL"
  local,        // a local variable
  memory,       // declared memory, or a local that points to some
  function,     // a function of the file
  duration,     // "10ms", "1ms..5ms"
  module,       // a module of the file; null, or the verb as a bare string: the one that the function is in
  custom        // the verb's own compile function reads it: a scalar, called Verb::takes in forms
};

// What another key of the step means. Each fills one field of the instruction.
enum class KeyKind : std::uint8_t {
  to,         // local that receives the result
  local,      // a local that is read: Instruction::other
  value,      // integer, local, or the name of declared memory
  function,   // a function of the file
  otherwise,  // label, or steps: where an error or a refusal goes
  old,        // the same as value: Instruction::old
  fields,     // object: names and initial values
  members,    // object: what is embedded in memory besides its fields
  registers,  // object: names and the values a read may return
  owner,      // who can end a wait
  at_most,    // positive integer
  refused,    // what the step answers beyond that: an error by its name, or an integer
  number,     // integer from 0: Instruction::amount, or EntitySpec::numbers of a declaration
  words,      // a word or words out of KeySpec::choices, as bits: likewise
  thing,      // a declared thing of KeySpec::entity: Instruction::second, or EntitySpec::things
  fops,       // a table of file operations: EntitySpec::numbers
  arguments,  // object: locals of the function called, and values
  duration,   // "10ms", "1ms..5ms": Instruction::duration and ::spread
  custom      // read by the verb's own compile function: "do" holds steps, "else" a label or steps, all others a scalar
};

struct KeySpec {
  std::string_view name;
  KeyKind kind;
  bool required;
  std::string_view meaning;
  EntityKind entity = EntityKind::none;  // thing
  std::string_view choices = {};         // words, separated by spaces, in the order of their bits
};

// Where a verb may stand.
enum class Where : std::uint8_t {
  module,   // in functions of the driver
  driver,   // there, in threads and in policies
  thread,   // in threads
  policy,   // in policies
  task,     // in tasks of user space
  outside,  // in threads and in tasks
  anywhere  // in all of these
};
// What a piece of code is.
enum class CodeKind : std::uint8_t { driver, thread, task, policy };
[[nodiscard]] bool may_stand(Where place, CodeKind code);

// What a verb does to the lock it names.
enum class LockEffect : std::uint8_t { none, takes, releases };

struct Verb {
  std::string_view name;
  std::string_view alias_of;  // an old name; all else is taken from that verb
  OperandKind operand = OperandKind::none;
  EntityKind entity = EntityKind::none;
  Execute execute = nullptr;
  std::vector<KeySpec> keys;
  Where place = Where::driver;
  bool sets_up = false;  // a declaration that takes a step where the thing may have been used before (set_up.hpp)
  bool acts = true;      // the operation has begun to act once it has run (a refusal after it is torn)
  bool asks = false;     // of tasks of user space: asks for something that can be refused; what it was answered is told (Frame::answer)
  // Of a declaration: the key with which it is none, but works on a thing of another kind.
  std::string_view declares_unless = {};
  bool joins = false;                  // of a declaration: the thing may be declared by another such verb as well (memory regions)
  std::uint8_t flags = 0;              // handed to the instruction
  LockEffect lock = LockEffect::none;  // a lock that is refused ("else") is not taken
  const PartKind* part = nullptr;      // what the World needs for it
  int refused = 0;                     // what it answers beyond its "at_most"
  int error = 0;                       // a call that may fail for want of memory, and what it answers then
  std::string_view models;             // kernel function and version
  std::string_view leaves_out;
  std::string_view summary;  // one line
  std::string_view takes;    // what a custom operand is, in forms: "CONDITION"
  std::string_view family;   // the word of its line in verbs/registry.cpp, which sets it
  // Compiles a verb that is more than one instruction. `operand` is the verb's value.
  void (*compile)(FunctionCompiler& c, const Verb& verb, Node step, Node operand) = nullptr;
};

// All verbs, in the order of documentation.
[[nodiscard]] std::span<const Verb> verbs();
// The verb of that name, aliases resolved; null if there is none. `canonical` keeps the alias's target.
[[nodiscard]] const Verb* find_verb(std::string_view name);
[[nodiscard]] std::vector<std::string> verb_names(CodeKind code);
// What a jump executes that closes no loop, around a block: it leaves the scopes that were entered deeper than its own.
[[nodiscard]] Execute plain_jump();

}  // namespace unplug::scenarios
