// What to say about a text that is not JSON. The library says where it stopped; this looks at the text again from the last token that
// was right, with the eyes of the person who typed it.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "unplug/scenarios/json/tree.hpp"

namespace unplug::scenarios {

namespace {

using After = ParseState::After;

constexpr std::string_view a_number = "a decimal number such as 10, -3 or 2.5, or text in double quotes";

class Explainer {
 public:
  Explainer(const TextMap& source, const Tree& tree, const ParseState& state)
      : source_(source), tree_(tree), state_(state), text_(source.text()), in_array_(!state.open.empty() && innermost_is_array()) {}

  Diagnostic explain() {
    at_ = skip_blank(text_, state_.end);
    switch (state_.after) {
      case After::nothing: return bad_value("a value");
      case After::open_object: return bad_key("a key in double quotes, or '}'");
      case After::open_array: return bad_value("a value, or ']'");
      case After::key:
        if (!found(':')) return bad_colon();
        at_ = skip_blank(text_, at_ + 1);
        return bad_value("a value");
      case After::value: break;
    }
    if (state_.open.empty()) return trailing_text();
    if (!found(',')) return bad_comma();
    comma_ = at_;
    at_ = skip_blank(text_, at_ + 1);
    return in_array_ ? bad_value("a value") : bad_key("a key in double quotes");
  }

 private:
  [[nodiscard]] bool innermost_is_array() const { return tree_.kind(state_.open.back()) == Node::Kind::array; }
  [[nodiscard]] bool found(char c) const { return at_ < text_.size() && text_[at_] == c; }
  [[nodiscard]] bool found_any(std::string_view set) const { return at_ < text_.size() && set.find(text_[at_]) != std::string_view::npos; }
  [[nodiscard]] bool found_close() const { return found_any("]}"); }
  [[nodiscard]] std::string_view container() const { return in_array_ ? "array" : "object"; }
  [[nodiscard]] char closer() const { return in_array_ ? ']' : '}'; }

  // "3:5", for the text of a message.
  [[nodiscard]] std::string where(std::size_t offset) const {
    const Position p = source_.position(offset);
    return fmt::format("{}:{}", p.line, p.column);
  }

  // " in the array opened at 3:5", if that is on another line: it may have been meant to be closed there.
  [[nodiscard]] std::string opened_before() const {
    const std::size_t opened = tree_.values[state_.open.back()].offset;
    if (source_.position(opened).line == source_.position(at_).line) return {};
    return fmt::format(" in the {} opened at {}", container(), where(opened));
  }

  // A run of characters that is no punctuation of JSON.
  [[nodiscard]] std::size_t word_end(std::size_t from) const {
    return std::min(text_.find_first_of(" \t\r\n\v\f{}[],:;=\"'/", from), text_.size());
  }
  [[nodiscard]] std::string word() const { return clipped(text_.substr(at_, std::max(word_end(at_), at_ + 1) - at_)); }
  // The token that was found, as a message quotes it.
  [[nodiscard]] std::string token() const {
    if (found('"')) return clipped(text_.substr(at_, string_end() - at_));
    return word();
  }
  [[nodiscard]] std::size_t string_end() const {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    return std::min(end + 1, text_.size());
  }

  [[nodiscard]] Diagnostic error(std::size_t offset, std::string message, std::string_view expected,
                                 Reached reached = Reached::next) const {
    Diagnostic d = source_.diagnostic(offset, std::move(message));
    d.pointer = pointer_of(tree_, state_, reached);
    d.expected = expected;
    return d;
  }

  // After a value that should be followed by something: the place where that is missing, not the token that comes instead of it.
  [[nodiscard]] Diagnostic missing(std::string message, std::string_view expected, Reached reached) const {
    return error(state_.end, std::move(message), expected, reached);
  }

  // Problems that look the same wherever they stand. Nothing if it is none of them.
  [[nodiscard]] std::optional<Diagnostic> common(std::string_view expected) const {
    if (at_ == text_.size()) return end_of_file(expected);
    if (text_.substr(at_, 2) == "/*") return error(at_, "comment is not closed", "'*/'");
    if (found('/')) return error(at_, "'/' does not start a comment", "'//' or '/*'");
    if (found('#')) return error(at_, "'#' does not start a comment", "'//' or '/*'");
    const char32_t code = first_code_point(text_.substr(at_));
    static constexpr std::array<char32_t, 7> invisible{0xa0, 0xad, 0x200b, 0x2028, 0x2060, 0x3000, 0xfeff};
    if (code < 0x20 || code == 0x7f || std::find(invisible.begin(), invisible.end(), code) != invisible.end()) {
      return error(at_, fmt::format("invisible character U+{:04X} outside a string", static_cast<unsigned>(code)), expected);
    }
    if (code >= 0x2018 && code <= 0x201f) {
      return error(at_, fmt::format("typographic quote U+{:04X}", static_cast<unsigned>(code)), "'\"' (U+0022)");
    }
    return {};
  }

