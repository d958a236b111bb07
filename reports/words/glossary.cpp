#include "unplug/reports/words/glossary.hpp"

#include <array>

namespace unplug::reports {
namespace {

#define WORD(word, meaning) GlossaryWord{word, meaning},
constexpr std::array glossary_words{
#include "unplug/reports/words/glossary.def"
};
#undef WORD

}  // namespace

std::span<const GlossaryWord> glossary() { return glossary_words; }

}  // namespace unplug::reports
