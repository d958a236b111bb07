// Completions.
#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::completion;

std::uint32_t do_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Waiter* const w = thing<kind>(f, i);
  return w == nullptr || model::wait_for_completion(f.context, *w) ? next : otherwise(f, i, next);
}

using Limited = model::Waited (*)(model::Context&, model::Waiter&);
using Timed = model::Waited (*)(model::Context&, model::Waiter&, sim::Duration);

template <Limited function> std::uint32_t do_limited(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Waiter* const w = thing<kind>(f, i);
  return w == nullptr ? next : waited(f, i, next, function(f.context, *w), 0);
}
template <Timed function> std::uint32_t do_timed(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Waiter* const w = thing<kind>(f, i);
  return w == nullptr ? next : waited(f, i, next, function(f.context, *w, drawn_duration(f, i)), 1);
}

constexpr VerbFamily family{kind, "order of waiters, how much of a timeout was left"};
constexpr std::string_view completion_c = "kernel/sched/completion.c, v6.18";

void lay_out(model::Waiter& w, const ThingSetup& s) {
  model::init_waiter(s.kernel, w, s.unique, s.declared, s.home, s.spec.owner);
  if (s.is_source()) s.binding.sources.waiters.push_back(&w);
}

Verb anywhere(Verb v) {
  v.place = Where::anywhere;
  return v;
}

}  // namespace

std::uint32_t waited(Frame& f, const Instruction& i, std::uint32_t next, model::Waited how, std::uint64_t completed) {
  switch (how) {
    case model::Waited::completed: set_local(f, i, completed); return next;
    case model::Waited::expired: set_local(f, i, 0); break;
    case model::Waited::interrupted: set_local(f, i, static_cast<std::uint64_t>(std::int64_t{model::erestartsys})); break;
    case model::Waited::shot_down: set_local(f, i, static_cast<std::uint64_t>(std::int64_t{model::enodev})); break;
  }
  return otherwise(f, i, next);
}

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> waiter_verbs() {
  constexpr KeySpec timeout{"timeout", KeyKind::duration, true, "how long it waits: \"10ms\", \"1ms..5ms\""},
      shot{"else", KeyKind::otherwise, false, "where to go when removal has shot the wait down"},
      ended{"else", KeyKind::otherwise, false, "where to go if it is not completed"},
      left{"to", KeyKind::to, false, "local that receives 1 where the kernel says how much time was left, or 0: expired"},
      error{"to", KeyKind::to, false, "local that receives 0, or -512 (-ERESTARTSYS)"},
      both{"to", KeyKind::to, false, "local that receives 1, 0: expired, or -512 (-ERESTARTSYS)"},
      answer{"to", KeyKind::to, false, "local that receives 1 or 0"};
  Verb init = family.sets_up("init_completion",
                             {{"owner", KeyKind::owner, true, "who ends the wait: driver, core, other driver, hardware or user"}},
                             completion_c, "declares a completion", set_up_again<EntityKind::completion>);
  Verb done =
      family.on_thing("completion_done", on<kind, model::completion_done>, {answer}, completion_c, "whether who waits now would go on");
  done.acts = false;
  return {
      init,
      family.on_thing("reinit_completion", on<kind, model::reinit_completion>, {}, completion_c, "nothing is complete any more"),
      anywhere(family.on_thing("complete", on<kind, model::complete>, {}, completion_c, "lets one waiter go")),
      anywhere(family.on_thing("complete_all", on<kind, model::complete_all>, {}, completion_c, "lets every waiter go, for ever")),
      family.on_thing("wait_for_completion", do_wait, {shot}, completion_c, "sleeps until completed"),
      family.on_thing("wait_for_completion_timeout", do_timed<model::wait_for_completion_timeout>, {timeout, left, ended}, completion_c,
                      "the same, no longer than that"),
      family.on_thing("wait_for_completion_interruptible", do_limited<model::wait_for_completion_interruptible>, {error, ended},
                      completion_c, "the same, or until a signal comes"),
      family.on_thing("wait_for_completion_interruptible_timeout", do_timed<model::wait_for_completion_interruptible_timeout>,
                      {timeout, both, ended}, completion_c, "the same, or until a signal comes, and no longer than that"),
      family.on_thing("wait_for_completion_killable", do_limited<model::wait_for_completion_killable>, {error, ended}, completion_c,
                      "the same, or until a fatal signal comes"),
      family.on_thing("try_wait_for_completion", try_on<kind, model::try_wait_for_completion>, {answer, ended}, completion_c,
                      "takes a completion if there is one"),
      done,
  };
}

}  // namespace unplug::scenarios
