// From the words of a step to operands, values and conditions: names looked up, with a message for each that is not there.
#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/language/results.hpp"

namespace unplug::scenarios {

std::string declared_by(EntityKind kind) {
  std::string list;
  for (const Verb& v : verbs())
    if (v.operand == OperandKind::declaration && v.entity == kind && v.alias_of.empty())
      list += (list.empty() ? "" : " or ") + std::string(v.name);
  if (list.empty()) return "a member of memory that is declared with it";
  return fmt::format("one that {} declares", list);
}

std::string forms_text(std::span<const std::string> forms) {
  if (forms.size() == 1) return fmt::format("form '{}'", forms.front());
  std::string out = "forms ";
  for (std::size_t i = 0; i < forms.size(); ++i)
    out += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == forms.size() ? " and " : ", ", forms[i]);
  return out;
}

void no_such_thing(const Entities& entities, Diagnostics& out, Node at, const std::string& text, EntityKind kind, std::string_view by_local,
                   std::string_view rest) {
  if (const auto found = entities.by_name.find(text); found != entities.by_name.end()) {
    at.error(out, fmt::format("'{}' is {}", text, with_article(name(found->second.kind))), with_article(name(kind)), {}, found->second.at);
    return;
  }
  if (entities.lost.contains(text)) return;
  const auto other = entities.in_forms.find(text);
  std::vector<std::string> names, candidates;
  for (const auto& [k, e] : entities.by_name) {
    if (e.kind != kind) continue;
    names.push_back(k);
    candidates.push_back(k + std::string(rest));
    if (const std::size_t dot = k.rfind('.'); dot != std::string::npos && !by_local.empty())
      candidates.push_back(std::string(by_local) + k.substr(dot));
  }
  at.error(out, fmt::format("no {} '{}'", name(kind), text),
           declared_by(kind) + (other != entities.in_forms.end() ? fmt::format("; a step of {} does", forms_text(other->second))
                                : names.empty()                  ? "; nothing in this file does"
                                : names.size() <= 8              ? fmt::format(": {}", join(names))
                                                                 : ""),
           nearest_word(text + std::string(rest), candidates));
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
  } else if (l >= max_locals) {
    n.error(out(), fmt::format("more than {} local variables in one function", max_locals));
    return no_local;
  }
  return l;
}

std::optional<Operand> FunctionCompiler::entity(Node n, EntityKind kind) {
  auto text = reader().text(n, fmt::format("the name of {}", with_article(name(kind))));
  if (!text) return {};
  Operand named{Operand::Kind::entity, kind, 0, 0, 0, *text};
  if (code_ == CodeKind::task && !file_.owner_of(*text, kind, n, named)) return {};
  const auto found = entities().by_name.find(*text);
  const std::size_t dot = text->find('.');
  if (dot != std::string::npos && locals_.contains(text->substr(0, dot))) {
    const std::string member = text->substr(dot + 1);
    const auto& specs = entities().specs[static_cast<std::size_t>(kind)];
    if (std::ranges::any_of(specs, [&](const EntitySpec& e) { return e.member == member && e.allocation != UINT32_MAX; }))
      return Operand{Operand::Kind::member, kind, 0, 0, locals_[text->substr(0, dot)], member};
  }
  if (policy_state_elsewhere(*text, n)) return {};
  if (found != entities().by_name.end() && found->second.kind == kind) {
    named.index = found->second.index;
    if (found->second.scope == Scope::world) named.scope = Scope::world;
    return named;
  }
  const bool by_local = dot != std::string::npos && locals_.contains(text->substr(0, dot));
  no_such_thing(entities(), out(), n, *text, kind, by_local ? std::string_view(*text).substr(0, dot) : std::string_view{});
  return {};
}

bool FunctionCompiler::policy_state_elsewhere(const std::string& text, Node n) {
  const std::string base = text.substr(0, text.find('.'));
  if (code_ != CodeKind::policy || std::ranges::find(policy_state_names, base) == policy_state_names.end() || locals_.contains(base))
    return false;
  n.error(out(), fmt::format("'{}' is not known in function '{}'", base, function_.name),
          fmt::format("hooks have it: {{\"call\": \"{0}\", \"with\": {{\"{1}\": \"{1}\"}}}}", function_.name, base));
  return true;
}

std::optional<Operand> FunctionCompiler::field(Node n) {
  const auto text = reader().text(n, "a field: \"priv.dead\" or \"file.private_data\"");
  return text ? field_named(*text, n) : std::nullopt;
}

