// What stands at the places of a step, as people and editors are told it: derived from the kinds of operands and keys in the verb table, so
// that forms, hover texts, the published schema and the reference follow the table by themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {

struct Shape {
  std::string placeholder;        // in forms: "MUTEX"
  std::string meaning;            // one line, no full stop
  nlohmann::ordered_json schema;  // draft-07; refers to #/definitions/steps for nested steps
  nlohmann::ordered_json sample;  // a value that conforms
};

// What stands as the verb's value.
[[nodiscard]] Shape operand_shape(const Verb& verb);
// What stands as a key's value. Its meaning is the key's own and not repeated here.
[[nodiscard]] Shape key_shape(const KeySpec& key);

// The keys that every step may carry.
struct CommonKey {
  std::string_view name, meaning;
  nlohmann::ordered_json schema;
};
[[nodiscard]] const std::vector<CommonKey>& common_keys();

// How a step with that verb is written, required keys first: {"mutex_trylock": MUTEX, ["to": LOCAL], ["else": LABEL or STEPS]}. A verb
// without operand and required keys may be a bare string.
[[nodiscard]] std::string form(const Verb& verb);
// Whether a step may be the verb's name as a bare string.
[[nodiscard]] bool may_be_bare(const Verb& verb);
// A step with the operand and the required keys only; its names stand for nothing.
[[nodiscard]] nlohmann::ordered_json minimal_step(const Verb& verb);
// Where the verb may stand, in words.
[[nodiscard]] std::string_view place_words(Where place);
// "delayed work"
[[nodiscard]] std::string family_words(std::string_view family);
// The other names of a verb.
[[nodiscard]] std::vector<std::string> aliases(const Verb& verb);
// Whether `key` is a key of that verb's list.
[[nodiscard]] bool takes_key(const Verb& verb, std::string_view key);

}  // namespace unplug::scenarios
