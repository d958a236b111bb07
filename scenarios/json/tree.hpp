// The values of a JSON text as a flat table in the order of the text, and the pass that fills it. Nothing here recurses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unplug/scenarios/json/diagnostics.hpp"
#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/json/text_map.hpp"

namespace unplug::scenarios {

struct Tree {
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  // 20 bytes, because "[0,0,0,...]" needs one for every two bytes of text.
  struct Value {
    std::uint32_t offset : 28, kind : 4;
    std::uint32_t parent;  // value, or none for the root
    std::uint32_t key;     // in keys, or none outside objects
    std::uint32_t low;     // containers: first of `children`; strings: begin in `strings`; otherwise half of the bits
    std::uint32_t high;    // containers: how many; strings: bytes; otherwise the other half
  };
  struct Key {
    std::uint32_t offset, begin, length;  // where it stands in the text, and its decoded form in `strings`
  };

  std::vector<Value> values;
  std::vector<Key> keys;
  std::vector<std::uint32_t> children;  // each container's, in order
  std::string strings;                  // decoded

  // Members of large objects in the order of their keys, for find().
  std::vector<std::uint32_t> sorted;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sorted_at;  // (object, first of its run), ascending

  [[nodiscard]] Node::Kind kind(std::uint32_t value) const { return static_cast<Node::Kind>(values[value].kind); }
  [[nodiscard]] bool is_container(std::uint32_t value) const { return kind(value) >= Node::Kind::array; }
  [[nodiscard]] std::string_view string(std::uint32_t value) const;
  [[nodiscard]] std::string_view text_of(const Key& key) const;
  [[nodiscard]] std::string_view key(std::uint32_t value) const;
  [[nodiscard]] std::uint64_t bits(std::uint32_t value) const;  // of a scalar
  [[nodiscard]] std::span<const std::uint32_t> children_of(std::uint32_t value) const;
  [[nodiscard]] std::uint32_t member(std::uint32_t object, std::string_view key) const;  // or none
  [[nodiscard]] std::string pointer(std::uint32_t value) const;
};

// Where a parse stands, for the message about what stopped it.
struct ParseState {
  enum class After { nothing, open_object, open_array, key, value };
  After after = After::nothing;
  std::size_t end = 0;              // past the last token that became part of the tree
  std::vector<std::uint32_t> open;  // containers, outermost first; until they are closed, Value::high counts what they hold
  std::uint32_t key = Tree::none;   // the one that waits for its value
};

// Past white space and comments; at a "/" that does not start a comment which also ends.
[[nodiscard]] std::size_t skip_blank(std::string_view text, std::size_t at);

// Past the longest JSON number that begins there; `at` itself if none does.
[[nodiscard]] std::size_t skip_number(std::string_view text, std::size_t at);

// The segment of an RFC 6901 pointer for a key, with its "/".
[[nodiscard]] std::string pointer_segment(std::string_view key);

// The pointer of the place that `state` has reached: of what comes next, of the innermost open container, or of the scalar just read.
enum class Reached { next, container, last };
[[nodiscard]] std::string pointer_of(const Tree& tree, const ParseState& state, Reached reached);

// What an integer must be, for messages.
[[nodiscard]] std::string integer_range();

// Fills `tree`. Reports whatever is wrong to `out` and returns whether nothing was.
[[nodiscard]] bool parse_tree(const TextMap& source, Tree& tree, Diagnostics& out);

// What is wrong with the text where a parse stopped.
[[nodiscard]] Diagnostic explain_syntax_error(const TextMap& source, const Tree& tree, const ParseState& state);

}  // namespace unplug::scenarios