std::optional<Operand> FunctionCompiler::field_named(const std::string& name, Node n) {
  const std::string* const text = &name;
  if (*text == "file.private_data") return Operand{Operand::Kind::file, EntityKind::field, 0, 0, 0, *text};
  const std::size_t dot = text->rfind('.');
  const std::string base = text->substr(0, dot == std::string::npos ? 0 : dot),
                    member = dot == std::string::npos ? *text : text->substr(dot + 1);
  if (dot != std::string::npos && locals_.contains(base))
    return Operand{Operand::Kind::member, EntityKind::field, 0, 0, locals_[base], member};
  if (policy_state_elsewhere(*text, n)) return {};
  const auto& allocations = entities().specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    if (a != program().shared && allocations[a].name != base) continue;
    const std::string_view wanted = a == program().shared ? *text : member;
    for (std::uint32_t f = 0; f < allocations[a].fields.size(); ++f)
      if (allocations[a].fields[f].name == wanted) return Operand{Operand::Kind::entity, EntityKind::field, a, f, 0, *text};
  }
  if (entities().lost.contains(base) || entities().lost.contains(*text)) return {};
  if (const std::size_t open = text->find('['); open != std::string::npos || is_array(*text)) return element(*text, open, n);
  constexpr std::string_view expected = "MEMORY.FIELD with a field listed where the memory is allocated, LOCAL.FIELD, file.private_data, "
                                        "or a shared word";
  if (const auto thing = entities().by_name.find(*text); thing != entities().by_name.end()) {
    const EntityKind kind = thing->second.kind;
    n.error(out(),
            fmt::format("'{}' is {}", *text,
                        kind == EntityKind::allocation ? "memory, not one of its fields" : with_article(scenarios::name(kind))),
            std::string(expected), {}, thing->second.at);
    return {};
  }
  std::vector<std::string> names;
  for (std::uint32_t a = 0; a < allocations.size(); ++a)
    for (const FieldSpec& f : allocations[a].fields) names.push_back(a == program().shared ? f.name : allocations[a].name + "." + f.name);
  n.error(out(), fmt::format("no field '{}'", *text), std::string(expected), nearest_word(*text, names));
  return {};
}

bool FunctionCompiler::is_array(const std::string& name) {
  const auto& allocations = entities().specs[static_cast<std::size_t>(EntityKind::allocation)];
  return program().shared != UINT32_MAX && std::ranges::any_of(allocations[program().shared].fields, [&](const FieldSpec& f) {
           return f.name.size() > name.size() && f.name[name.size()] == '[' && f.name.starts_with(name);
         });
}

std::optional<Operand> FunctionCompiler::element(const std::string& text, std::size_t open, Node at) {
  const std::string array = text.substr(0, open);
  std::vector<std::string> arrays, locals;
  Operand o{Operand::Kind::element, EntityKind::field, program().shared, 0, 0, text};
  if (program().shared != UINT32_MAX) {
    const auto& fields = entities().specs[static_cast<std::size_t>(EntityKind::allocation)][program().shared].fields;
    for (std::uint32_t f = 0; f < fields.size(); ++f) {
      const std::size_t bracket = fields[f].name.find('[');
      if (bracket == std::string::npos) continue;
      const std::string of = fields[f].name.substr(0, bracket);
      if (arrays.empty() || arrays.back() != of) arrays.push_back(of);
      if (of == array && o.count++ == 0) o.field = f;
    }
  }
  if (o.count == 0) {
    at.error(out(), fmt::format("no array '{}'", array), "an array of shared words: {\"shared\": {\"a\": [0, 0]}}",
             nearest_word(array, arrays));
    return {};
  }
  const std::string index = open < text.size() && text.ends_with(']') ? text.substr(open + 1, text.size() - open - 2) : std::string{};
  if (const auto l = locals_.find(index); l != locals_.end()) {
    o.local = l->second;
    return o;
  }
  for (const auto& [k, v] : locals_) locals.push_back(k);
  if (index.empty()) {
    at.error(out(), fmt::format("'{}' is an array", array), fmt::format("one of its words: \"{0}[0]\", or \"{0}[LOCAL]\"", array));
  } else if (number_word(index)) {
    at.error(out(), fmt::format("array '{}' has no element {}", array, index), fmt::format("0 to {}, or a local", o.count - 1));
  } else {
    at.error(out(), fmt::format("no local variable '{}' yet", index), fmt::format("0 to {}, or a local that says which", o.count - 1),
             nearest_word(index, locals));
  }
  return {};
}

