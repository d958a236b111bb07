// nlohmann::json's SAX events into a Tree. The events carry no positions: the lexer reads through an iterator that tells how far it is,
// and the start of a token is found by walking on from the end of the one before.
#include <algorithm>
#include <bit>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/scenarios/json/tree.hpp"

namespace unplug::scenarios {

namespace {

constexpr std::size_t max_reports = 100;  // of one parse
constexpr std::string_view decimal = "0123456789";
constexpr std::size_t small_object = 16;  // members; no index below, a linear search is as good

// The text as the lexer sees it, an input iterator: blanks and comments between tokens shrink to one space (the lexer collects all that it
// reads, and writes it out with escapes when it meets an error), and how far it has read can be seen from outside.
class Characters {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  Characters(std::string_view text, std::size_t at, std::size_t* read) : text_(text), at_(at), read_(read) { find_blank(); }
  char operator*() const { return blank_end_ != at_ ? ' ' : text_[at_]; }
  Characters& operator++() {
    if (blank_end_ != at_) {
      at_ = blank_end_;
    } else {
      const char c = text_[at_++];
      if (c == '"' && !escaped_) in_string_ = !in_string_;
      escaped_ = c == '\\' && in_string_ && !escaped_;
    }
    find_blank();
    *read_ = at_;
    return *this;
  }
  Characters operator++(int) {
    const Characters before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Characters& a, const Characters& b) { return a.at_ == b.at_; }

 private:
  void find_blank() { blank_end_ = in_string_ ? at_ : skip_blank(text_, at_); }

  std::string_view text_;
  std::size_t at_, blank_end_ = 0;
  std::size_t* read_;
  bool in_string_ = false, escaped_ = false;
};

// The event handler, in the shape nlohmann::json::sax_parse wants.
class Builder {
 public:
  using Kind = Node::Kind;
  using After = ParseState::After;

  Builder(const TextMap& source, Tree& tree, Diagnostics& out) : source_(source), tree_(tree), out_(out), text_(source.text()) {
    state_.end = source.begin();
  }

  bool null() { return token() && scalar(Kind::null, 0); }
  bool boolean(bool value) { return token() && scalar(Kind::boolean, value ? 1 : 0); }
  bool number_integer(std::int64_t value) { return number() && scalar(Kind::integer, std::bit_cast<std::uint64_t>(value)); }
  bool number_unsigned(std::uint64_t value) {
    if (!number()) return false;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) && !out_of_range()) return false;
    return scalar(Kind::integer, value);
  }
  bool number_float(double value, const std::string& digits) {
    if (!number()) return false;
    // Whatever does not fit 64 bits comes as a float; silently rounded is not what was written.
    if (digits.find_first_of(".eE") == std::string::npos && !out_of_range()) return false;
    return scalar(Kind::real, std::bit_cast<std::uint64_t>(value));
  }
  bool string(const std::string& value) {
    if (!token() || !add(Kind::string)) return false;
    tree_.values.back().low = static_cast<std::uint32_t>(tree_.strings.size());
    tree_.values.back().high = static_cast<std::uint32_t>(value.size());
    tree_.strings += value;
    return true;
  }
  bool binary(const nlohmann::json::binary_t& /*value*/) { return false; }  // JSON text has none

