// What threads outside of the kernel's own vocabulary do to shared words: guarded reads, atomic updates, choices, assertions.
#include <array>

#include <fmt/format.h>

#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

enum class Update : std::uint8_t { set, add, sub, bits_or, bits_and };

// The guard of a step on the instruction's field, with its right side as it is now. Words have no sign.
sim::Guard guard(const Frame& f, const Instruction& i) {
  constexpr sim::Guard never = sim::Guard::equal(1, 0);  // no bit of the word is looked at
  const std::uint64_t right = value(f, Value{.left = i.condition.right});
  switch (i.condition.op) {
    case Condition::Op::equal: return sim::Guard::equal(right);
    case Condition::Op::not_equal: return sim::Guard::not_equal(right);
    case Condition::Op::less: return right == 0 ? never : sim::Guard::at_most(right - 1);
    case Condition::Op::at_most: return sim::Guard::at_most(right);
    case Condition::Op::greater: return right == UINT64_MAX ? never : sim::Guard::at_least(right + 1);
    case Condition::Op::at_least: return sim::Guard::at_least(right);
  }
  return {};
}

// Polling: nobody sleeps. What user space waits for among its own tasks is its own affair.
model::WaitInfo waits_for(Frame& f, std::string_view what, const FieldRef& r) {
  model::WaitInfo wait{.what = what, .object = f.world.kernel().declared(r.object, {}), .sleeps = false};
  if (f.task->spec->kind != TaskSpec::Kind::user) return wait;
  wait.owner = model::Owner::user;
  wait.idle = true;
  return wait;
}

std::uint32_t do_await(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "await", .sync = sim::Sync::acquire, .marked = true};
  const FieldRef r = field(f, i);
  if (r.memory == nullptr) return next;
  sim::Step s = f.context.make(op, r.memory->life);
  s.access = {r.object, sim::AccessKind::read};
  s.guard = guard(f, i);
  set_local(f, i, f.context.wait(s, waits_for(f, op.name, r), [](std::uint64_t& word) { return word; }));
  return next;
}

std::uint32_t do_update(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "update", .sync = sim::Sync::both, .marked = true};
  const FieldRef r = field(f, i);
  if (r.memory == nullptr) return next;
  sim::Step s = f.context.make(op, r.memory->life);
  s.access = {r.object, sim::AccessKind::write};
  const std::uint64_t v = value(f, i);
  const auto effect = [&](std::uint64_t& word) {
    const std::uint64_t before = word;
    switch (static_cast<Update>(i.flags)) {
      case Update::set: word = v; break;
      case Update::add: word += v; break;
      case Update::sub: word -= v; break;
      case Update::bits_or: word |= v; break;
      case Update::bits_and: word &= v; break;
    }
    return before;
  };
  if (i.amount == 0) {
    set_local(f, i, f.context.engine().step(s, effect));
  } else {
    s.guard = guard(f, i);
    set_local(f, i, f.context.wait(s, waits_for(f, op.name, r), effect));
  }
  return next;
}

std::uint32_t do_choose(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "choose"};
  sim::Step s = f.context.make(op);
  s.alternatives = static_cast<std::uint32_t>(i.amount);
  set_local(f, i, f.context.engine().choose(s));
  return next;
}

std::uint32_t do_assert(Frame& f, const Instruction& i, std::uint32_t next) {
  if (holds(f, i.condition) || f.aborting()) return next;
  model::Kernel& k = f.world.kernel();
  k.report(model::ViolationClass::assertion_failed, k.intern(i.operand.name), fmt::format("'{}' does not hold here", i.operand.name));
  return next;
}

