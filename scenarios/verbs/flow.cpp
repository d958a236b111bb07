// Control flow, `use`, `policy`, and the passing of time. None of these but `use`, `policy` and the waits is a step.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/language/results.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// --- Execution.

std::uint32_t do_use(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Resource& r = owner(f, i.operand).resources[i.operand.index];
  model::Token token = 0;
  model::ResourceGuard& guard = owner(f, i.operand).policy->resource();
  if (guard.acquire(f.context, r, token)) {
    f.scopes[f.scope_count++] = {&guard, &r, token};
    return next;
  }
  if (f.aborting()) return next;
  model::Kernel& k = f.world.kernel();
  const bool torn = f.file != nullptr && f.file->acted;
  if (torn) f.file->torn = true;
  k.count_refusal(torn, f.context.site());
  if (i.target != no_target) {
    if (f.file != nullptr && f.result == 0) f.result = -19;  // the usual answer, unless the driver's path says otherwise
    return otherwise(f, i, next);
  }
  k.report(model::ViolationClass::unhandled_refusal, r.name,
           fmt::format("access to '{}' is refused and the driver has no path for it", k.text(r.name)));
  return i.number;
}

std::uint32_t do_end_use(Frame& f, const Instruction&, std::uint32_t next) {
  if (f.scope_count > 0) f.leave_scopes(f.scope_count - 1);
  return next;
}

std::uint32_t do_policy(Frame& f, const Instruction&, std::uint32_t next) {
  f.binding->policy->fence(f.context, f.binding->binding, f.binding->sources);
  return next;
}

std::uint32_t do_branch(Frame& f, const Instruction& i, std::uint32_t next) {  // to the target unless the condition holds
  return holds(f, i.condition) ? next : i.target;
}

std::uint32_t do_goto_if(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.condition.local != no_local && !holds(f, i.condition)) return next;
  f.leave_scopes(i.depth);
  if (i.target < next) f.looped(i.target);
  return i.target;
}

std::uint32_t do_return_if(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.condition.local != no_local && !holds(f, i.condition)) return next;
  f.result = static_cast<std::int64_t>(value(f, i));
  return end_of_function;
}

std::uint32_t do_jump(Frame& f, const Instruction& i, std::uint32_t) {
  f.leave_scopes(i.depth);
  return i.target;
}

std::uint32_t do_call(Frame& f, const Instruction& i, std::uint32_t next) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> arguments;
  for (const auto& [to, from] : i.arguments) arguments.emplace_back(to, value(f, from));
  std::uint64_t returned = 0;
  f.world.call(f.context, i.function,
               {.binding = f.binding,
                .file = f.file,
                .task = f.task,
                .poll = f.poll,
                .vma = f.vma,
                .self = f.self,
                .runs_for = f.context.binding(),
                .arguments = arguments,
                .value = &returned,
                .ended = f.ended});
  if (*f.ended) return end_of_function;
  set_local(f, i, returned);
  return next;
}

std::uint32_t do_let(Frame& f, const Instruction& i, std::uint32_t next) {
  f.locals[i.to] = value(f, i);
  return next;
}

std::uint32_t do_container_of(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, i.other == no_local ? f.self : f.world.container(f.locals[i.other], i.operand.index));
  return next;
}

std::uint32_t do_maybe(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "maybe"};
  sim::Step s = f.context.make(op);
  s.alternatives = 2;
  return f.context.engine().choose(s) == 0 ? next : i.target;
}

std::uint32_t do_sleep(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "msleep", .pause = true};
  f.context.sleep(op, drawn_duration(f, i));
  return next;
}

std::uint32_t do_resched(Frame& f, const Instruction&, std::uint32_t next) {
  static const model::Operation op{.name = "cond_resched", .pause = true};
  f.context.might_sleep("cond_resched");
  f.context.engine().step(f.context.make(op));
  return next;
}

std::uint32_t do_nothing(Frame&, const Instruction&, std::uint32_t next) { return next; }

std::uint32_t do_delay(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "udelay"};
  f.context.compute(op, drawn_duration(f, i));
  return next;
}

// --- Compilation.

std::optional<std::uint64_t> result(FunctionCompiler& c, Node n) {
  if (n.is(Node::Kind::null) || !n) return 0;
  const Node v = c.reader().value(n);
  if (v.is(Node::Kind::integer)) return static_cast<std::uint64_t>(v.integer());
  const auto text = c.reader().text(n, "a result: an integer, or an error such as \"-ENODEV\"");
  if (!text) return {};
  if (const auto r = result_named(*text)) return r;
  n.error(c.out(), fmt::format("'{}' is no result", *text),
          text->starts_with("-E") ? fmt::format("an integer, a local variable, or one of {}", fmt::join(error_names(), ", "))
                                  : "an integer, a local variable, or an error such as \"-ENODEV\"",
          nearest_word(*text, result_names()));
  return {};
}

