#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/language/in_form.hpp"
#include "unplug/scenarios/language/results.hpp"
#include "unplug/scenarios/language/shape.hpp"

namespace unplug::scenarios {
namespace {

// Of a word that begins no step: what was meant, as far as C habits tell.
std::string meant_by(const std::string& word) {
  if (const std::size_t open = word.find('('); open != std::string::npos)
    if (const Verb* const v = find_verb(word.substr(0, open))) return fmt::format("a step, not C: {}", form(*v));
  if (word.size() > 1 && word.ends_with(':')) return fmt::format("{{\"label\": \"{}\"}}", word.substr(0, word.size() - 1));
  if (std::ranges::any_of(verbs(), [&](const Verb& v) { return takes_key(v, word); }))
    return fmt::format("a verb (unplug list verbs); '{}' stands in the step of a verb that takes it", word);
  return "a verb (unplug list verbs)";
}

bool is_common(std::string_view key) { return std::ranges::find(common_keys(), key, &CommonKey::name) != common_keys().end(); }

}  // namespace

FunctionCompiler::FunctionCompiler(FileCompiler& file, std::string name, CodeKind code) : file_(file), code_(code) {
  function_.name = std::move(name);
  function_.driver = code == CodeKind::driver;
  if (code == CodeKind::task) return;
  const auto& parameters = file_.parameters_[function_.name];
  for (const std::string& parameter : parameters) local_named(parameter, true);
  function_.takes_argument = function_.driver && !parameters.empty() && parameters.front() == "arg";
}

std::uint32_t FunctionCompiler::run(Node list, std::optional<std::uint32_t> number) {
  steps(list);
  finish();
  if (function_.driver) {
    // The way out is a site of its own: returning through freed text happens there.
    function_.return_site = static_cast<std::uint32_t>(program().sites.size());
    program().sites.push_back({function_.name, "return", "return", {}, {}, true});
    file_.site_nodes_.emplace_back();
  }
  if (number && code_ == CodeKind::driver) function_.module = file_.function_modules_[*number];
  function_.locals = static_cast<std::uint32_t>(locals_.size());
  function_.local_names.resize(locals_.size());
  for (const auto& [local, n] : locals_) function_.local_names[n] = local;
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
    if (list.is(Node::Kind::object)) file_.lose(list);  // one step, without its brackets
    return;
  }
  for (std::size_t i = 0; i < list.size() && !out().full() && file_.take(list.at(i)); ++i) step(list.at(i));
}

void FunctionCompiler::step(Node n) {
  if (n.is(Node::Kind::object) && !file_.in_form(n)) return;
  const std::optional<Words> words = words_of(n);
  if (!words || !may_be_step(n, *words)) return;
  const Verb& verb = *words->verb;
  begin_site(n, *words);
  if (const Node note = n.is(Node::Kind::object) ? n.find("note") : Node{}; note && !note.is(Node::Kind::string))
    note.error(out(), fmt::format("found {}", Node::kind_name(note.kind())), "a remark: a string");
  check_step_keys(n, *words);
  if (!n.is(Node::Kind::object) && verb.operand == OperandKind::custom) {
    words->where.error(out(), fmt::format("'{}' alone says nothing", verb.name), fmt::format("{{\"{}\": ...}}", verb.name));
    return;
  }
  if (verb.compile != nullptr) {
    verb.compile(*this, verb, n, words->operand);
  } else {
    generic(verb, n, words->operand);
  }
}

std::optional<FunctionCompiler::Words> FunctionCompiler::words_of(Node n) {
  Words words{nullptr, {}, n};
  if (n.is(Node::Kind::string)) {
    words.verb = find_verb(n.string());
  } else if (n.is(Node::Kind::object)) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < n.size(); ++i)
      if (find_verb(n.key(i)) != nullptr && !(n.key(i) == "do" || is_common(n.key(i)))) found.push_back(i);
    if (const auto verb = verb_key(n)) found = {*verb};
    if (found.size() > 1) {
      n.key_node(found[1]).error(
          out(), fmt::format("a second verb '{}' in one step", n.key(found[1])),
          fmt::format("one verb a step (this one is '{}'); its other keys come from a closed list", n.key(found[0])));
      abandon(n);
      return {};
    }
    if (found.empty()) {
      std::size_t i = 0;
      while (i < n.size() && is_common(n.key(i))) ++i;
      if (i == n.size()) {
        n.error(out(), "a step without a verb", "an object with one verb, such as {\"readl\": \"bar0.STATUS\"}");
      } else {
        unknown_verb(n.key_node(i));
      }
      abandon(n);
      return {};
    }
    words = {find_verb(n.key(found[0])), n.at(found[0]), n.key_node(found[0])};
  } else {
    n.error(out(), fmt::format("found {}", Node::kind_name(n.kind())),
            "a step: an object with one verb, or a verb without operand as a string");
    return {};
  }
  if (words.verb != nullptr) return words;
  unknown_verb(words.where);
  return {};
}

