#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/language/compiler.hpp"
#include "unplug/scenarios/world.hpp"

namespace unplug::scenarios {
namespace {

// Keys that every step may carry.
constexpr std::string_view common_keys[] = {"line", "id", "form", "note"};

bool is_common(std::string_view key) { return std::ranges::find(common_keys, key) != std::end(common_keys); }

std::uint32_t jump(Frame& frame, const Instruction& i, std::uint32_t) {
  frame.leave_scopes(i.depth);
  return i.target;
}

}  // namespace

FunctionCompiler::FunctionCompiler(FileCompiler& file, std::string name, bool driver, Node) : file_(file) {
  function_.name = std::move(name);
  function_.driver = driver;
}

std::uint32_t FunctionCompiler::run(Node list, std::optional<std::uint32_t> number) {
  steps(list);
  finish();
  if (function_.driver) {
    // The way out is a site of its own: returning through freed text happens there.
    function_.return_site = static_cast<std::uint32_t>(program().sites.size());
    program().sites.push_back({function_.name, "return", "return", {}, {}, true});
  }
  function_.locals = static_cast<std::uint32_t>(locals_.size());
  Program& p = program();
  if (!number) {
    number = static_cast<std::uint32_t>(p.functions.size());
    p.functions.emplace_back();
  }
  p.functions[*number] = std::move(function_);
  return *number;
}

void FunctionCompiler::steps(Node list) {
  if (!list.is(Node::Kind::array)) {
    if (list) list.error(out(), fmt::format("found {}", Node::kind_name(list.kind())), "an array of steps");
    return;
  }
  for (std::size_t i = 0; i < list.size(); ++i) step(list.at(i));
}

void FunctionCompiler::step(Node n) {
  if (n.is(Node::Kind::object) && !file_.in_form(n)) return;
  std::string verb_name;
  Node operand, where = n;
  std::vector<std::string> known = verb_names(driver() ? Where::driver : Where::task);
  if (n.is(Node::Kind::string)) {
    verb_name = std::string(n.string());
  } else if (n.is(Node::Kind::object)) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < n.size(); ++i)
      if (find_verb(n.key(i)) != nullptr && !(n.key(i) == "do" || is_common(n.key(i)))) found.push_back(i);
    if (found.size() > 1) {
      // A verb may be a key of another verb ("return" of "if"): the verb that takes the others wins.
      for (const std::size_t f : found) {
        const Verb* v = find_verb(n.key(f));
        const bool takes_all = std::ranges::all_of(found, [&](std::size_t other) {
          return other == f || std::ranges::any_of(v->keys, [&](const KeySpec& k) { return k.name == n.key(other); });
        });
        if (takes_all) {
          found = {f};
          break;
        }
      }
    }
    if (found.size() > 1) {
      n.key_node(found[1]).error(out(), fmt::format("a second verb '{}' in one step", n.key(found[1])),
                                 fmt::format("one verb a step (this one is '{}'); its other keys come from a closed list", n.key(found[0])));
      return;
    }
    if (found.empty()) {
      std::size_t i = 0;
      while (i < n.size() && is_common(n.key(i))) ++i;
      if (i == n.size()) {
        n.error(out(), "a step without a verb", "an object with one verb, such as {\"readl\": \"bar0.STATUS\"}");
      } else {
        n.key_node(i).error(out(), fmt::format("unknown verb '{}'", n.key(i)), "a verb (unplug list verbs)", nearest_word(n.key(i), known));
      }
      return;
    }
    verb_name = std::string(n.key(found[0]));
    operand = n.at(found[0]);
    where = n.key_node(found[0]);
  } else {
    n.error(out(), fmt::format("found {}", Node::kind_name(n.kind())), "a step: an object with one verb, or a verb without operand as a string");
    return;
  }
  const Verb* verb = find_verb(verb_name);
  if (verb == nullptr) {
    where.error(out(), fmt::format("unknown verb '{}'", verb_name), "a verb (unplug list verbs)", nearest_word(verb_name, known));
    return;
  }
  if (verb->place != Where::anywhere && (verb->place == Where::driver) != driver()) {
    where.error(out(), fmt::format("'{}' cannot stand here", verb_name),
                driver() ? "a verb of driver functions; this one is for tasks in \"run\"" : "a verb of tasks in \"run\"; this one is for driver functions");
    return;
  }

  // Where it is: the step id, the maintainer's line.
  SiteSpec s;
  s.function = function_.name;
  s.verb = verb_name;
  s.driver = driver();
  s.step = fmt::format("{}#{}", verb_name, ++ordinals_[verb_name]);
  const Position at = where.position();
  s.where = fmt::format("{}:{}:{}", file_.document_.name(), at.line, at.column);
  if (const Node id = n.is(Node::Kind::object) ? n.find("id") : Node{}) {
    if (const auto text = reader().text(id, "a step id: a word unique in the function")) {
      s.step = *text;
      if (const auto before = step_ids_.find(*text); before != step_ids_.end() && before->second.id() != id.id())
        id.error(out(), fmt::format("step id '{}' is taken", *text), {}, {}, before->second.position());
      step_ids_[*text] = id;
    }
  }
  if (const Node line = n.is(Node::Kind::object) ? n.find("line") : Node{}) {
    const std::string source = file_.document_.root().find("source").is(Node::Kind::string) ? std::string(file_.document_.root().find("source").string()) : "";
    if (const auto l = reader().integer(line, 1, 10'000'000, "a line number of the driver's source")) s.source = fmt::format("{}:{}", source.substr(0, source.find('@')), *l);
  }
  site_ = static_cast<std::uint32_t>(program().sites.size());
  program().sites.push_back(std::move(s));

  if (n.is(Node::Kind::object)) {
    for (std::size_t i = 0; i < n.size(); ++i) {
      const std::string_view key = n.key(i);
      if (key == verb_name || is_common(key)) continue;
      if (std::ranges::any_of(verb->keys, [&](const KeySpec& k) { return k.name == key; })) continue;
      std::vector<std::string> allowed;
      for (const KeySpec& k : verb->keys) allowed.emplace_back(k.name);
      for (const std::string_view c : common_keys) allowed.emplace_back(c);
      std::string list;
      for (const std::string& a : allowed) list += (list.empty() ? "" : ", ") + a;
      n.key_node(i).error(out(), fmt::format("'{}' takes no key '{}'", verb_name, key), "one of: " + list, nearest_word(key, allowed));
    }
    for (const KeySpec& k : verb->keys)
      if (k.required && !n.find(k.name)) where.error(out(), fmt::format("'{}' needs the key '{}'", verb_name, k.name), std::string(k.meaning));
  }
  if (verb->compile != nullptr) {
    verb->compile(*this, *verb, n, operand);
  } else {
    generic(*verb, n, operand);
  }
}

