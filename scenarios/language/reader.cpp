#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "unplug/scenarios/json/text_map.hpp"
#include "unplug/scenarios/language/reader.hpp"

namespace unplug::scenarios {
namespace {

bool word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The name if `s` is "$name" and nothing else.
std::string_view whole_parameter(std::string_view s) {
  if (s.size() < 2 || s[0] != '$') return {};
  for (const char c : s.substr(1))
    if (!word_char(c)) return {};
  return s.substr(1);
}

constexpr std::string_view duration_expected = "a duration such as \"250us\", \"10ms\" or \"2s\" (whole numbers; ns, us, ms, s)";

}  // namespace

std::optional<sim::Duration> parse_duration(std::string_view s) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (error != std::errc{} || end == s.data()) return {};
  const std::string_view unit(end, static_cast<std::size_t>(s.data() + s.size() - end));
  sim::Duration scale = 0;
  if (unit == "ns") scale = 1;
  if (unit == "us") scale = sim::microsecond;
  if (unit == "ms") scale = sim::millisecond;
  if (unit == "s") scale = sim::second;
  constexpr std::uint64_t longest = std::uint64_t{1'000'000} * sim::second;
  if (scale == 0 || n > longest / scale) return {};
  return n * scale;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<std::uint64_t> number_word(std::string_view word) {
  const bool negative = word.starts_with('-');
  const std::string_view digits = word.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 17 || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return {};
  std::int64_t n = 0;
  for (const char c : digits) n = n * 10 + (c - '0');
  return static_cast<std::uint64_t>(negative ? -n : n);
}

std::optional<Condition::Op> comparison(std::string_view symbol) {
  static constexpr std::array<std::pair<std::string_view, Condition::Op>, 6> ops{{{"==", Condition::Op::equal},
                                                                                  {"!=", Condition::Op::not_equal},
                                                                                  {"<", Condition::Op::less},
                                                                                  {">", Condition::Op::greater},
                                                                                  {"<=", Condition::Op::at_most},
                                                                                  {">=", Condition::Op::at_least}}};
  for (const auto& [s, op] : ops)
    if (s == symbol) return op;
  return {};
}

Node Reader::value(Node n) const {
  if (!n.is(Node::Kind::string)) return n;
  const std::string_view name = whole_parameter(n.string());
  if (name.empty()) return n;
  const auto found = parameters_->find(std::string(name));
  return found == parameters_->end() ? n : found->second;
}

std::optional<std::string> Reader::lookup(std::string_view name, Node at) const {
  // The innermost loop first.
  const auto loop = std::find_if(loops.rbegin(), loops.rend(), [&](const auto& l) { return l.first == name; });
  if (loop != loops.rend()) return std::to_string(loop->second);
  if (const auto found = parameters_->find(std::string(name)); found != parameters_->end()) {
    const Node v = found->second;
    if (v.is(Node::Kind::string)) return std::string(v.string());
    if (v.is(Node::Kind::integer)) return std::to_string(v.integer());
    at.error(*out_, fmt::format("parameter '{}' is {} and cannot stand inside a string", name, Node::kind_name(v.kind())));
    return {};
  }
  std::vector<std::string> known;
  for (const auto& [k, v] : *parameters_) known.push_back(k);
  for (const auto& [k, v] : loops) known.push_back(k);
  const std::string nearest = nearest_word(name, known);
  at.error(*out_, fmt::format("unknown parameter '${}'", name), "a name from \"params\", or the variable of a repeat around it",
           nearest.empty() ? nearest : "$" + nearest);
  return {};
}

std::optional<std::string> Reader::text(Node n, std::string_view expected) const {
  if (!n) return {};  // a key that is missing, which was said
  const Node v = value(n);
  if (!v.is(Node::Kind::string)) {
    wrong(n, v, expected);
    return {};
  }
  const std::string_view s = v.string();
  std::string result;
  for (std::size_t i = 0; i < s.size();) {
    if (s[i] != '$') {
      result += s[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < s.size() && word_char(s[end])) ++end;
    const auto replaced = lookup(s.substr(i + 1, end - i - 1), n);
    if (!replaced) return {};
    result += *replaced;
    i = end;
    if (result.size() > max_checked_string) {
      n.error(*out_, fmt::format("'{}' is too long with its parameters put in", clipped(s, 20)),
              fmt::format("at most {} bytes", max_checked_string));
      return {};
    }
  }
  return result;
}

void Reader::wrong(Node n, Node v, std::string_view expected) const {
  if (const std::string_view name = v.is(Node::Kind::string) ? whole_parameter(v.string()) : std::string_view{}; !name.empty()) {
    if (!lookup(name, n)) return;  // it was said
  }
  const bool parameter = n.is(Node::Kind::string) && v.id() != n.id();
  std::string nearest;
  if (!parameter && n.is(Node::Kind::string) && parameters_->contains(std::string(n.string()))) nearest = fmt::format("${}", n.string());
  n.error(*out_,
          parameter ? fmt::format("'{}' is {}", n.string(), Node::kind_name(v.kind())) : fmt::format("found {}", Node::kind_name(v.kind())),
          std::string(expected), std::move(nearest));
}

std::optional<std::int64_t> Reader::integer(Node n, std::int64_t least, std::int64_t most, std::string_view expected) const {
  if (!n) return {};
  const Node v = value(n);
  std::optional<std::int64_t> found;
  if (v.is(Node::Kind::integer)) found = v.integer();
  if (v.is(Node::Kind::string) && !whole_parameter(v.string()).empty()) {
    for (auto l = loops.rbegin(); l != loops.rend() && !found; ++l)
      if (l->first == whole_parameter(v.string())) found = l->second;
  }
  if (!found) {
    wrong(n, v, expected.find("integer") != std::string_view::npos ? std::string(expected) : fmt::format("an integer: {}", expected));
    return {};
  }
  if (*found < least || *found > most) {
    n.error(*out_, fmt::format("{} is out of range", *found), fmt::format("{} ({} to {})", expected, least, most));
    return {};
  }
  return found;
}

std::optional<bool> Reader::boolean(Node n, std::string_view expected) const {
  if (!n) return {};
  const Node v = value(n);
  if (v.is(Node::Kind::boolean)) return v.boolean();
  wrong(n, v, expected);
  return {};
}

std::optional<sim::Duration> Reader::duration(Node n) const {
  const auto s = text(n, duration_expected);
  if (!s) return {};
  const auto d = parse_duration(*s);
  if (!d) n.error(*out_, fmt::format("'{}' is not a duration", *s), std::string(duration_expected));
  return d;
}

std::optional<std::pair<sim::Duration, sim::Duration>> Reader::duration_range(Node n) const {
  const auto s = text(n, duration_expected);
  if (!s) return {};
  const std::size_t dots = s->find("..");
  const auto first = parse_duration(std::string_view(*s).substr(0, dots));
  const auto last = dots == std::string::npos ? first : parse_duration(std::string_view(*s).substr(dots + 2));
  if (!first || !last || *last < *first) {
    n.error(*out_, fmt::format("'{}' is not a duration", *s), fmt::format("{}, or a range \"1ms..5ms\"", duration_expected));
    return {};
  }
  return std::pair{*first, *last - *first};
}

}  // namespace unplug::scenarios