bool FunctionCompiler::may_be_step(Node n, const Words& words) {
  const Verb& verb = *words.verb;
  if (!may_stand(verb.place, code_)) {
    static constexpr std::array<std::string_view, 4> here{"driver functions", "threads in \"run\"", "tasks in \"run\"", "policies"};
    words.where.error(out(), fmt::format("'{}' cannot stand here", verb.name),
                      fmt::format("a verb of {}; this one is for {}", here[static_cast<std::size_t>(code_)],
                                  verb.place == Where::task                                     ? here[2]
                                  : verb.place == Where::thread || verb.place == Where::outside ? here[1]
                                  : verb.place == Where::policy                                 ? here[3]
                                                                                                : here[0]));
    abandon(n);
    return false;
  }
  if (n.is(Node::Kind::string) && !may_be_bare(verb)) {
    n.error(out(), fmt::format("'{}' is not the whole step", verb.name), form(verb));
    return false;
  }
  if (verb.operand == OperandKind::custom && (words.operand.is(Node::Kind::array) || words.operand.is(Node::Kind::object))) {
    words.operand.error(out(), fmt::format("found {}", Node::kind_name(words.operand.kind())), form(verb));
    return false;
  }
  return true;
}

void FunctionCompiler::begin_site(Node n, const Words& words) {
  const std::string name(words.verb->name);
  SiteSpec s;
  s.function = function_.name;
  s.verb = name;
  s.driver = code_ == CodeKind::driver;
  s.step = fmt::format("{}#{}", name, ++ordinals_[name]);
  const Position at = words.where.position();
  s.where = fmt::format("{}:{}:{}", file_.source_->name(), at.line, at.column);
  if (const Node id = n.is(Node::Kind::object) ? n.find("id") : Node{}) {
    if (const auto text = reader().text(id, "a step id: a word unique in the function")) {
      s.step = *text;
      if (const auto before = step_ids_.find(*text); before != step_ids_.end() && before->second.id() != id.id())
        id.error(out(), fmt::format("step id '{}' is taken", *text), {}, {}, before->second.position());
      step_ids_[*text] = id;
    }
  }
  if (const Node line = n.is(Node::Kind::object) ? n.find("line") : Node{}) {
    const std::string source =
        file_.source_->root().find("source").is(Node::Kind::string) ? std::string(file_.source_->root().find("source").string()) : "";
    if (const auto l = reader().integer(line, 1, 10'000'000, "a line number of the driver's source"))
      s.source = fmt::format("{}:{}", source.substr(0, source.find('@')), *l);
  }
  asks_ = words.verb->asks;
  site_ = static_cast<std::uint32_t>(program().sites.size());
  program().sites.push_back(std::move(s));
  file_.site_nodes_.push_back(words.where);
}

void FunctionCompiler::check_step_keys(Node n, const Words& words) {
  const Verb& verb = *words.verb;
  std::vector<std::string> meant;  // keys that are there but misspelt: not missing as well
  for (std::size_t i = 0; n.is(Node::Kind::object) && i < n.size(); ++i) {
    const std::string_view key = n.key(i);
    if (key == verb.name || is_common(key)) continue;
    if (std::ranges::any_of(verb.keys, [&](const KeySpec& k) { return k.name == key; })) continue;
    std::vector<std::string> allowed;
    for (const KeySpec& k : verb.keys) allowed.emplace_back(k.name);
    for (const CommonKey& c : common_keys()) allowed.emplace_back(c.name);
    n.key_node(i).error(out(), fmt::format("'{}' takes no key '{}'", verb.name, key), fmt::format("one of: {}", fmt::join(allowed, ", ")),
                        nearest_word(key, allowed));
    meant.push_back(nearest_word(key, allowed));
    file_.lose(n);
  }
  for (const KeySpec& k : verb.keys)
    if (k.required && !(n.is(Node::Kind::object) && n.find(k.name)) && meant.end() == std::ranges::find(meant, k.name))
      words.where.error(out(), fmt::format("'{}' needs the key '{}'", verb.name, k.name), std::string(k.meaning));
}

void FunctionCompiler::unknown_verb(Node n) {
  const std::string word(n.string());
  n.error(out(), fmt::format("unknown verb '{}'", word), meant_by(word), nearest_word(word, verb_names(code_)));
  if (word.ends_with(':')) entities().lost.insert(word.substr(0, word.size() - 1));
}

void FunctionCompiler::abandon(Node n) {
  if (!n.is(Node::Kind::object)) return;
  file_.lose(n);
  if (const Node body = n.find("do"); body.is(Node::Kind::array)) steps(body);
}