void FunctionCompiler::generic(const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.flags = verb.flags;
  i.acts = verb.acts;
  const Node at = operand ? operand : step;
  switch (verb.operand) {
    case OperandKind::none:
      if (operand && !operand.is(Node::Kind::null)) operand.error(out(), fmt::format("'{}' takes no operand", verb.name), fmt::format("\"{}\" as a bare string, or null", verb.name));
      break;
    case OperandKind::entity:
    case OperandKind::declaration:
      if (auto o = entity(at, verb.entity)) i.operand = *o;
      break;
    case OperandKind::field:
      if (auto o = field(at)) i.operand = *o;
      break;
    case OperandKind::reg: {
      const auto text = reader().text(at, "a register: \"bar0.CTRL\"");
      if (!text) break;
      const std::size_t dot = text->find('.');
      if (dot == std::string::npos) {
        at.error(out(), fmt::format("'{}' names no register", *text), "MAPPING.REGISTER, such as \"bar0.CTRL\"");
        break;
      }
      const auto found = entities().by_name.find(text->substr(0, dot));
      if (found == entities().by_name.end() || found->second.kind != EntityKind::mapping) {
        std::vector<std::string> names;
        for (const auto& [n, e] : entities().by_name)
          if (e.kind == EntityKind::mapping) names.push_back(n);
        at.error(out(), fmt::format("no MMIO mapping '{}'", text->substr(0, dot)), "a mapping made by devm_ioremap_resource or ioremap",
                 nearest_word(text->substr(0, dot), names));
        break;
      }
      i.operand = {Operand::Kind::entity, EntityKind::mapping, found->second.index, 0, 0, *text};
      const auto& registers = entities().registers[found->second.index];
      if (const auto r = registers.find(text->substr(dot + 1)); r != registers.end()) {
        i.values = r->second;
      } else if (verb.flags != 0) {
        const std::string taken = fmt::format("register {} reads as 0", *text);
        auto& defaults = entities().defaults_taken;
        if (std::ranges::find(defaults, taken) == defaults.end()) defaults.push_back(taken);
      }
      break;
    }
    case OperandKind::local: i.other = local(at, false); break;
    case OperandKind::function:
      if (const auto f = function(at)) i.function = *f;
      break;
    case OperandKind::duration:
      if (const auto d = reader().duration_range(at)) {
        i.duration = d->first;
        i.spread = d->second;
      }
      break;
    case OperandKind::custom: break;
  }
  const std::uint32_t index = emit(std::move(i));
  if (!step.is(Node::Kind::object)) return;
  for (const KeySpec& key : verb.keys)
    if (const Node v = step.find(key.name)) read_key(verb, key, v, index);
}