void read_result(FunctionCompiler& c, Node n, Instruction& i) {
  if (n.is(Node::Kind::string) && c.has_local(std::string(n.string()))) {
    i.value.left = {Term::Kind::local, 0, c.local(n, false)};
  } else if (const auto r = result(c, n)) {
    i.value.left.constant = *r;
  }
}

void compile_use(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction use;
  use.execute = verb.execute;
  if (const auto o = c.entity(operand, EntityKind::mapping)) use.operand = *o;
  use.acts = false;
  const std::uint32_t index = c.emit(std::move(use));
  const std::uint32_t site = c.site();
  if (c.depth() == Frame::max_scopes) operand.error(c.out(), fmt::format("more than {} use blocks inside each other", Frame::max_scopes));
  c.enter_scope();
  if (const Node body = step.find("do")) c.steps(body);
  c.leave_scope();
  Instruction end;
  end.execute = do_end_use;
  const std::uint32_t e = c.emit(std::move(end));
  c.at(e).site = site;
  c.at(index).number = c.here();
  // After the block: that is where an `else` of steps comes back to.
  if (const Node other = step.find("else")) {
    c.otherwise(index, other);
  } else {
    c.entities().refusals_without_path.push_back(step);
  }
}

void compile_policy(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  const auto what = c.reader().text(operand, "\"fence\": the policy's half of remove()");
  if (!what) return;
  if (*what != "fence") {
    operand.error(c.out(), fmt::format("'{}' is no stage of a policy", *what), "\"fence\"", *what == "fense" ? "fence" : "");
    return;
  }
  c.program().has_fence = true;
  Instruction i;
  i.execute = verb.execute;
  c.emit(std::move(i));
}

void compile_if(FunctionCompiler& c, const Verb&, Node step, Node operand) {
  const auto condition = c.condition(operand);
  const Node go = step.find("goto"), ret = step.find("return"), body = step.find("do"), other = step.find("else");
  const int ways = (go ? 1 : 0) + (ret ? 1 : 0) + (body ? 1 : 0);
  if (ways != 1) {
    step.error(c.out(), ways == 0 ? "an if without consequence" : "an if with more than one consequence",
               "one of \"do\" (with or without \"else\"), \"goto\" or \"return\"");
    return;
  }
  if (other && !body) step.error(c.out(), "an else without \"do\"", "\"do\" beside \"else\"");
  Instruction i;
  if (condition) i.condition = *condition;
  if (go) {
    i.execute = do_goto_if;
    c.jump_to(c.emit(std::move(i)), go);
  } else if (ret) {
    if (!c.may_jump(ret)) return;
    i.execute = do_return_if;
    i.flow = Flow::maybe_leave;
    read_result(c, ret, i);
    c.emit(std::move(i));
  } else {
    i.execute = do_branch;
    const std::uint32_t branch = c.emit(std::move(i));
    c.steps(body);
    if (other) {
      Instruction over;
      over.execute = do_jump;
      over.flow = Flow::jump;
      over.depth = c.depth();
      const std::uint32_t j = c.emit(std::move(over));
      c.at(j).site = no_site;
      c.at(branch).target = c.here();
      c.steps(other);
      c.at(j).target = c.here();
    } else {
      c.at(branch).target = c.here();
    }
  }
}

void compile_goto(FunctionCompiler& c, const Verb&, Node, Node operand) {
  Instruction i;
  i.execute = do_goto_if;
  i.condition.local = no_local;
  i.flow = Flow::jump;
  c.jump_to(c.emit(std::move(i)), operand);
}

void compile_label(FunctionCompiler& c, const Verb&, Node, Node operand) { c.define_label(operand); }

void compile_return(FunctionCompiler& c, const Verb&, Node step, Node operand) {
  if (!c.may_jump(step)) return;
  Instruction i;
  i.execute = do_return_if;
  i.condition.local = no_local;
  i.flow = Flow::leave;
  read_result(c, operand, i);
  c.emit(std::move(i));
}

void compile_repeat(FunctionCompiler& c, const Verb&, Node step, Node operand) {
  const auto times = c.reader().integer(operand, 0, 64, "how often the steps are repeated");
  if (!times) return;
  std::string variable;
  if (const Node as = step.find("as")) {
    if (const auto text = c.reader().text(as, "the name of the loop variable")) variable = *text;
  }
  for (std::int64_t n = 0; n < *times; ++n) {
    c.reader().loops.emplace_back(variable, n);
    c.steps(step.find("do"));
    c.reader().loops.pop_back();
  }
}

void compile_let(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto v = c.value(step.find("value"))) i.value = *v;
  i.to = c.local(operand, true);
  if (i.to != no_local) c.emit(std::move(i));
}

