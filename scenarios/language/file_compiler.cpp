#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/model/kernel/irq/irq_word.hpp"
#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/language/in_form.hpp"
#include "unplug/scenarios/language/set_up.hpp"
#include "unplug/scenarios/language/warnings.hpp"

namespace unplug::scenarios {
namespace {

bool same_value(Node a, Node b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Node::Kind::string: return a.string() == b.string();
    case Node::Kind::integer: return a.integer() == b.integer();
    case Node::Kind::boolean: return a.boolean() == b.boolean();
    case Node::Kind::array:
    case Node::Kind::object: {
      if (a.size() != b.size()) return false;
      for (std::size_t i = 0; i < a.size(); ++i) {
        const Node other = a.is(Node::Kind::object) ? b.find(a.key(i)) : b.at(i);
        if (!other || !same_value(a.at(i), other)) return false;
      }
      return true;
    }
    default: return true;
  }
}

// Whether two steps make the same thing in the same way: apart from where they stand and what becomes of them.
bool same_declaration(Node a, Node b) {
  static constexpr std::array<std::string_view, 6> apart{"line", "id", "note", "form", "to", "else"};
  const auto all_in = [](Node one, Node other) {
    for (std::size_t i = 0; i < one.size(); ++i) {
      if (std::ranges::find(apart, one.key(i)) != apart.end()) continue;
      const Node there = other.find(one.key(i));
      if (!there || !same_value(one.at(i), there)) return false;
    }
    return true;
  };
  return all_in(a, b) && all_in(b, a);
}

}  // namespace

FileCompiler::FileCompiler(const Document& document, const Variant& variant, Diagnostics& out)
    : document_(document), source_(&document), variant_(variant), reader_(variant_.parameters, out), program_(std::make_shared<Program>()) {
}

std::shared_ptr<Program> FileCompiler::compile(const PolicyFile& policy) {
  const std::size_t errors = reader_.out().errors();
  if (const Node n = document_.root().find("name"); n.is(Node::Kind::string)) program_->scenario = std::string(n.string());
  program_->removal = variant_.removal;
  {
    Diagnostics said;  // when the file's structure was checked
    roster_ = read_roster(document_.root(), said);
  }
  make_devices();
  read_kernel();
  list_functions(document_.root().find("functions"));
  list_tables();
  declare_shared();
  declare_static();
  calls_.resize(function_names_.size());
  for (const std::string& name : function_names_) {
    module_ = function_modules_[function_numbers_[name]];
    maker_ = function_numbers_[name];
    declare(function_nodes_[name]);
    find_parameters(function_nodes_[name]);
  }
  module_ = 0;
  maker_ = UINT32_MAX;
  const Node run = document_.root().find("run");
  for (const std::string_view section : {"tasks", "threads"})
    if (const Node tasks = run.is(Node::Kind::object) ? run.find(section) : Node{}; tasks.is(Node::Kind::object))
      for (std::size_t i = 0; i < tasks.size(); ++i) find_parameters(tasks.at(i));
  find_scopes();
  resolve_references();
  find_switches();
  program_->entities = entities_.specs;
  read_tables();
  program_->functions.resize(function_names_.size());
  const std::set<std::string> here = led_to(true), anywhere = led_to(false);
  for (const std::string& name : function_names_) {
    const bool only_elsewhere = anywhere.contains(name) && !here.contains(name);
    FunctionCompiler f(*this, name, CodeKind::driver);
    f.run(only_elsewhere ? Node{} : function_nodes_[name], function_numbers_[name]);
    program_->functions[function_numbers_[name]].unused = !anywhere.contains(name);
  }
  check_calls();
  read_modules();
  find_homes();
  read_run();
  read_final();
  const std::size_t of_driver = function_names_.size();
  if (policy.steps != nullptr) compile_hooks(policy);
  find_homes();
  plan();
  set_scopes();
  program_->entities = entities_.specs;
  if (reader_.out().errors() != errors) return nullptr;
  find_names_of_many(*program_, site_nodes_, reader_.out());
  find_what_is_set_up_again(*program_, of_driver);
  find_who_puts_modules(*program_);
  check_members(*program_, site_nodes_, reader_.out());
  if (reader_.out().errors() != errors) return nullptr;
  if (variant_.reached != nullptr) find_reached(*program_, site_nodes_, *variant_.reached);
  warn_about_interrupts(*program_, site_nodes_, reader_.out());
  warn_about_order(*program_, site_nodes_, reader_.out());
  warn_about_locks(*program_, site_nodes_, reader_.out());
  warn_about_loops(*program_, site_nodes_, reader_.out());
  return program_;
}