bool FunctionCompiler::read_key(const Verb&, const KeySpec& key, Node v, std::uint32_t index) {
  switch (key.kind) {
    case KeyKind::to: at(index).to = local(v, true); break;
    case KeyKind::local: at(index).other = local(v, false); break;
    case KeyKind::value:
      if (const auto x = value(v)) at(index).value = *x;
      break;
    case KeyKind::function:
      if (const auto f = function(v)) at(index).function = *f;
      break;
    case KeyKind::otherwise: otherwise(index, v); break;
    case KeyKind::at_most:
      if (const auto n = reader().integer(v, 1, 1'000'000, "how often this step acts at most")) {
        at(index).limit = static_cast<std::uint32_t>(*n);
        at(index).number = program().limits++;
      }
      break;
    case KeyKind::fields:
    case KeyKind::registers:
    case KeyKind::owner:
    case KeyKind::custom: break;  // read when the thing was declared, or by the verb itself
  }
  return true;
}

std::uint32_t FunctionCompiler::emit(Instruction i) {
  i.site = site_;
  function_.code.push_back(std::move(i));
  return here() - 1;
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
  if (l == no_local) {
    std::vector<std::string> known;
    for (const auto& [k, v] : locals_) known.push_back(k);
    n.error(out(), fmt::format("no local variable '{}' yet", *name), "one that an earlier step of this function set with \"to\"", nearest_word(*name, known));
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
  if (found != entities().by_name.end() && found->second.kind == kind) return Operand{Operand::Kind::entity, kind, found->second.index, 0, 0, *text};
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
  std::vector<std::string> names;
  for (const auto& [k, e] : entities().by_name)
    if (e.kind == kind) names.push_back(k);
  n.error(out(), fmt::format("no {} '{}'", name(kind), *text), names.empty() ? fmt::format("nothing in this file declares a {}", name(kind)) : std::string("a declared one"),
          nearest_word(*text, names));
  return {};
}

std::optional<Operand> FunctionCompiler::field(Node n) {
  const auto text = reader().text(n, "a field: \"priv.dead\" or \"file.private_data\"");
  if (!text) return {};
  if (*text == "file.private_data") return Operand{Operand::Kind::file, EntityKind::field, 0, 0, 0, *text};
  const std::size_t dot = text->rfind('.');
  const std::string base = text->substr(0, dot == std::string::npos ? 0 : dot), member = dot == std::string::npos ? *text : text->substr(dot + 1);
  if (dot != std::string::npos && locals_.contains(base)) return Operand{Operand::Kind::member, EntityKind::field, 0, 0, locals_[base], member};
  std::vector<std::string> names;
  const auto& allocations = entities().specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    for (std::uint32_t f = 0; f < allocations[a].fields.size(); ++f) {
      names.push_back(allocations[a].name + "." + allocations[a].fields[f].name);
      if (names.back() == *text) return Operand{Operand::Kind::entity, EntityKind::field, a, f, 0, *text};
    }
  }
  n.error(out(), fmt::format("no field '{}'", *text), "MEMORY.FIELD with a field listed where the memory is allocated, LOCAL.FIELD, or file.private_data",
          nearest_word(*text, names));
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
  raw.error(out(), fmt::format("'{}' is no value", *text), "an integer, NULL, a local variable, or the name of declared memory", nearest_word(*text, names));
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
    const std::pair<std::string_view, Condition::Op> ops[] = {
        {"==", Condition::Op::equal}, {"!=", Condition::Op::not_equal}, {"<", Condition::Op::less}, {">", Condition::Op::greater}};
    for (const auto& [symbol, op] : ops) {
      if (words[1] != symbol) continue;
      c.op = op;
      good = words[2] == "NULL" || (!words[2].empty() && words[2].size() < 18 && std::ranges::all_of(words[2], [](char d) { return d >= '0' && d <= '9'; }));
      if (good && words[2] != "NULL") c.value = std::stoull(words[2]);
    }
  }
  if (!good) {
    n.error(out(), fmt::format("'{}' is not a condition", *text), "LOCAL, !LOCAL, or LOCAL OP NUMBER with ==, !=, < or > (NULL is 0); conditions read locals only");
    return {};
  }
  c.local = local_named(name, false);
  if (c.local == no_local) {
    std::vector<std::string> known;
    for (const auto& [k, v] : locals_) known.push_back(k);
    n.error(out(), fmt::format("no local variable '{}' yet", name), "one that an earlier step of this function set with \"to\"; conditions read locals only",
            nearest_word(name, known));
    return {};
  }
  return c;
}