std::optional<Term> FunctionCompiler::term(const std::string& word) {
  if (word == "NULL") return Term{};
  if (const auto n = number_word(word)) return Term{Term::Kind::constant, *n, 0};
  if (const auto e = error_named(word)) return Term{Term::Kind::constant, *e, 0};
  if (const auto l = locals_.find(word); l != locals_.end()) return Term{Term::Kind::local, 0, l->second};
  if (word == "file" && code_ == CodeKind::driver) return Term{Term::Kind::file, 0, 0};
  if (const auto e = entities().by_name.find(word); e != entities().by_name.end() && e->second.kind == EntityKind::allocation)
    return Term{Term::Kind::pointer, e->second.index, 0};
  return {};
}

std::optional<Value> FunctionCompiler::value(Node raw) {
  const Node n = reader().value(raw);
  if (n.is(Node::Kind::integer)) return Value{.left = {Term::Kind::constant, static_cast<std::uint64_t>(n.integer()), 0}};
  if (n.is(Node::Kind::null)) return Value{};
  const auto text = reader().text(raw, "an integer, a local variable, or the name of declared memory");
  if (!text) return {};
  std::string unknown = *text;
  if (const auto t = term(*text)) return Value{.left = *t};
  const std::vector<std::string> words = split_words(*text);
  if (words.size() == 3) {
    static constexpr std::array<std::pair<std::string_view, Value::Op>, 4> ops{
        {{"+", Value::Op::plus}, {"-", Value::Op::minus}, {"&", Value::Op::bits_and}, {"|", Value::Op::bits_or}}};
    for (const auto& [symbol, op] : ops) {
      if (words[1] != symbol) continue;
      const auto left = term(words[0]), right = term(words[2]);
      if (left && right) return Value{op, *left, *right};
      unknown = left ? words[2] : words[0];
    }
  }
  std::vector<std::string> names;
  for (const auto& [k, v] : locals_) names.push_back(k);
  for (const auto& [k, e] : entities().by_name)
    if (e.kind == EntityKind::allocation) names.push_back(k);
  if (entities().lost.contains(unknown)) return {};
  raw.error(out(), fmt::format("'{}' is no value", unknown),
            "an integer, NULL, a local variable, the name of declared memory, or two of them with +, -, & or |",
            nearest_word(unknown, names));
  return {};
}

std::optional<Condition> FunctionCompiler::condition(Node n) {
  const auto text = reader().text(n, "a condition: \"dead\", \"!p\", \"isr == 0\", \"n < 3\"");
  if (!text) return {};
  const std::vector<std::string> words = split_words(*text);
  Condition c;
  std::string name = words.empty() ? "" : words[0];
  const bool bare = words.size() == 1;
  if (bare && name.starts_with('!')) {
    c.op = Condition::Op::equal;
    name.erase(0, 1);
  }
  const auto op = words.size() == 3 ? comparison(words[1]) : std::nullopt;
  c.local = local_named(name, false);
  const auto lost = [&](const std::string& word) { return entities().lost.contains(word); };
  // What can't be the name of a local is a mistake of another kind than one that is not known.
  const auto made_of = [&](std::string_view more) {
    return !name.empty() && std::ranges::all_of(name, [&](char ch) {
      return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' || more.find(ch) != std::string_view::npos;
    });
  };
  const bool shape = bare || op;
  if (shape && c.local == no_local && !made_of("") && made_of(".[]")) {
    n.error(out(), fmt::format("'{}' is no local", name),
            fmt::format("a local: conditions read locals only. Load it before: {{\"READ_ONCE\": \"{}\", \"to\": LOCAL}}", name));
    return {};
  }
  if (!shape || (c.local == no_local && !made_of(""))) {
    const bool several = text->find("&&") != std::string::npos || text->find("||") != std::string::npos;
    n.error(out(), fmt::format("'{}' is not a condition", *text),
            several ? "one comparison: nest two \"if\"s for &&, give two of them the same \"goto\" for ||"
                    : "LOCAL, !LOCAL, or LOCAL OP VALUE with blanks between: ==, !=, <, <=, > or >=, and a number, an error (-ENODEV), "
                      "NULL or a local; conditions read locals only");
    return {};
  }
  std::vector<std::string> known;
  for (const auto& [k, v] : locals_) known.push_back(k);
  if (c.local == no_local) {
    if (!lost(name))
      n.error(out(), fmt::format("no local variable '{}' yet", name),
              "one that an earlier step of this function set with \"to\"; conditions read locals only", nearest_word(name, known));
    return {};
  }
  if (bare) return c;
  c.op = *op;
  if (const auto right = term(words[2])) {
    c.right = *right;
  } else if (!lost(words[2])) {
    n.error(out(), fmt::format("'{}' is neither a number nor a local", words[2]),
            "a number, an error (-ENODEV), NULL or a local; conditions read locals only", nearest_word(words[2], known));
    return {};
  }
  return c;
}