  bool start_object(std::size_t /*elements*/) { return open(Kind::object, After::open_object); }
  bool start_array(std::size_t /*elements*/) { return open(Kind::array, After::open_array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(const std::string& value) {
    token();
    if (value.size() > Document::max_key) {
      report(fmt::format("key '{}' is too long", clipped(value)), fmt::format("at most {} bytes", Document::max_key));
      return false;
    }
    state_.after = After::key;
    state_.key = static_cast<std::uint32_t>(tree_.keys.size());
    tree_.keys.push_back(
        {static_cast<std::uint32_t>(start_), static_cast<std::uint32_t>(tree_.strings.size()), static_cast<std::uint32_t>(value.size())});
    tree_.strings += value;
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::json::exception& /*what*/) {
    out_.add(explain_syntax_error(source_, tree_, state_));
    return false;
  }

  bool run() {
    const Characters first(text_, 0, &read_), last(text_, text_.size(), &read_);
    return nlohmann::json::sax_parse(first, last, this, nlohmann::json::input_format_t::json, /*strict=*/true, /*ignore_comments=*/true) &&
           reports_ == 0;
  }

 private:
  // Finds the token that the event is about: one separator at most lies between two events.
  bool token() {
    start_ = skip_blank(text_, state_.end);
    if (text_[start_] == ',' || text_[start_] == ':') start_ = skip_blank(text_, start_ + 1);
    state_.end = read_;
    return true;
  }
  // The lexer has read one character more to know that a number ends.
  bool number() {
    token();
    state_.end = skip_number(text_, start_);
    return true;
  }

  bool report(std::string message, std::string expected) {
    Diagnostic d = source_.diagnostic(start_, std::move(message));
    d.pointer = pointer_of(tree_, state_, Reached::next);
    d.expected = std::move(expected);
    out_.add(std::move(d));
    return ++reports_ < max_reports;
  }
  bool out_of_range() {
    return report(fmt::format("integer '{}' is out of range", clipped(text_.substr(start_, state_.end - start_))), integer_range());
  }

  bool add(Kind kind) {
    if (tree_.values.size() == Document::max_values) {
      report(fmt::format("file has more than {} values", Document::max_values), {});
      return false;
    }
    if (!state_.open.empty()) ++tree_.values[state_.open.back()].high;
    Tree::Value value{};
    value.offset = start_ & 0xfffffffU;
    value.kind = static_cast<unsigned>(kind) & 0xfU;
    value.parent = state_.open.empty() ? Tree::none : state_.open.back();
    value.key = std::exchange(state_.key, Tree::none);
    tree_.values.push_back(value);
    state_.after = After::value;
    return true;
  }
  bool scalar(Kind kind, std::uint64_t bits) {
    if (!add(kind)) return false;
    tree_.values.back().low = static_cast<std::uint32_t>(bits);
    tree_.values.back().high = static_cast<std::uint32_t>(bits >> 32U);
    return true;
  }
  bool open(Kind kind, After after) {
    token();
    if (state_.open.size() == Document::max_depth) {
      report(fmt::format("nesting is deeper than {} levels", Document::max_depth), {});
      return false;
    }
    if (!add(kind)) return false;
    state_.open.push_back(static_cast<std::uint32_t>(tree_.values.size() - 1));
    state_.after = after;
    return true;
  }
  bool close() {
    state_.open.pop_back();
    state_.after = After::value;
    state_.end = read_;
    return true;
  }

  const TextMap& source_;
  Tree& tree_;
  Diagnostics& out_;
  std::string_view text_;
  ParseState state_;
  std::size_t read_ = 0, start_ = 0, reports_ = 0;
};

// Children by counting sort: values stand in the order of the text, so each container's come out in that order too.
void index_children(Tree& tree) {
  std::uint32_t first = 0;
  for (std::uint32_t id = 0; id < tree.values.size(); ++id) {
    if (!tree.is_container(id)) continue;
    tree.values[id].low = first;
    first += std::exchange(tree.values[id].high, 0);
  }
  tree.children.resize(first);
  for (std::uint32_t id = 1; id < tree.values.size(); ++id) {
    Tree::Value& parent = tree.values[tree.values[id].parent];
    tree.children[parent.low + parent.high++] = id;
  }
}

// Sorts the members of each object by key: equal keys meet, and find() gets its index.
bool check_keys(const TextMap& source, Tree& tree, Diagnostics& out) {
  std::size_t reports = 0;
  std::vector<std::uint32_t> members;
  for (std::uint32_t id = 0; id < tree.values.size(); ++id) {
    if (tree.kind(id) != Node::Kind::object) continue;
    const auto children = tree.children_of(id);
    members.assign(children.begin(), children.end());
    std::stable_sort(members.begin(), members.end(), [&](std::uint32_t a, std::uint32_t b) { return tree.key(a) < tree.key(b); });
    for (std::size_t i = 1, first = 0; i < members.size(); ++i) {
      if (tree.key(members[i]) != tree.key(members[first])) {
        first = i;
        continue;
      }
      Diagnostic d = source.diagnostic(tree.keys[tree.values[members[i]].key].offset,
                                       fmt::format("duplicate key '{}'", clipped(tree.key(members[i]))));
      d.pointer = tree.pointer(members[i]);
      d.earlier = source.position(tree.keys[tree.values[members[first]].key].offset);
      out.add(std::move(d));
      if (++reports == max_reports) return false;
    }
    if (members.size() > small_object) {
      tree.sorted_at.emplace_back(id, static_cast<std::uint32_t>(tree.sorted.size()));
      tree.sorted.insert(tree.sorted.end(), members.begin(), members.end());
    }
  }
  return reports == 0;
}

}  // namespace

std::string_view Tree::string(std::uint32_t value) const { return std::string_view(strings).substr(values[value].low, values[value].high); }

std::string_view Tree::text_of(const Key& k) const { return std::string_view(strings).substr(k.begin, k.length); }

std::string_view Tree::key(std::uint32_t value) const { return text_of(keys[values[value].key]); }

std::uint64_t Tree::bits(std::uint32_t value) const { return std::uint64_t{values[value].high} << 32U | values[value].low; }

std::span<const std::uint32_t> Tree::children_of(std::uint32_t value) const {
  return std::span(children).subspan(values[value].low, values[value].high);
}

std::uint32_t Tree::member(std::uint32_t object, std::string_view wanted) const {
  const auto in_order = children_of(object);
  if (in_order.size() <= small_object) {
    const auto found = std::find_if(in_order.begin(), in_order.end(), [&](std::uint32_t id) { return key(id) == wanted; });
    return found == in_order.end() ? none : *found;
  }
  const auto run = std::lower_bound(sorted_at.begin(), sorted_at.end(), std::pair(object, 0U));
  const auto by_key = std::span(sorted).subspan(run->second, in_order.size());
  const auto found =
      std::lower_bound(by_key.begin(), by_key.end(), wanted, [&](std::uint32_t id, std::string_view k) { return key(id) < k; });
  return found == by_key.end() || key(*found) != wanted ? none : *found;
}

std::string Tree::pointer(std::uint32_t value) const {
  std::string out;  // from its end
  for (std::uint32_t parent = values[value].parent; parent != none; value = parent, parent = values[value].parent) {
    if (kind(parent) == Node::Kind::object) {
      out.insert(0, pointer_segment(key(value)));
    } else {
      const auto siblings = children_of(parent);
      out.insert(0, fmt::format("/{}", std::lower_bound(siblings.begin(), siblings.end(), value) - siblings.begin()));
    }
  }
  return out;
}

std::string pointer_segment(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string pointer_of(const Tree& tree, const ParseState& state, Reached reached) {
  std::string out;
  for (std::size_t i = 0; i < state.open.size(); ++i) {
    const bool innermost = i + 1 == state.open.size();
    const bool next = innermost && reached == Reached::next;
    if (innermost && reached == Reached::container) break;
    if (tree.kind(state.open[i]) == Node::Kind::array) {
      out += fmt::format("/{}", tree.values[state.open[i]].high - (next ? 0U : 1U));  // what comes next is not counted yet
    } else if (!next) {
      out += pointer_segment(tree.key(innermost ? static_cast<std::uint32_t>(tree.values.size() - 1) : state.open[i + 1]));
    } else if (state.key != Tree::none) {
      out += pointer_segment(tree.text_of(tree.keys[state.key]));
    }
  }
  return out;
}

std::string integer_range() {
  return fmt::format("an integer from {} to {}", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
}

std::size_t skip_blank(std::string_view text, std::size_t at) {
  while (true) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos) return text.size();
    if (text.substr(at, 2) == "//") {
      at = std::min(text.find_first_of("\r\n", at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      const std::size_t end = text.find("*/", at + 2);
      if (end == std::string_view::npos) return at;
      at = end + 2;
    } else {
      return at;
    }
  }
}

std::size_t skip_number(std::string_view text, std::size_t at) {
  const auto is = [&](std::size_t i, std::string_view set) { return i < text.size() && set.find(text[i]) != std::string_view::npos; };
  const auto digits = [&](std::size_t i) {
    while (is(i, decimal)) ++i;
    return i;
  };
  const std::size_t first = at + (is(at, "-") ? 1 : 0);
  if (!is(first, decimal)) return at;
  std::size_t end = is(first, "0") ? first + 1 : digits(first);
  if (is(end, ".") && is(end + 1, decimal)) end = digits(end + 1);
  if (is(end, "eE")) {
    const std::size_t exponent = end + (is(end + 1, "+-") ? 2 : 1);
    if (is(exponent, decimal)) end = digits(exponent);
  }
  return end;
}

bool parse_tree(const TextMap& source, Tree& tree, Diagnostics& out) {
  // One value at least for each separator and bracket; strings may contain some, so it is a bound.
  const std::string& text = source.text();
  const auto separators = std::count_if(text.begin(), text.end(), [](char c) { return c == ',' || c == '[' || c == '{'; });
  tree.values.reserve(std::min(static_cast<std::size_t>(separators) + 1, Document::max_values));

  if (!Builder(source, tree, out).run()) return false;
  index_children(tree);
  return check_keys(source, tree, out);
}

}  // namespace unplug::scenarios