// "x == 0": the field, and what it is compared with.
bool read_guard(FunctionCompiler& c, Node n, Instruction& i) {
  constexpr std::string_view expected = "\"WORD == VALUE\" with blanks between: ==, !=, <, <=, > or >=, and a number or a local";
  const auto text = c.reader().text(n, expected);
  if (!text) return false;
  const std::vector<std::string> words = split_words(*text);
  const auto op = words.size() == 3 ? comparison(words[1]) : std::nullopt;
  const auto right = words.size() == 3 ? c.term(words[2]) : std::nullopt;
  if (!op || !right) {
    n.error(c.out(), op ? fmt::format("'{}' is neither a number nor a local", words[2]) : fmt::format("'{}' is nothing to wait for", *text),
            std::string(expected));
    return false;
  }
  const auto o = c.field_named(words[0], n);
  if (!o) return false;
  i.operand = *o;
  i.condition = {*op, no_local, *right};
  const bool order = *op != Condition::Op::equal && *op != Condition::Op::not_equal;
  if (order && right->kind == Term::Kind::constant && static_cast<std::int64_t>(right->constant) < 0) {
    n.error(c.out(), fmt::format("'{}' orders a word and a negative number", *text),
            "== or !=, or a number from 0: words have no sign here");
    return false;
  }
  return true;
}

void compile_await(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (!read_guard(c, operand, i)) return;
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  c.emit(std::move(i));
}

void compile_update(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  static constexpr std::array<std::string_view, 5> ways{"set", "add", "sub", "or", "and"};
  Instruction i;
  i.execute = verb.execute;
  Node value;
  for (std::uint8_t w = 0; w < ways.size(); ++w) {
    const Node n = step.find(ways[w]);
    if (!n) continue;
    if (value) {
      step.key_node(ways[w]).error(c.out(), fmt::format("an update with both '{}' and '{}'", ways[i.flags], ways[w]),
                                   "one of the keys set, add, sub, or, and");
      return;
    }
    value = n;
    i.flags = w;
  }
  if (!value) {
    step.error(c.out(), "an update without a new value", "one of the keys set, add, sub, or, and");
    return;
  }
  if (const auto v = c.value(value)) i.value = *v;
  const auto o = c.field(operand);
  if (const Node when = step.find("when")) {
    if (!read_guard(c, when, i)) return;
    i.amount = 1;
    if (o && (o->index != i.operand.index || o->field != i.operand.field || o->kind != i.operand.kind)) {
      when.error(c.out(), "the condition is about another word", fmt::format("one about '{}': a step touches one object", o->name));
      return;
    }
  }
  if (!o) return;
  i.operand = *o;
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  c.emit(std::move(i));
}

void compile_choose(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto n = c.reader().integer(operand, 2, 64, "how many alternatives")) i.amount = static_cast<std::uint64_t>(*n);
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  if (i.amount != 0) c.emit(std::move(i));
}

void compile_assert(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto condition = c.condition(operand)) i.condition = *condition;
  if (const auto text = c.reader().text(operand, "a condition")) {
    i.operand.name = *text;
    c.program().assertions.push_back(*text);
  }
  c.emit(std::move(i));
}

Verb verb(std::string_view name, std::string_view takes, Where place, Execute execute, decltype(Verb::compile) compile,
          std::vector<KeySpec> keys, std::string_view summary) {
  Verb v = custom(name, takes, place, execute, compile, std::move(keys), summary);
  v.acts = false;
  return v;
}

}  // namespace

std::vector<Verb> thread_verbs() {
  constexpr KeySpec to{"to", KeyKind::custom, false, "local that receives the value that the word had"};
  return {
      verb("await", "CONDITION", Where::outside, do_await, compile_await, {to},
           "a read that is enabled while a condition on the word holds: \"x == 1\""),
      verb("update", "WORD", Where::outside, do_update, compile_update,
           {{"set", KeyKind::custom, false, "the word's new value"},
            {"add", KeyKind::custom, false, "what is added to it"},
            {"sub", KeyKind::custom, false, "what is taken from it"},
            {"or", KeyKind::custom, false, "bits that are set in it"},
            {"and", KeyKind::custom, false, "bits that stay in it"},
            {"when", KeyKind::custom, false, "a condition on the word while which the step is enabled: \"m == 0\""},
            to},
           "an atomic read and write of a word"),
      verb("choose", "COUNT", Where::anywhere, do_choose, compile_choose, {{"to", KeyKind::custom, true, "local that receives 0 .. N-1"}},
           "a data choice between N alternatives; 0 is the benign one"),
      verb("assert", "CONDITION", Where::anywhere, do_assert, compile_assert, {},
           "a condition on locals that has to hold here; not a step"),
  };
}

}  // namespace unplug::scenarios