// A check that the function can be called for such a thing; which one it was called for is known when it runs.
void compile_container_of(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  const auto text = c.reader().text(operand, "a member of declared memory: \"priv.work\"");
  if (!text) return;
  const auto found = c.entities().by_name.find(*text);
  if (text->find('.') == std::string::npos || (found == c.entities().by_name.end() && !c.entities().lost.contains(*text))) {
    std::vector<std::string> names;
    for (const auto& [name, e] : c.entities().by_name)
      if (name.find('.') != std::string::npos) names.push_back(name);
    operand.error(c.out(), fmt::format("no member '{}'", *text), "a thing that is embedded in declared memory, and calls this function",
                  nearest_word(*text, names));
  }
  Instruction i;
  i.execute = verb.execute;
  if (const Node from = step.find("from")) {
    const bool structure = found != c.entities().by_name.end() && found->second.kind == EntityKind::allocation;
    if (structure) i.operand = {Operand::Kind::entity, EntityKind::allocation, found->second.index, 0, 0, *text};
    if (!structure && found != c.entities().by_name.end())
      operand.error(c.out(), fmt::format("'{}' is {}", *text, with_article(name(found->second.kind))),
                    "a structure in another, as \"from\" points to one", {}, found->second.at);
    i.other = c.local(from, false);
  }
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  c.emit(std::move(i));
}

void compile_maybe(FunctionCompiler& c, const Verb& verb, Node step, Node) {
  Instruction i;
  i.execute = verb.execute;
  const std::uint32_t choice = c.emit(std::move(i));
  c.steps(step.find("do"));
  c.at(choice).target = c.here();
}

Verb flow(std::string_view name, std::string_view takes, Execute execute, decltype(Verb::compile) compile, std::vector<KeySpec> keys,
          std::string_view summary) {
  Verb v = custom(name, takes, Where::anywhere, execute, compile, std::move(keys), summary);
  v.acts = false;
  return v;
}

Verb in_driver(Verb v) {
  v.place = Where::module;
  return v;
}

Verb of_callbacks(Verb v) {
  v.place = Where::driver;
  return v;
}

Verb time(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::duration;
  v.execute = execute;
  v.place = Where::anywhere;
  v.acts = false;
  v.models = models;
  v.summary = summary;
  return v;
}

Verb yields(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  Verb v = time(name, execute, models, summary);
  v.operand = OperandKind::none;
  return v;
}

}  // namespace

Execute plain_jump() { return do_jump; }

std::vector<Verb> flow_verbs() {
  constexpr KeySpec body{"do", KeyKind::custom, true, "an array of steps"};
  Verb call;
  call.name = "call";
  call.operand = OperandKind::function;
  call.execute = do_call;
  call.keys = {{"with", KeyKind::arguments, false, "values of locals that it starts with: {\"p\": \"priv\"}"},
               {"to", KeyKind::to, false, "local that receives its result"}};
  call.acts = false;
  call.summary = "calls another function of the file";
  return {
      in_driver(flow("use", "MAPPING", do_use, compile_use,
                     {body, {"else", KeyKind::custom, false, "where to go when access is refused: a label, or steps"}},
                     "access to a resource as the policy gives it: nothing, try_access, ...")),
      in_driver(flow("policy", "STAGE", do_policy, compile_policy, {}, "the policy's half of remove(); nothing under \"none\"")),
      flow("if", "CONDITION", nullptr, compile_if,
           {{"do", KeyKind::custom, false, "steps"},
            {"else", KeyKind::custom, false, "steps"},
            {"goto", KeyKind::custom, false, "a label"},
            {"return", KeyKind::custom, false, "a result"}},
           "a branch on locals"),
      flow("goto", "LABEL", nullptr, compile_goto, {}, "jumps to a label of the function; use blocks that are left end"),
      flow("label", "LABEL", nullptr, compile_label, {}, "where a goto or an else goes"),
      flow("return", "RESULT", nullptr, compile_return, {}, "leaves the function with a result"),
      call,
      flow("let", "LOCAL", do_let, compile_let, {{"value", KeyKind::custom, true, "a number, a local, or two of them with +, -, & or |"}},
           "sets a local; not a step"),
      of_callbacks(flow("container_of", "MEMBER", do_container_of, compile_container_of,
                        {{"to", KeyKind::custom, true, "local that receives the pointer"},
                         {"from", KeyKind::custom, false, "a local that points to the member, a structure"}},
                        "in what a work item, timer, ... calls: the memory that it is embedded in; or that of a structure in another")),
      flow("repeat", "COUNT", nullptr, compile_repeat,
           {body, {"as", KeyKind::custom, false, "name of the loop variable, for \"$name\" inside"}}, "unrolls steps; counts from 0"),
      flow("maybe", "WORD", do_maybe, compile_maybe, {body}, "a choice: the steps happen or they don't"),
      time("msleep", do_sleep, "kernel/time/timer.c, v6.18", "sleeps for a time or within a range"),
      time("usleep_range", do_sleep, "kernel/time/timer.c, v6.18", "sleeps for a time within a range"),
      yields("cond_resched", do_resched, "kernel/sched/core.c, v6.18", "lets others run, where that is allowed"),
      yields("cpu_relax", do_nothing, "arch/x86/include/asm/vdso/processor.h, v6.18", "a pause of a busy loop; not a step"),
      time("udelay", do_delay, "include/linux/delay.h, v6.18", "computes for a time, holding a CPU"),
  };
}

}  // namespace unplug::scenarios
