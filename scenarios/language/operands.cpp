// From the words of a step to operands, values and conditions: names looked up, with a message for each that is not there.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unplug/scenarios/language/check_keys.hpp"
#include "unplug/scenarios/language/compiler.hpp"
#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {

std::string declared_by(EntityKind kind) {
  std::string list;
  for (const Verb& v : verbs())
    if (v.operand == OperandKind::declaration && v.entity == kind && v.alias_of.empty())
      list += (list.empty() ? "" : " or ") + std::string(v.name);
  return fmt::format("one that {} declares", list);
}

std::uint32_t FunctionCompiler::local_named(const std::string& name, bool create) {
  if (const auto found = locals_.find(name); found != locals_.end()) return found->second;
  if (!create) return no_local;
  const auto number = static_cast<std::uint32_t>(locals_.size());
  locals_.emplace(name, number);
  return number;
}

std::uint32_t FunctionCompiler::local(Node n, bool create) {
  const auto name = reader().text(n, "a local variable");
  if (!name) return no_local;
  const std::uint32_t l = local_named(*name, create);
  if (l == no_local && entities().lost.contains(*name)) return no_local;
  if (l == no_local) {
    std::vector<std::string> known;
    for (const auto& [k, v] : locals_) known.push_back(k);
    n.error(out(), fmt::format("no local variable '{}' yet", *name), "one that an earlier step of this function set with \"to\"",
            nearest_word(*name, known));
  } else if (l >= Frame::max_locals) {
    n.error(out(), fmt::format("more than {} local variables in one function", Frame::max_locals));
    return no_local;
  }
  return l;
}

std::optional<Operand> FunctionCompiler::entity(Node n, EntityKind kind) {
  const auto text = reader().text(n, fmt::format("the name of a {}", name(kind)));
  if (!text) return {};
  const auto found = entities().by_name.find(*text);
  if (found != entities().by_name.end() && found->second.kind == kind)
    return Operand{Operand::Kind::entity, kind, found->second.index, 0, 0, *text};
  const std::size_t dot = text->find('.');
  if (dot != std::string::npos && locals_.contains(text->substr(0, dot))) {
    const std::string member = text->substr(dot + 1);
    const auto& specs = entities().specs[static_cast<std::size_t>(kind)];
    if (std::ranges::any_of(specs, [&](const EntitySpec& e) { return e.member == member && e.allocation != UINT32_MAX; }))
      return Operand{Operand::Kind::member, kind, 0, 0, locals_[text->substr(0, dot)], member};
  }
  if (found != entities().by_name.end()) {
    n.error(out(), fmt::format("'{}' is a {}", *text, name(found->second.kind)), fmt::format("a {}", name(kind)), {}, found->second.at);
    return {};
  }
  if (entities().lost.contains(*text)) return {};
  std::vector<std::string> names;
  for (const auto& [k, e] : entities().by_name)
    if (e.kind == kind) names.push_back(k);
  n.error(out(), fmt::format("no {} '{}'", name(kind), *text),
          declared_by(kind) + (names.empty()       ? "; nothing in this file does"
                               : names.size() <= 8 ? fmt::format(": {}", join(names))
                                                   : ""),
          nearest_word(*text, names));
  return {};
}

std::optional<Operand> FunctionCompiler::field(Node n) {
  const auto text = reader().text(n, "a field: \"priv.dead\" or \"file.private_data\"");
  if (!text) return {};
  if (*text == "file.private_data") return Operand{Operand::Kind::file, EntityKind::field, 0, 0, 0, *text};
  const std::size_t dot = text->rfind('.');
  const std::string base = text->substr(0, dot == std::string::npos ? 0 : dot),
                    member = dot == std::string::npos ? *text : text->substr(dot + 1);
  if (dot != std::string::npos && locals_.contains(base))
    return Operand{Operand::Kind::member, EntityKind::field, 0, 0, locals_[base], member};
  std::vector<std::string> names;
  const auto& allocations = entities().specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    for (std::uint32_t f = 0; f < allocations[a].fields.size(); ++f) {
      names.push_back(allocations[a].name + "." + allocations[a].fields[f].name);
      if (names.back() == *text) return Operand{Operand::Kind::entity, EntityKind::field, a, f, 0, *text};
    }
  }
  if (entities().lost.contains(base)) return {};
  n.error(out(), fmt::format("no field '{}'", *text),
          "MEMORY.FIELD with a field listed where the memory is allocated, LOCAL.FIELD, or file.private_data", nearest_word(*text, names));
  return {};
}

