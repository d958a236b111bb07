// What the words of a report mean: one table, glossary.def.
#pragma once

#include <span>
#include <string_view>

namespace unplug::reports {

struct GlossaryWord {
  std::string_view word, meaning;
};
// All of them, in the order of the alphabet.
[[nodiscard]] std::span<const GlossaryWord> glossary();

}  // namespace unplug::reports