  [[nodiscard]] Diagnostic end_of_file(std::string_view expected) const {
    if (state_.open.empty()) {
      const bool blank = text_.find_first_not_of(" \t\r\n", source_.begin()) == std::string_view::npos;
      const std::string_view what = text_.size() == source_.begin() ? "file is empty" : blank ? "file is blank" : "file has only comments";
      return error(source_.begin(), std::string(what), "a JSON value");
    }
    std::string closers;
    for (const std::uint32_t open : state_.open) closers += tree_.kind(open) == Node::Kind::array ? ']' : '}';
    std::reverse(closers.begin(), closers.end());
    const std::size_t last = text_.find_last_not_of(" \t\r\n") + 1;  // a line with text is shown, not the empty one behind it
    const bool wants_close = expected.find(closer()) != std::string_view::npos;
    return error(last, fmt::format("file ends inside the {} opened at {}", container(), where(tree_.values[state_.open.back()].offset)),
                 wants_close ? fmt::format("'{}' to close what is open", clipped(closers, 10)) : std::string(expected), Reached::container);
  }

  [[nodiscard]] Diagnostic wrong_close() const {
    return error(
        at_,
        fmt::format("'{}' does not close the {} opened at {}", text_[at_], container(), where(tree_.values[state_.open.back()].offset)),
        fmt::format("'{}'", closer()), Reached::container);
  }

  [[nodiscard]] Diagnostic trailing_text() const {
    if (auto d = common("the end of the file")) return *std::move(d);
    if (at_ == state_.end && glued()) return bad_word(glued_start());
    if (found_close()) return error(at_, fmt::format("'{}' closes nothing", text_[at_]), "the end of the file");
    return error(at_, fmt::format("text after the end of the document: '{}'", token()), "the end of the file");
  }

  [[nodiscard]] Diagnostic bad_colon() const {
    const std::string key = clipped(tree_.text_of(tree_.keys[state_.key]));
    if (auto d = common("':' and a value")) return *std::move(d);
    if (found_close() || found(',')) return missing(fmt::format("key '{}' has no value", key), "':' and a value", Reached::next);
    if (found_any("=;")) return error(at_, fmt::format("'{}' after key '{}'", text_[at_], key), "':'");
    return missing(fmt::format("missing ':' after key '{}'", key), "':'", Reached::next);
  }

  [[nodiscard]] Diagnostic bad_comma() const {
    const std::string expected = fmt::format("',' or '{}'", closer());
    if (auto d = common(expected)) return *std::move(d);
    if (at_ == state_.end && glued()) return bad_word(glued_start());
    if (found_close()) return wrong_close();
    if (found_any(":;=")) return error(at_, fmt::format("unexpected '{}'{}", text_[at_], opened_before()), expected, Reached::container);
    return missing(fmt::format("missing ',' before '{}'", token()), expected, Reached::container);
  }

  [[nodiscard]] Diagnostic bad_key(std::string_view expected) const {
    if (auto d = common(expected)) return *std::move(d);
    if (found('"')) return bad_string();
    if (found('\'')) return single_quotes();
    if (found('}') && comma_) return error(*comma_, "trailing ',' before '}'", "no ',' after the last member", Reached::container);
    if (found(']')) return wrong_close();
    if (found_any("{[,:;=")) return error(at_, fmt::format("unexpected '{}'{}", text_[at_], opened_before()), expected, Reached::container);
    return error(at_, fmt::format("key '{}' is not in double quotes", word()), fmt::format("\"{}\"", word()), Reached::container);
  }

  [[nodiscard]] Diagnostic bad_value(std::string_view expected) const {
    if (auto d = common(expected)) return *std::move(d);
    if (found('"')) return bad_string();
    if (found('\'')) return single_quotes();
    if (found(']') && comma_) return error(*comma_, "trailing ',' before ']'", "no ',' after the last element", Reached::container);
    if (state_.after == After::key && found_any("}],")) {
      return error(at_, fmt::format("key '{}' has no value", clipped(tree_.text_of(tree_.keys[state_.key]))), expected);
    }
    if (found('}') && in_array_) return wrong_close();
    if (found_close()) return error(at_, fmt::format("'{}' closes nothing", text_[at_]), expected);
    if (found_any(",:;=")) return error(at_, fmt::format("unexpected '{}'", text_[at_]), expected);
    return bad_word(at_);
  }

  // The lexer takes "012" for 0 and then 12, "nulll" for null and an l: one word to the person who wrote it.
  [[nodiscard]] bool glued() const { return at_ != 0 && word_end(at_ - 1) > at_ && word_end(at_) > at_; }
  [[nodiscard]] std::size_t glued_start() const {
    std::size_t start = at_;
    while (start > source_.begin() && word_end(start - 1) > start - 1) --start;
    return start;
  }