bool FileCompiler::take(Node at) {
  if (variant_.work == nullptr) return true;
  if (++*variant_.work == most_work + 1)
    at.error(reader_.out(), fmt::format("more than {} steps and words", most_work),
             "fewer of them, counted with repeats unrolled, for all parameter values and forms together");
  return *variant_.work <= most_work;
}

// Simulated threads have small stacks, as those of the kernel are: no recursion, and no long chains of calls.
void FileCompiler::check_calls() {
  enum class State : std::uint8_t { fresh, open, done };
  std::vector<State> state(calls_.size(), State::fresh);
  std::vector<std::size_t> depth(calls_.size(), 0);
  std::vector<std::pair<std::uint32_t, std::map<std::uint32_t, Node>::const_iterator>> path;
  const auto enter = [&](std::uint32_t f) {
    state[f] = State::open;
    path.emplace_back(f, calls_[f].begin());
  };
  for (std::uint32_t first = 0; first < calls_.size(); ++first) {
    if (state[first] == State::fresh) enter(first);
    while (!path.empty()) {
      auto& [f, next] = path.back();
      if (next == calls_[f].end()) {
        state[f] = State::done;
        path.pop_back();
        continue;
      }
      const auto [callee, at] = *next;
      if (state[callee] == State::fresh) {
        enter(callee);
        continue;
      }
      ++next;
      if (state[callee] == State::open) {
        at.error(reader_.out(), fmt::format("function '{}' comes to call itself", function_names_[callee]), "no recursion");
      } else if (depth[f] = std::max(depth[f], depth[callee] + 1); depth[f] == deepest_calls) {
        at.error(reader_.out(), fmt::format("calls are {} deep here", depth[f]), fmt::format("less than {}", deepest_calls));
      }
    }
  }
}

bool FileCompiler::in_form(Node step) const { return scenarios::in_form(step, variant_.form); }

void FileCompiler::list_functions(Node functions) {
  if (!functions.is(Node::Kind::object)) return;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const std::string name(functions.key(i));
    function_numbers_.emplace(name, static_cast<std::uint32_t>(first_function_ + function_names_.size()));
    function_names_.push_back(name);
    function_nodes_[name] = functions.at(i);
    const auto module = source_ == &document_ ? roster_.module_of_function(name) : 0;
    function_modules_.push_back(module.value_or(0));
    if (!module)
      functions.key_node(i).error(
          reader_.out(), fmt::format("in which module is '{}'?", name),
          fmt::format("a name that begins with MODULE_, or a place in the \"functions\" of {}", which(roster_.module_names(), "a module")));
  }
}

std::optional<std::uint32_t> FileCompiler::function(Node n) {
  const auto name = reader_.text(n, "the name of a function of this file");
  if (!name) return {};
  if (const auto found = function_numbers_.find(*name); found != function_numbers_.end()) return found->second;
  n.error(reader_.out(), fmt::format("no function '{}'", *name), "a function listed under \"functions\"",
          nearest_word(*name, function_names_));
  return {};
}

std::optional<std::uint32_t> FileCompiler::module(Node n) {
  const auto name = reader_.text(n, "the name of a module of this file");
  if (!name) return {};
  if (const auto found = roster_.module(*name); found && !name->empty()) return found;
  const std::vector<std::string> names = roster_.module_names();
  n.error(reader_.out(), fmt::format("no module '{}'", *name), which(names, "a module listed under \"modules\""),
          nearest_word(*name, names));
  return {};
}

// --- Declarations: what the functions' verbs make, found before any is compiled so that order in the file doesn't matter.

void FileCompiler::declare(Node steps) {
  if (!steps.is(Node::Kind::array)) return;
  for (std::size_t i = 0; i < steps.size(); ++i) declare_step(steps.at(i));
}