void FunctionCompiler::generic(const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.flags = verb.flags;
  i.acts = verb.acts;
  i.sets_up = verb.sets_up;
  i.error = verb.error;
  i.refused = static_cast<std::uint64_t>(std::int64_t{verb.refused});
  if (auto& parts = program().parts; verb.part != nullptr && std::ranges::find(parts, verb.part) == parts.end()) parts.push_back(verb.part);
  const Node at = operand ? operand : step;
  switch (verb.operand) {
    case OperandKind::none:
      if (operand && !operand.is(Node::Kind::null))
        operand.error(out(), fmt::format("'{}' takes no operand", verb.name),
                      may_be_bare(verb) ? fmt::format("\"{}\" as a bare string, or null", verb.name) : form(verb));
      break;
    case OperandKind::declaration:
      // What another declaration of the same name is was said when it was found.
      if (const auto found = at.is(Node::Kind::string) ? entities().by_name.find(std::string(at.string())) : entities().by_name.end();
          found != entities().by_name.end() && found->second.kind != verb.entity)
        break;
      [[fallthrough]];
    case OperandKind::entity:
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
        no_such_thing(entities(), out(), at, text->substr(0, dot), EntityKind::mapping, {}, text->substr(dot));
        break;
      }
      i.operand = {Operand::Kind::entity, EntityKind::mapping, found->second.index, 0, 0, *text};
      const auto is_switch = std::ranges::find(program().switches, *text);
      if (is_switch != program().switches.end()) i.amount = static_cast<std::uint64_t>(is_switch - program().switches.begin()) + 1;
      const auto& registers = entities().registers[found->second.index];
      if (const auto r = registers.find(text->substr(dot + 1)); r != registers.end()) {
        i.values = r->second.values;
        i.operand.field = r->second.contents;
      } else if (verb.flags != 0) {
        const std::string taken = fmt::format("register {} reads as 0", *text);
        auto& defaults = entities().defaults_taken;
        if (std::ranges::find(defaults, taken) == defaults.end()) defaults.push_back(taken);
      }
      break;
    }
    case OperandKind::local: i.other = local(at, false); break;
    case OperandKind::memory:
      if (auto o = memory(at)) i.operand = *o;
      break;
    case OperandKind::function:
      if (const auto f = function(at)) {
        i.function = *f;
        const bool called = code_ == CodeKind::driver || code_ == CodeKind::policy;
        const auto first = static_cast<std::uint32_t>(file_.first_function_);
        if (const auto self = file_.function_numbers_.find(function_.name); called && self != file_.function_numbers_.end())
          file_.calls_[self->second - first].emplace(*f - first, at);
      }
      break;
    case OperandKind::duration:
      if (const auto d = reader().duration_range(at)) {
        i.duration = d->first;
        i.spread = d->second;
      }
      break;
    case OperandKind::module:
      if (operand && !operand.is(Node::Kind::null))
        if (const auto m = file_.module(operand)) i.number = *m + 1;
      break;
    case OperandKind::custom: break;
  }
  const std::uint32_t index = emit(std::move(i));
  if (!step.is(Node::Kind::object)) return;
  for (const KeySpec& key : verb.keys)
    if (const Node v = step.find(key.name)) read_key(verb, key, v, index);
}

void FunctionCompiler::arguments(Node n, std::uint32_t index) {
  if (!n.is(Node::Kind::object)) {
    n.error(out(), fmt::format("found {}", Node::kind_name(n.kind())), "an object: locals of the function called, and their values");
    return;
  }
  if (at(index).function == UINT32_MAX) return;
  const auto& names = file_.parameters_[file_.function_names_[at(index).function - file_.first_function_]];
  if (names.size() > max_locals) {
    n.error(out(),
            fmt::format("calls give '{}' {} locals", file_.function_names_[at(index).function - file_.first_function_], names.size()),
            fmt::format("at most {}", max_locals));
    return;
  }
  for (std::size_t i = 0; i < n.size(); ++i) {
    const auto found = std::ranges::find(names, n.key(i));
    if (const auto v = value(n.at(i)); v && found != names.end())
      at(index).arguments.emplace_back(static_cast<std::uint32_t>(found - names.begin()), *v);
  }
}

std::optional<std::uint64_t> FunctionCompiler::read_refused(Node n) {
  const Node v = reader().value(n);
  if (v.is(Node::Kind::integer)) return static_cast<std::uint64_t>(v.integer());
  const auto text = reader().text(n, "an integer, or an error such as \"-EBUSY\"");
  if (!text) return {};
  if (const auto e = error_named(*text)) return e;
  n.error(out(), fmt::format("no error '{}'", *text), fmt::format("an integer, or one of {}", fmt::join(error_names(), ", ")),
          nearest_word(*text, error_names()));
  return {};
}