std::optional<Value> FunctionCompiler::value(Node raw) {
  const Node n = reader().value(raw);
  if (n.is(Node::Kind::integer)) {
    if (n.integer() < 0) {
      raw.error(out(), fmt::format("{} is negative", n.integer()), "an integer from 0");
      return {};
    }
    return Value{Value::Kind::constant, static_cast<std::uint64_t>(n.integer()), 0};
  }
  if (n.is(Node::Kind::null)) return Value{};
  const auto text = reader().text(raw, "an integer, a local variable, or the name of declared memory");
  if (!text) return {};
  if (*text == "NULL") return Value{};
  if (const auto l = locals_.find(*text); l != locals_.end()) return Value{Value::Kind::local, 0, l->second};
  if (const auto e = entities().by_name.find(*text); e != entities().by_name.end() && e->second.kind == EntityKind::allocation)
    return Value{Value::Kind::pointer, e->second.index, 0};
  std::vector<std::string> names;
  for (const auto& [k, v] : locals_) names.push_back(k);
  for (const auto& [k, e] : entities().by_name)
    if (e.kind == EntityKind::allocation) names.push_back(k);
  if (entities().lost.contains(*text)) return {};
  raw.error(out(), fmt::format("'{}' is no value", *text), "an integer, NULL, a local variable, or the name of declared memory",
            nearest_word(*text, names));
  return {};
}

std::optional<Condition> FunctionCompiler::condition(Node n) {
  const auto text = reader().text(n, "a condition: \"dead\", \"!p\", \"isr == 0\", \"n < 3\"");
  if (!text) return {};
  std::vector<std::string> words;
  std::string word;
  for (const char c : *text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  Condition c;
  std::string name = words.empty() ? "" : words[0];
  const bool bare = words.size() == 1;
  if (bare && name.starts_with('!')) {
    c.op = Condition::Op::equal;
    name.erase(0, 1);
  }
  bool good = bare;
  if (words.size() == 3) {
    const std::array<std::pair<std::string_view, Condition::Op>, 4> ops{
        {{"==", Condition::Op::equal}, {"!=", Condition::Op::not_equal}, {"<", Condition::Op::less}, {">", Condition::Op::greater}}};
    for (const auto& [symbol, op] : ops) {
      if (words[1] != symbol) continue;
      c.op = op;
      good = words[2] == "NULL" ||
             (!words[2].empty() && words[2].size() < 18 && std::ranges::all_of(words[2], [](char d) { return d >= '0' && d <= '9'; }));
      if (good && words[2] != "NULL") c.value = std::stoull(words[2]);
    }
  }
  if (!good) {
    n.error(out(), fmt::format("'{}' is not a condition", *text),
            "LOCAL, !LOCAL, or LOCAL OP NUMBER with ==, !=, < or > (NULL is 0); conditions read locals only");
    return {};
  }
  c.local = local_named(name, false);
  if (c.local == no_local && entities().lost.contains(name)) return {};
  if (c.local == no_local) {
    std::vector<std::string> known;
    for (const auto& [k, v] : locals_) known.push_back(k);
    n.error(out(), fmt::format("no local variable '{}' yet", name),
            "one that an earlier step of this function set with \"to\"; conditions read locals only", nearest_word(name, known));
    return {};
  }
  return c;
}

std::uint32_t FunctionCompiler::descriptor(Node n, bool create) {
  const auto name = reader().text(n, "a file descriptor: a name");
  if (!name) return 0;
  if (const auto found = descriptors_.find(*name); found != descriptors_.end()) return found->second;
  if (!create) {
    if (entities().lost.contains(*name)) return 0;
    std::vector<std::string> known;
    for (const auto& [k, v] : descriptors_) known.push_back(k);
    n.error(out(), fmt::format("no file descriptor '{}' yet", *name), "one that an earlier \"open\" of this task set with \"to\"",
            nearest_word(*name, known));
    return 0;
  }
  const auto number = static_cast<std::uint32_t>(descriptors_.size());
  descriptors_.emplace(*name, number);
  return number;
}

}  // namespace unplug::scenarios