void FunctionCompiler::define_label(Node n) {
  const auto name = reader().text(n, "a label: a word");
  if (!name) return;
  if (const auto before = labels_.find(*name); before != labels_.end()) {
    n.error(out(), fmt::format("label '{}' is defined twice", *name), {}, {}, before->second.at);
    return;
  }
  labels_[*name] = {here(), depth_, n.position()};
}

void FunctionCompiler::jump_to(std::uint32_t index, Node label) {
  if (const auto name = reader().text(label, "a label of this function")) jumps_.push_back({index, *name, label, depth_});
}

void FunctionCompiler::otherwise(std::uint32_t index, Node n) {
  if (n.is(Node::Kind::string)) {
    jump_to(index, n);
  } else if (n.is(Node::Kind::array)) {
    blocks_.push_back({index, depth_, n, here()});
  } else {
    n.error(out(), fmt::format("found {}", Node::kind_name(n.kind())), "a label of this function, or an array of steps");
  }
}

std::uint32_t FunctionCompiler::descriptor(Node n, bool create) {
  const auto name = reader().text(n, "a file descriptor: a name");
  if (!name) return 0;
  if (const auto found = descriptors_.find(*name); found != descriptors_.end()) return found->second;
  if (!create) {
    std::vector<std::string> known;
    for (const auto& [k, v] : descriptors_) known.push_back(k);
    n.error(out(), fmt::format("no file descriptor '{}' yet", *name), "one that an earlier \"open\" of this task set with \"to\"", nearest_word(*name, known));
    return 0;
  }
  const auto number = static_cast<std::uint32_t>(descriptors_.size());
  descriptors_.emplace(*name, number);
  return number;
}

void FunctionCompiler::finish() {
  // `else` blocks go behind the body; the body ends with a jump over them, and each block with a jump back.
  if (!blocks_.empty()) {
    Instruction over;
    over.execute = jump;
    over.target = end_of_function;
    site_ = no_site;
    emit(over);
  }
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const Block block = blocks_[b];
    at(block.from).target = here();
    at(block.from).depth = block.depth;
    depth_ = block.depth;
    steps(block.steps);
    Instruction back;
    back.execute = jump;
    back.target = block.resume;
    back.depth = block.depth;
    site_ = no_site;
    emit(back);
  }
  for (const Jump& j : jumps_) {
    const auto found = labels_.find(j.label);
    if (found == labels_.end()) {
      std::vector<std::string> known;
      for (const auto& [k, v] : labels_) known.push_back(k);
      j.at.error(out(), fmt::format("no label '{}' in function '{}'", j.label, function_.name), "a label that a step {\"label\": ...} of the function defines",
                 nearest_word(j.label, known));
      continue;
    }
    if (found->second.depth > j.depth) {
      j.at.error(out(), fmt::format("label '{}' is inside a use block that this jump would enter", j.label), "a label outside of use blocks", {}, found->second.at);
      continue;
    }
    at(j.from).target = found->second.target;
    at(j.from).depth = found->second.depth;
  }
}

}  // namespace unplug::scenarios
