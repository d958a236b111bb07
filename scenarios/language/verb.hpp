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
#include "unplug/scenarios/program.hpp"

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
  function,     // a function of the file
  duration,     // "10ms", "1ms..5ms"
  custom        // the verb's own compile function reads it: a scalar, called Verb::takes in forms
};

// What another key of the step means. Each fills one field of the instruction.
enum class KeyKind : std::uint8_t {
  to,         // local that receives the result
  local,      // a local that is read: Instruction::other
  value,      // integer, local, or the name of declared memory
  function,   // a function of the file
  otherwise,  // label, or steps: where an error or a refusal goes
  fields,     // object: names and initial values
  registers,  // object: names and the values a read may return
  owner,      // who can end a wait
  at_most,    // positive integer
  duration,   // "10ms", "1ms..5ms": Instruction::duration and ::spread
  custom      // read by the verb's own compile function: "do" holds steps, "else" a label or steps, all others a scalar
};

struct KeySpec {
  std::string_view name;
  KeyKind kind;
  bool required;
  std::string_view meaning;
};

// Where a verb may stand.
enum class Where : std::uint8_t { driver, task, anywhere };

struct Verb {
  std::string_view name;
  std::string_view alias_of;  // an old name; all else is taken from that verb
  OperandKind operand = OperandKind::none;
  EntityKind entity = EntityKind::none;
  Execute execute = nullptr;
  std::vector<KeySpec> keys;
  Where place = Where::driver;
  bool acts = true;         // the operation has begun to act once it has run (a refusal after it is torn)
  std::uint8_t flags = 0;   // handed to the instruction
  std::string_view models;  // kernel function and version
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
[[nodiscard]] std::vector<std::string> verb_names(Where place);

}  // namespace unplug::scenarios