  [[nodiscard]] Diagnostic bad_word(std::size_t start) const {
    const std::string_view whole = text_.substr(start, std::max(word_end(start), start + 1) - start);
    const std::string quoted = clipped(whole);
    const Reached reached = start == at_ ? Reached::next : Reached::last;  // what begins before at_ has been taken for a value
    if (whole.find_first_of("0123456789") <= 2 && whole.find_first_of("+-.0123456789") == 0) {
      if (skip_number(whole, 0) == whole.size()) {
        const bool integer = whole.find_first_of(".eE") == std::string_view::npos;
        return error(start, fmt::format("{} '{}' is out of range", integer ? "integer" : "number", quoted),
                     integer ? integer_range() : "a number that a double can hold", reached);
      }
      return error(start, fmt::format("malformed number '{}'", quoted), a_number, reached);
    }
    static const std::vector<std::string> literals{"false", "null", "true"};
    Diagnostic d = error(start, fmt::format("unquoted word '{}'", quoted), "a value; text stands in double quotes", reached);
    d.nearest = nearest_word(whole, literals);
    return d;
  }

  [[nodiscard]] Diagnostic single_quotes() const {
    const std::size_t line_end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const std::size_t close = std::min(text_.find('\'', at_ + 1), line_end);
    const std::string inside = clipped(text_.substr(at_ + 1, close - at_ - 1));
    return error(at_, fmt::format("single quotes around '{}'", inside), fmt::format("\"{}\"", inside));
  }

  // The string at at_ is one that the lexer refused; what for?
  [[nodiscard]] Diagnostic bad_string() const {
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      const auto c = static_cast<unsigned char>(text_[i]);
      if (c == '\n' || c == '\r') return error(at_, fmt::format("string '{}' is not closed on its line", opening(i)), "'\"'");
      if (c < 0x20) return error(i, fmt::format("control character U+{:04X} in a string", c), fmt::format("'{}'", escape_of(c)));
      if (c != '\\') continue;
      const std::string_view escape = text_.substr(i, 6);
      if (escape.size() > 1 && escape[1] != 'u') {
        if (std::string_view("\"\\/bfnrt").find(escape[1]) != std::string_view::npos) {
          ++i;
        } else if (escape[1] != '\n' && escape[1] != '\r') {
          return error(i, fmt::format("unknown escape '{}'", text_.substr(i, 1 + code_point_bytes(i + 1))),
                       R"(one of \" \\ \/ \b \f \n \r \t \uXXXX)");
        }
        continue;
      }
      if (!four_digits(escape)) {
        if (i + hex_prefix(escape).size() >= text_.size()) break;
        return error(i, fmt::format("malformed escape '{}'", hex_prefix(escape)), "'\\u' and 4 hexadecimal digits");
      }
      const std::string_view next = text_.substr(i + 6, 6);
      if (is_surrogate(escape, high) && four_digits(next) && is_surrogate(next, low)) {
        i += 11;
      } else if (is_surrogate(escape, high) || is_surrogate(escape, low)) {
        return error(i, fmt::format("escape '{}' is half of a surrogate pair", escape), "the pair, or the character itself");
      } else {
        i += 5;
      }
    }
    return error(at_, fmt::format("file ends inside the string '{}'", opening(text_.size())), "'\"'");
  }
  // The beginning of the string at at_, as a message quotes it.
  [[nodiscard]] std::string opening(std::size_t end) const { return clipped(text_.substr(at_, end - at_), 20); }
  [[nodiscard]] std::size_t code_point_bytes(std::size_t at) const {
    const auto lead = static_cast<unsigned char>(text_[at]);
    return lead < 0xc0 ? 1U : lead < 0xe0 ? 2U : lead < 0xf0 ? 3U : 4U;
  }
  static std::string escape_of(unsigned char c) {
    switch (c) {
      case '\t': return "\\t";
      case '\b': return "\\b";
      case '\f': return "\\f";
      default: return fmt::format("\\u{:04x}", c);
    }
  }
  static bool is_hex(char c) { return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos; }
  static std::string_view hex_prefix(std::string_view escape) {
    std::size_t n = 2;
    while (n < escape.size() && is_hex(escape[n])) ++n;
    return escape.substr(0, n);
  }
  static bool four_digits(std::string_view escape) { return escape.starts_with("\\u") && hex_prefix(escape).size() == 6; }
  // The third digit tells which half of a pair it is.
  static constexpr std::string_view high = "89abAB", low = "cdefCDEF";
  static bool is_surrogate(std::string_view escape, std::string_view third) {
    return (escape[2] == 'd' || escape[2] == 'D') && third.find(escape[3]) != std::string_view::npos;
  }

  const TextMap& source_;
  const Tree& tree_;
  const ParseState& state_;
  std::string_view text_;
  bool in_array_;
  std::size_t at_ = 0;                // the token that is wrong
  std::optional<std::size_t> comma_;  // just before it
};

}  // namespace

Diagnostic explain_syntax_error(const TextMap& source, const Tree& tree, const ParseState& state) {
  return Explainer(source, tree, state).explain();
}

}  // namespace unplug::scenarios
