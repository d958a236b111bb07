// A JSON file that remembers where everything stands.
//
// JSON with // and /* */ comments, and a byte order mark if need be. Parsing never throws at the caller, never recurses (nesting is bounded
// by max_depth, with a message), and reports duplicate keys, NUL bytes, invalid UTF-8, truncated or trailing text with their position.
// Lexing is nlohmann::json's SAX parser; this folder adds positions, duplicate-key detection, pointers and what to say about mistakes.
// "\n", "\r\n" and a lone "\r" end a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "unplug/scenarios/json/diagnostics.hpp"

namespace unplug::scenarios {

class Document;

// A value inside a Document: a cheap handle (pointer and index), valid as long as the Document.
class Node {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, real, string, array, object };

  Node() = default;
  [[nodiscard]] explicit operator bool() const { return doc_ != nullptr; }  // false: "no such member"

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is(Kind k) const { return *this && kind() == k; }
  [[nodiscard]] static std::string_view kind_name(Kind k);  // "an object", "a string", ... for messages

  // Values; the kind must match (an invariant: callers test kind first).
  // A real number has no accessor: no number that reaches a result may be one.
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] std::string_view string() const;

  // Array elements, or object members in file order.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Node at(std::size_t i) const;               // i-th element or member value
  [[nodiscard]] std::string_view key(std::size_t i) const;  // i-th member's key
  [[nodiscard]] Node find(std::string_view key) const;      // member value, or an empty Node; of an object only
  [[nodiscard]] Node key_node(std::size_t i) const;         // stands for the key itself, a string: position() is the key's
  [[nodiscard]] Node key_node(std::string_view key) const;  // the same by name, or an empty Node
  [[nodiscard]] bool is_key() const { return is_key_; }
  [[nodiscard]] Node value() const { return {doc_, index_, false}; }  // of a key: what stands behind it; else the node itself

  [[nodiscard]] Position position() const;
  [[nodiscard]] std::string pointer() const;                 // RFC 6901
  [[nodiscard]] std::uint32_t id() const { return index_; }  // unique inside the document, ascending in the text; a key has its value's

  // Reports about this node. `expected` and `nearest` may be empty.
  void error(Diagnostics& out, std::string message, std::string expected = {}, std::string nearest = {},
             std::optional<Position> earlier = {}) const;
  void warning(Diagnostics& out, std::string message, std::string expected = {}, std::string nearest = {}) const;

 private:
  friend class Document;
  [[nodiscard]] std::size_t offset() const;  // in the text
  [[nodiscard]] Diagnostic diagnostic(Diagnostic::Severity severity, std::string message, std::string expected, std::string nearest) const;
  Node(const Document* doc, std::uint32_t index, bool is_key) : doc_(doc), index_(index), is_key_(is_key) {}
  const Document* doc_ = nullptr;
  std::uint32_t index_ = 0;
  bool is_key_ = false;
};

class Document {
 public:
  static constexpr std::uint32_t max_depth = 200;
  static constexpr std::size_t max_bytes = std::size_t{64} << 20;
  static constexpr std::size_t max_values = 1'000'000;  // bounds what a dense file ("[{},{},...") takes as nlohmann::json
  static constexpr std::size_t max_key = 1000;          // bytes; every message carries the keys of its pointer

  // Reads `path` ("-": standard input, called "<stdin>"). On failure reports to `out` and returns null; never throws. A document that is
  // returned had no error; where possible (duplicate keys, integers out of range) many are reported before null is.
  static std::unique_ptr<Document> load(const std::string& path, Diagnostics& out);
  // Parses `text`; `name` stands where messages name the file.
  static std::unique_ptr<Document> parse(std::string text, std::string name, Diagnostics& out);

  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  [[nodiscard]] Node root() const;
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& text() const;               // as read, comments included
  [[nodiscard]] Node resolve(std::string_view pointer) const;  // RFC 6901, or an empty Node
  [[nodiscard]] std::size_t values() const;                    // how many there are, the root among them
  [[nodiscard]] nlohmann::json to_json() const;                // a plain copy, for the schema validator

 private:
  friend class Node;
  struct Impl;
  Document();
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::size_t max_checked_string = 1000;  // bytes; a third of what overflows 8 MiB of stack with sanitizers

// Reports strings that are longer than that, and returns whether there were none.
bool check_string_lengths(const Document& doc, Diagnostics& out);

// Checks `doc` against a draft-07 schema (text of the schema file, comments allowed) with valijson; reports each failure at the node it
// concerns, and of the branches of anyOf or oneOf only the one that was most likely meant. Returns true if it conforms. An unusable
// schema is an internal error (std::logic_error).
//
// For those who write schemas: where a subschema has a "title", that is what messages say they expected, so make it a phrase such as
// "a duration like \"10ms\"". valijson tries the branches of anyOf and oneOf in full, one after the other: a grammar that nests through
// more than one branch takes time exponential in the depth, so tell branches apart with if/then, or let only one recurse. "pattern" is
// std::regex, which recurses over the string: strings longer than max_checked_string are refused, and a pattern must not nest its
// quantifiers ("(a+)+").
bool check_schema(const Document& doc, std::string_view schema_text, Diagnostics& out);

}  // namespace unplug::scenarios
