// The kernel's own polling: look, and look again until a condition holds or the time is up.
#include <optional>

#include <fmt/format.h>

#include "unplug/model/kernel/locking/polling.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint8_t sleeps = 1, limited = 2, by_register = 4;

// Before each look: `other` keeps how many events there were, which is reset when the polling is over.
std::uint32_t do_mark(Frame& f, const Instruction& i, std::uint32_t next) {
  if ((i.flags & sleeps) != 0) f.context.might_sleep("read_poll_timeout");
  f.locals[i.other] = f.context.engine().trace().events.size();
  return next;
}

std::uint32_t do_enough(Frame& f, const Instruction& i, std::uint32_t next) {
  if (!holds(f, i.condition)) return next;
  f.locals[i.other] = 0;
  return i.target;
}

// Between looks. On to the next one, or the last one once the time is up.
std::uint32_t do_poll(Frame& f, const Instruction& i, std::uint32_t next) {
  auto round = model::round_since(f.context, static_cast<std::uint32_t>(f.locals[i.other]), f.context.engine().local_time());
  if (!round) return i.number;
  round->period = i.amount;
  const bool by_user = !f.function->driver && f.task != nullptr && f.task->spec->kind == TaskSpec::Kind::user;
  const auto timeout = (i.flags & limited) != 0 ? std::optional(drawn_duration(f, i)) : std::nullopt;
  const model::WaitEnd end = model::await_change(f.context, *round, timeout, by_user ? model::Poller::user : model::Poller::driver);
  return end == model::WaitEnd::expired ? next : i.number;
}

std::uint32_t do_expired(Frame& f, const Instruction& i, std::uint32_t next) {
  f.locals[i.other] = 0;
  return otherwise(f, i, next);
}

void compile(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  const Verb& look = *find_verb((verb.flags & by_register) != 0 ? "readl" : "READ_ONCE");
  Instruction mark;
  mark.execute = do_mark;
  mark.flags = verb.flags & sleeps;
  mark.other = c.local_named(fmt::format("polling {}", c.here()), true);
  const std::uint32_t kept = mark.other, again = c.emit(std::move(mark));
  const auto look_once = [&] {
    c.generic(look, step, operand);
    c.at(c.here() - 1).acts = false;
    Instruction enough;
    enough.execute = do_enough;
    enough.other = kept;
    if (const auto condition = c.condition(step.find("until"))) enough.condition = *condition;
    return c.emit(std::move(enough));
  };
  const std::uint32_t first = look_once();
  std::optional<sim::Duration> period;
  if (const Node n = step.find("sleep"))
    if (const auto d = c.reader().duration_range(n)) period = d->first;
  Instruction poll;
  poll.execute = do_poll;
  poll.other = kept;
  poll.number = again;
  poll.amount = period.value_or(0);
  const Node timeout = step.find("timeout"), other = step.find("else");
  if (timeout) {
    poll.flags = limited;
    if (const auto d = c.reader().duration_range(timeout)) {
      poll.duration = d->first;
      poll.spread = d->second;
    }
  } else if (other) {
    other.error(c.out(), fmt::format("'{}' without a timeout goes on for ever", verb.name), "\"timeout\" beside \"else\"");
  }
  c.emit(std::move(poll));
  if (timeout) {
    const std::uint32_t last = look_once();
    Instruction expired;
    expired.execute = do_expired;
    expired.other = kept;
    const std::uint32_t e = c.emit(std::move(expired));
    c.at(last).target = c.here();
    if (other) c.otherwise(e, other);
  }
  c.at(first).target = c.here();
}

Verb poll(std::string_view name, OperandKind operand, std::uint8_t flags, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = operand;
  v.execute = do_poll;
  v.keys = {{"to", KeyKind::to, true, "the local that receives the value"},
            {"until", KeyKind::custom, true, "a condition on it, with which the polling ends"},
            {"sleep", KeyKind::custom, false, "how long it sleeps between looks: \"10us\", \"10us..20us\""},
            {"timeout", KeyKind::custom, false, "how long it goes on, \"1ms\"; for ever if there is none"},
            {"else", KeyKind::custom, false, "where to go if the condition does not hold then (-ETIMEDOUT)"}};
  v.acts = false;
  v.flags = flags;
  v.compile = compile;
  v.models = "include/linux/iopoll.h, v6.18";
  v.leaves_out = "how often it looks: only looks that find something else than the one before are told apart";
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> polling_verbs() {
  return {
      poll("read_poll_timeout", OperandKind::field, sleeps, "looks at a field until a condition holds, sleeping in between"),
      poll("read_poll_timeout_atomic", OperandKind::field, 0, "the same, spinning"),
      poll("readl_poll_timeout", OperandKind::reg, sleeps | by_register, "reads a register until a condition holds, sleeping in between"),
      poll("readl_poll_timeout_atomic", OperandKind::reg, by_register, "the same, spinning"),
  };
}

}  // namespace unplug::scenarios