std::optional<Operand> FunctionCompiler::memory(Node n) {
  const auto text = reader().text(n, "declared memory, or a local that points to some");
  if (!text) return {};
  if (const auto l = locals_.find(*text); l != locals_.end())
    return Operand{Operand::Kind::local, EntityKind::allocation, 0, 0, l->second, *text};
  return entity(n, EntityKind::allocation);
}

std::optional<Operand> FunctionCompiler::entity_of(Node n, std::initializer_list<EntityKind> kinds) {
  if (n.is(Node::Kind::string))
    if (auto text = reader().text(n, "a name")) {
      if (code_ == CodeKind::task) (void)file_.take_owner(*text);
      if (const auto found = entities().by_name.find(*text); found != entities().by_name.end())
        for (const EntityKind k : kinds)
          if (found->second.kind == k) return entity(n, k);
    }
  return entity(n, *kinds.begin());
}

std::optional<std::uint32_t> FunctionCompiler::fops(Node n) { return file_.table(n, "file_operations", file_.fops_names_); }
std::optional<std::uint32_t> FunctionCompiler::vm_ops(Node n) { return file_.table(n, "vm_operations", file_.vm_ops_names_); }

std::optional<std::uint32_t> FunctionCompiler::device(Node n) {
  const auto name =
      n.is(Node::Kind::null) ? std::string{} : reader().text(n, "the name of a device of this file, or null for the only one");
  if (!name) return {};
  if (const auto d = file_.roster_.device(*name); d && *d < file_.real_devices_.size()) return file_.real_devices_[*d];
  const std::vector<std::string> names = file_.roster_.device_names();
  n.error(out(), name->empty() ? "which device?" : fmt::format("no device '{}'", *name), which(names, "null: there is one, without a name"),
          nearest_word(*name, names));
  return {};
}

// --- Names of a task's own.

std::uint32_t Slots::number(FunctionCompiler& c, Node n, bool create) {
  const auto name = c.reader().text(n, fmt::format("a {}: a name", what_));
  if (!name) return 0;
  if (const auto found = names.find(*name); found != names.end()) return found->second;
  if (!create) {
    if (c.entities().lost.contains(*name)) return 0;
    std::vector<std::string> known;
    for (const auto& [k, v] : names) known.push_back(k);
    n.error(c.out(), fmt::format("no {} '{}' yet", what_, *name), fmt::format("one that {} made before", made_by_),
            nearest_word(*name, known));
    return 0;
  }
  return names.emplace(*name, size()).first->second;
}

std::uint32_t FunctionCompiler::descriptor(Node n, const DescriptorSpec& use) {
  if (n.is(Node::Kind::string))
    if (const auto shared = file_.shared_.find(std::string(n.string())); shared != file_.shared_.end()) {
      DescriptorSpec& spec = program().shared_descriptors[shared->second];
      spec.epoll = spec.epoll || use.epoll;
      return first_shared_descriptor + shared->second;
    }
  const std::uint32_t number = files.number(*this, n, false);
  descriptors_.resize(std::max<std::size_t>(descriptors_.size(), number + 1));
  descriptors_[number].counted = descriptors_[number].counted || use.counted;
  descriptors_[number].epoll = descriptors_[number].epoll || use.epoll;
  return number;
}

std::uint32_t FunctionCompiler::opened(Node n) {
  const auto shared = n.is(Node::Kind::string) ? file_.shared_.find(std::string(n.string())) : file_.shared_.end();
  if (shared == file_.shared_.end()) return files.number(*this, n, true);
  if (!file_.shared_opened_.insert(shared->second).second)
    n.error(out(), fmt::format("'{}' is opened by more than one step", n.string()), "one step that opens a descriptor that tasks share");
  return first_shared_descriptor + shared->second;
}

std::vector<DescriptorSpec> FunctionCompiler::descriptors() {
  descriptors_.resize(files.size());
  for (auto c = copies_.rbegin(); c != copies_.rend(); ++c) {
    const auto& [from, to] = *c;
    if (to >= first_shared_descriptor) continue;
    DescriptorSpec& original =
        from >= first_shared_descriptor ? program().shared_descriptors[from - first_shared_descriptor] : descriptors_[from];
    original.epoll = original.epoll || descriptors_[to].epoll;
  }
  return descriptors_;
}

void FunctionCompiler::forks(const std::string& child, std::uint32_t index, Node at) {
  file_.forks_.push_back({UINT32_MAX, UINT32_MAX, index, child, at});
}

}  // namespace unplug::scenarios