void FileCompiler::declare_step(Node step) {
  if (!step.is(Node::Kind::object)) return;
  if (!in_form(step)) {
    for (std::size_t i = 0; i < step.size(); ++i)
      if (const Verb* verb = find_verb(step.key(i)); verb != nullptr && verb->operand == OperandKind::declaration)
        if (const Node name = step.at(i); name.is(Node::Kind::string)) {
          auto& forms = entities_.in_forms[std::string(name.string())];
          for (const std::string& f : variant_.forms == nullptr ? std::vector<std::string>{} : *variant_.forms)
            if (scenarios::in_form(step, f) && std::ranges::find(forms, f) == forms.end()) forms.push_back(f);
        }
    if (variant_.forms != nullptr && !names_form(step, *variant_.forms)) lose(step);  // a form that nobody has, which was said
    return;
  }
  if (const Node times = step.find("repeat")) {
    const Node n = reader_.value(times);
    const std::int64_t count = n.is(Node::Kind::integer) ? std::clamp<std::int64_t>(n.integer(), 0, 64) : 0;
    const Node as = step.find("as");
    const std::string variable = as.is(Node::Kind::string) ? std::string(as.string()) : std::string{};
    for (std::int64_t k = 0; k < count && take(step); ++k) {
      reader_.loops.emplace_back(variable, k);
      declare(step.find("do"));
      reader_.loops.pop_back();
    }
    return;
  }
  bool verbs = false;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const Verb* verb = find_verb(step.key(i));
    verbs = verbs || verb != nullptr;
    if (verb != nullptr && verb->operand == OperandKind::declaration &&
        (verb->declares_unless.empty() || !step.find(verb->declares_unless)))
      declare_one(*verb, step, step.at(i));
  }
  if (!verbs) lose(step);
  for (const std::string_view block : {"do", "else"}) declare(step.find(block));
}

// Called for a step about which there is, or will be, a message.
void FileCompiler::lose(Node step) {
  for (std::size_t i = 0; i < step.size(); ++i)
    if (step.at(i).is(Node::Kind::string) && step.key(i) != "note" && step.key(i) != "form") entities_.lost.emplace(step.at(i).string());
}

void FileCompiler::declare_one(const Verb& verb, Node step, Node operand) {
  Diagnostics& out = reader_.out();
  const auto text = reader_.text(operand, fmt::format("a name for the {}", name(verb.entity)));
  if (!text) return;
  if (const auto before = entities_.by_name.find(*text); before != entities_.by_name.end()) {
    const Verb* const other = find_verb(before->second.verb);
    if (verb.joins && before->second.kind == verb.entity && other != nullptr && other->name != verb.name && other->joins) {
      EntitySpec& spec = entities_.specs[static_cast<std::size_t>(verb.entity)][before->second.index];
      spec.flags |= verb.flags;
      makers_.push_back({verb.entity, before->second.index, maker_});
      declare_keys(verb, step, spec, before->second.index);
      return;
    }
    const bool same_step = before->second.at.line == operand.position().line && before->second.at.column == operand.position().column;
    // One thing that is made at several places: in probe() and in resume(), in each open().
    if (!same_step && before->second.step && same_declaration(before->second.step, step)) {
      makers_.push_back({verb.entity, before->second.index, maker_});
      return;
    }
    operand.error(out, fmt::format("'{}' is declared twice", *text),
                  same_step ? "a name with the loop variable in it, such as \"bar$i\""
                            : "another name, or the same verb with the same keys",
                  {}, before->second.at);
    return;
  }
  EntitySpec spec;
  spec.name = *text;
  const std::size_t dot = text->rfind('.');
  spec.member = dot == std::string::npos ? *text : text->substr(dot + 1);
  if (dot != std::string::npos) {
    const std::string base = text->substr(0, dot);
    if (entities_.lost.contains(base)) {
      entities_.lost.insert(*text);
      return;
    }
    const auto memory = entities_.by_name.find(base);
    if (memory == entities_.by_name.end() || memory->second.kind != EntityKind::allocation) {
      std::vector<std::string> names;
      for (const auto& [k, e] : entities_.by_name)
        if (e.kind == EntityKind::allocation) names.push_back(k);
      operand.error(out, fmt::format("'{}' lives in '{}', which no earlier step allocates", *text, base),
                    "memory from devm_kzalloc or kzalloc", nearest_word(base, names));
      entities_.lost.insert(*text);
      return;
    }
    spec.allocation = memory->second.index;
  }
  if (const Node fn = step.find("fn"); fn && has_function(verb.entity)) {
    if (const auto f = function(fn)) spec.function = *f;
  } else if (has_function(verb.entity) && std::ranges::any_of(verb.keys, [](const KeySpec& k) { return k.name == "fn" && k.required; })) {
    entities_.lost.insert(*text);  // the missing key is reported when the step is compiled
    return;
  }
  declare_common(verb, step, spec);
  spec.flags = verb.flags;
  spec.module = module_;
  if (module_ != 0 && !step.find("fops") && std::ranges::any_of(verb.keys, [](const KeySpec& k) { return k.kind == KeyKind::fops; }))
    spec.numbers.emplace_back("fops", program_->modules[module_].fops);
  spec.of_policy = source_ != &document_;
  auto& list = entities_.specs[static_cast<std::size_t>(verb.entity)];
  const auto index = static_cast<std::uint32_t>(list.size());
  entities_.by_name[*text] = {verb.entity, index, operand.position(), verb.name, Scope::binding, step};
  makers_.push_back({verb.entity, index, maker_});
  if (verb.entity == EntityKind::mapping) entities_.registers.emplace_back();
  declare_keys(verb, step, spec, index);
  if (verb.entity == EntityKind::urb && !spec.has_number("endpoint"))
    entities_.defaults_taken.push_back(
        fmt::format("URB {} on an endpoint of the interface, and on endpoint 0 as well (\"endpoint\")", spec.name));
  list.push_back(std::move(spec));
  if (verb.entity == EntityKind::allocation) declare_members(step.find("members"), *text, static_cast<std::uint32_t>(list.size() - 1));
}

