// The things that a variant declares, by name.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

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
  std::vector<std::string> defaults_taken;                   // what the file leaves open and the language decides
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

}  // namespace unplug::scenarios
