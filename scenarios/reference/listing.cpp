#include "unplug/scenarios/reference/listing.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <dtl/dtl.hpp>
#include <fmt/format.h>

#include "unplug/scenarios/language/in_form.hpp"
#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {
namespace {

class Lister {
 public:
  explicit Lister(const std::string& form) : form_(form) {}

  void function(std::string_view name, Node body) {
    if (!lines_.empty()) lines_.emplace_back();
    lines_.push_back(fmt::format("{}()", name));
    lines_.emplace_back("{");
    steps(body, 1);
    lines_.emplace_back("}");
  }
  std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  void line(std::size_t depth, const std::string& text, const std::string& note = {}) {
    std::string l = std::string(2 * depth, ' ') + text;
    if (!note.empty()) l += fmt::format("{:>{}}{}", "", l.size() < 58 ? 58 - l.size() : 2, note);
    lines_.push_back(std::move(l));
  }

  static std::string value(Node n) {
    switch (n.kind()) {
      case Node::Kind::string: return std::string(n.string());
      case Node::Kind::integer: return std::to_string(n.integer());
      case Node::Kind::boolean: return n.boolean() ? "true" : "false";
      case Node::Kind::array:
      case Node::Kind::object: {
        std::string out;
        for (std::size_t i = 0; i < n.size(); ++i) {
          if (i != 0) out += ", ";
          if (n.is(Node::Kind::object)) out += fmt::format("{} = ", n.key(i));
          out += value(n.at(i));
        }
        return n.is(Node::Kind::array) ? "[" + out + "]" : "{" + out + "}";
      }
      default: return "NULL";
    }
  }

  void steps(Node list, std::size_t depth) {
    for (std::size_t i = 0; list.is(Node::Kind::array) && i < list.size(); ++i) step(list.at(i), depth);
  }

  // What stands before a block that another key opens: "if (dead)", "use bar0", "repeat 3 as i".
  static std::string opening(std::string_view verb, Node operand, Node step) {
    if (verb == "if") return fmt::format("if ({})", value(operand));
    std::string out(verb);
    if (!operand.is(Node::Kind::null)) out += " " + value(operand);
    if (const Node as = step.find("as")) out += " as " + value(as);
    return out;
  }

  void step(Node n, std::size_t depth) {
    if (n.is(Node::Kind::string)) return line(depth, fmt::format("{}()", n.string()));
    if (!n.is(Node::Kind::object) || !in_form(n, form_)) return;
    const auto key = verb_key(n);
    if (!key) return;
    const std::string verb(n.key(*key));
    const Node operand = n.at(*key), body = n.find("do"), other = n.find("else");
    const std::string note = n.find("line").is(Node::Kind::integer) ? fmt::format("// line {}", n.find("line").integer()) : std::string{};
    if (verb == "label") return line(depth - 1, value(operand) + ":");
    if (verb == "goto" || verb == "return" || verb == "policy") return line(depth, verb + " " + value(operand), note);
    std::string text;
    if (verb == "if" && !body) {
      text = opening(verb, operand, n);
      text += n.find("goto") ? " goto " + value(n.find("goto")) : " return " + value(n.find("return"));
      return line(depth, text, note);
    }
    if (body.is(Node::Kind::array)) {
      line(depth, opening(verb, operand, n) + " {", note);
      steps(body, depth + 1);
      return end_of_block(other, depth);
    }
    if (const Node to = n.find("to")) text = value(to) + " = ";
    if (verb == "let") {
      text = value(operand) + " = " + value(n.find("value"));
    } else if (verb == "call") {
      text += value(operand) + "(" + keys(n, *key) + ")";
    } else {
      const std::string more = keys(n, *key);
      text += verb + "(" + (operand.is(Node::Kind::null) ? std::string{} : value(operand));
      text += (more.empty() || operand.is(Node::Kind::null) ? "" : ", ") + more + ")";
    }
    if (other.is(Node::Kind::string)) text += " else goto " + value(other);
    if (!other.is(Node::Kind::array)) return line(depth, text, note);
    line(depth, text + " else {", note);
    steps(other, depth + 1);
    line(depth, "}");
  }

  void end_of_block(Node other, std::size_t depth) {
    if (other.is(Node::Kind::array)) {
      line(depth, "} else {");
      steps(other, depth + 1);
    }
    line(depth, other.is(Node::Kind::string) ? "} else goto " + value(other) : "}");
  }

  // Keys that stand inside the parentheses.
  static std::string keys(Node n, std::size_t verb) {
    static constexpr std::array<std::string_view, 8> elsewhere{"to", "else", "do", "line", "id", "form", "note", "as"};
    std::string out;
    for (std::size_t i = 0; i < n.size(); ++i) {
      if (i == verb || std::ranges::find(elsewhere, n.key(i)) != elsewhere.end()) continue;
      if (!out.empty()) out += ", ";
      out += n.key(i) == "value" ? value(n.at(i)) : fmt::format("{} = {}", n.key(i), value(n.at(i)));
    }
    return out;
  }

  const std::string& form_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> listing(const Document& document, const std::string& form) {
  Lister lister(form);
  const Node root = document.root();
  for (const char* section : {"functions", "hooks"}) {
    const Node list = root.find(section);
    for (std::size_t i = 0; list.is(Node::Kind::object) && i < list.size(); ++i) lister.function(list.key(i), list.at(i));
  }
  const Node run = root.find("run");
  for (const char* section : {"tasks", "threads"}) {
    const Node list = run.is(Node::Kind::object) ? run.find(section) : Node{};
    for (std::size_t i = 0; list.is(Node::Kind::object) && i < list.size(); ++i) {
      const Node body = list.at(i).is(Node::Kind::object) ? list.at(i).find("do") : list.at(i);
      if (body.is(Node::Kind::array)) lister.function(list.key(i), body);
    }
  }
  return std::move(lister).lines();
}

std::string unified_diff(const std::vector<std::string>& before, const std::vector<std::string>& after, const std::string& before_name,
                         const std::string& after_name) {
  dtl::Diff<std::string, std::vector<std::string>> diff(before, after);
  diff.compose();
  if (diff.getEditDistance() == 0) return {};
  diff.composeUnifiedHunks();
  std::ostringstream out;
  diff.printUnifiedFormat(out);
  return fmt::format("--- {}\n+++ {}\n{}", before_name, after_name, out.str());
}

}  // namespace unplug::scenarios