void FileCompiler::declare_common(const Verb& verb, Node step, EntitySpec& spec) {
  declare_fields(step.find("fields"), spec);
  const bool owned = std::ranges::any_of(verb.keys, [](const KeySpec& k) { return k.kind == KeyKind::owner; });
  if (const Node who = owned ? step.find("owner") : Node{})
    if (const auto o = owner(who)) spec.owner = *o;
}

std::optional<model::Owner> FileCompiler::owner(Node n) const {
  const auto who = reader_.text(n, "driver, core, other driver, hardware or user");
  if (!who) return {};
  std::vector<std::string> names;
  for (const model::Owner o :
       {model::Owner::driver, model::Owner::core, model::Owner::other_driver, model::Owner::hardware, model::Owner::user}) {
    names.emplace_back(model::name(o));
    if (*who == model::name(o)) return o;
  }
  n.error(reader_.out(), fmt::format("nobody called '{}' ends a wait", *who), "driver, core, other driver, hardware or user",
          nearest_word(*who, names));
  return {};
}

void FileCompiler::declare_keys(const Verb& verb, Node step, EntitySpec& spec, std::uint32_t index) {
  for (const KeySpec& key : verb.keys) {
    const Node n = step.find(key.name);
    if (!n) continue;
    switch (key.kind) {
      case KeyKind::number:
        if (const auto v = reader_.integer(n, 0, INT64_MAX, key.meaning))
          spec.numbers.emplace_back(key.name, static_cast<std::uint64_t>(*v));
        break;
      case KeyKind::words: spec.numbers.emplace_back(key.name, word_bits(key, n)); break;
      case KeyKind::function:
        if (key.name != "fn")
          if (const auto f = function(n)) spec.functions.emplace_back(key.name, *f);
        break;
      case KeyKind::fops:
        if (const auto t = table(n, "file_operations", fops_names_)) spec.numbers.emplace_back(key.name, *t);
        break;
      case KeyKind::registers: read_registers(n, index); break;
      case KeyKind::thing: references_.push_back({verb.entity, index, key.name, key.entity, n}); break;
      default: break;
    }
  }
}