bool FunctionCompiler::read_key(const Verb& verb, const KeySpec& key, Node v, std::uint32_t index) {
  switch (key.kind) {
    case KeyKind::to: at(index).to = local(v, true); break;
    case KeyKind::local: at(index).other = local(v, false); break;
    case KeyKind::value:
      if (const auto x = value(v)) at(index).value = *x;
      break;
    case KeyKind::old:
      if (const auto x = value(v)) at(index).old = *x;
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
    case KeyKind::refused: at(index).refused = read_refused(v).value_or(0); break;
    case KeyKind::duration:
      if (const auto d = reader().duration_range(v)) {
        at(index).duration = d->first;
        at(index).spread = d->second;
      }
      break;
    case KeyKind::number:
      if (const auto n = reader().integer(v, 0, INT64_MAX, key.meaning)) at(index).amount = static_cast<std::uint64_t>(*n);
      break;
    case KeyKind::words: at(index).amount = file_.word_bits(key, v); break;
    case KeyKind::thing:
      if (verb.operand == OperandKind::declaration) {  // looked up when all was declared
        const Operand& self = at(index).operand;
        if (self.kind != Operand::Kind::entity || key.entity != EntityKind::device) break;  // whose devres; the rest is laid out with it
        const auto& specs = entities().specs[static_cast<std::size_t>(verb.entity)];
        if (const Operand* o = specs[self.index].thing(key.name)) at(index).second = *o;
      } else if (auto o = entity(v, key.entity)) {
        at(index).second = *o;
      }
      break;
    case KeyKind::arguments: arguments(v, index); break;
    case KeyKind::fields:
    case KeyKind::members:
    case KeyKind::fops:
    case KeyKind::registers:
    case KeyKind::owner:
    case KeyKind::custom: break;  // read when the thing was declared, or by the verb itself
  }
  return true;
}

std::uint32_t FunctionCompiler::emit(Instruction i) {
  i.site = site_;
  i.asks = code_ == CodeKind::task && asks_;
  function_.code.push_back(std::move(i));
  return here() - 1;
}

bool FunctionCompiler::may_jump(Node n) {
  if (conditions_ == 0) return true;
  n.error(out(), "a jump, a label or a return in the steps of a condition", "steps that come to their end");
  return false;
}

void FunctionCompiler::define_label(Node n) {
  if (!may_jump(n)) return;
  const auto name = reader().text(n, "a label: a word");
  if (!name) return;
  if (const auto before = labels_.find(*name); before != labels_.end()) {
    n.error(out(), fmt::format("label '{}' is defined twice", *name), {}, {}, before->second.at);
    return;
  }
  labels_[*name] = {here(), depth_, n.position()};
}

void FunctionCompiler::jump_to(std::uint32_t index, Node label) {
  if (!may_jump(label)) return;
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

void FunctionCompiler::finish() {
  // `else` blocks go behind the body; the body ends with a jump over them, and each block with a jump back.
  if (!blocks_.empty()) {
    Instruction over;
    over.execute = plain_jump();
    over.target = end_of_function;
    over.flow = Flow::jump;
    site_ = no_site;
    emit(over);
  }
  for (std::size_t b = 0; b < blocks_.size(); ++b) {  // NOLINT(modernize-loop-convert): blocks inside blocks are added on the way
    const Block block = blocks_[b];
    at(block.from).target = here();
    at(block.from).depth = block.depth;
    depth_ = block.depth;
    steps(block.steps);
    Instruction back;
    back.execute = plain_jump();
    back.target = block.resume;
    back.depth = block.depth;
    back.flow = Flow::jump;
    site_ = no_site;
    emit(back);
  }
  for (const Jump& j : jumps_) {
    const auto found = labels_.find(j.label);
    if (found == labels_.end()) {
      if (entities().lost.contains(j.label)) continue;
      std::vector<std::string> known;
      for (const auto& [k, v] : labels_) known.push_back(k);
      const bool function = file_.function_numbers_.contains(j.label);
      j.at.error(out(), fmt::format("no label '{}' in function '{}'", j.label, function_.name),
                 function ? fmt::format("a label of the function; a function is called: {{\"call\": \"{}\"}}", j.label)
                 : known.empty()
                     ? "a label that a step {\"label\": ...} of the function defines; none does"
                     : fmt::format("a label that a step {{\"label\": ...}} of the function defines: {}", fmt::join(known, ", ")),
                 nearest_word(j.label, known));
      continue;
    }
    if (found->second.depth > j.depth) {
      j.at.error(out(), fmt::format("label '{}' is inside a use block that this jump would enter", j.label),
                 "a label outside of use blocks", {}, found->second.at);
      continue;
    }
    at(j.from).target = found->second.target;
    at(j.from).depth = found->second.depth;
  }
}

}  // namespace unplug::scenarios