std::uint64_t FileCompiler::word_bits(const KeySpec& key, Node n) const {
  std::vector<std::string> choices;
  for (std::size_t at = 0; at < key.choices.size();) {
    const std::size_t end = std::min(key.choices.find(' ', at), key.choices.size());
    choices.emplace_back(key.choices.substr(at, end - at));
    at = end + 1;
  }
  std::uint64_t bits = 0;
  const auto one = [&](Node w) {
    const auto text = reader_.text(w, fmt::format("one of: {}", join(choices)));
    if (!text) return;
    const auto found = std::ranges::find(choices, *text);
    if (found == choices.end()) {
      const bool several = text->find_first_of("|, ") != std::string::npos;
      w.error(reader_.out(), fmt::format("no '{}' among the {}", *text, key.name),
              several ? fmt::format("an array of words, such as [\"{}\"]", fmt::join(choices, "\", \""))
                      : fmt::format("one of: {}", join(choices)),
              nearest_word(*text, choices));
    } else {
      bits |= std::uint64_t{1} << (found - choices.begin());
    }
  };
  if (!n.is(Node::Kind::array)) one(n);
  for (std::size_t i = 0; n.is(Node::Kind::array) && i < n.size(); ++i) one(n.at(i));
  return bits;
}

void FileCompiler::resolve_references() {
  for (const auto& [number, n] : doorbells_) {
    const auto text = reader_.text(n, "the name of a DMA engine");
    const auto found = text ? entities_.by_name.find(*text) : entities_.by_name.end();
    if (found != entities_.by_name.end() && found->second.kind == EntityKind::dma_engine) {
      program_->hardware.registers[number].doorbell = {Operand::Kind::entity, EntityKind::dma_engine, found->second.index, 0, 0, *text};
    } else if (text) {
      no_such_thing(entities_, reader_.out(), n, *text, EntityKind::dma_engine);
    }
  }
  for (const Reference& r : references_) {
    const auto text = reader_.text(r.at, fmt::format("the name of {}", with_article(name(r.to))));
    if (!text || entities_.lost.contains(*text)) continue;
    const auto found = entities_.by_name.find(*text);
    if (found != entities_.by_name.end() && found->second.kind == r.to) {
      entities_.specs[static_cast<std::size_t>(r.kind)][r.index].things.emplace_back(
          r.key,
          Operand{
              .kind = Operand::Kind::entity, .entity = r.to, .index = found->second.index, .name = *text, .scope = found->second.scope});
      continue;
    }
    no_such_thing(entities_, reader_.out(), r.at, *text, r.to);
  }
  // Of things of one kind that refer to each other there is one that all the others mean.
  for (const Reference& r : references_) {
    const auto& specs = entities_.specs[static_cast<std::size_t>(r.kind)];
    const Operand* const to = r.kind == r.to ? specs[r.index].thing(r.key) : nullptr;
    if (to != nullptr && specs[to->index].thing(r.key) != nullptr)
      r.at.error(reader_.out(), fmt::format("'{}' itself {} another {}", to->name, r.key, name(r.to)),
                 fmt::format("the {} that it {}, which both mean then", name(r.to), r.key), specs[to->index].thing(r.key)->name);
  }
  // Interrupts with a thread, by the one whose line they are on.
  std::map<std::uint32_t, unsigned> threads;
  const auto& irqs = entities_.specs[static_cast<std::size_t>(EntityKind::irq)];
  const auto threaded = [&](std::uint32_t i) { return irqs[i].function_of("thread_fn") != UINT32_MAX ? 1U : 0U; };
  for (const Reference& r : references_) {
    const Operand* const line = r.kind == EntityKind::irq && r.key == irq_key::shares ? irqs[r.index].thing(r.key) : nullptr;
    if (line == nullptr || threaded(r.index) == 0) continue;
    if (threads.try_emplace(line->index, threaded(line->index)).first->second++ == model::irq_word::most_threads)
      r.at.error(reader_.out(), fmt::format("more than {} interrupts with a thread on one line", model::irq_word::most_threads));
  }
}

void FileCompiler::find_parameters(Node n) {
  if (n.is(Node::Kind::array))
    for (std::size_t i = 0; i < n.size(); ++i) find_parameters(n.at(i));
  if (!n.is(Node::Kind::object)) return;
  const Node call = reader_.value(n.find("call")), with = n.find("with");
  if (call.is(Node::Kind::string) && with.is(Node::Kind::object)) {
    auto& names = parameters_[std::string(call.string())];
    for (std::size_t i = 0; i < with.size(); ++i)
      if (std::ranges::find(names, with.key(i)) == names.end()) names.emplace_back(with.key(i));
  }
  for (const std::string_view block : {"do", "else"}) find_parameters(n.find(block));
}

}  // namespace unplug::scenarios
