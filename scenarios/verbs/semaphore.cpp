// Counting semaphores.
#include "unplug/model/kernel/locking/semaphore.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::semaphore;

// As the kernel has it: 0 if it has taken one.
std::uint32_t do_trylock(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Semaphore* const s = thing<kind>(f, i);
  if (s == nullptr) return next;
  const bool taken = model::down_trylock(f.context, *s);
  set_local(f, i, taken ? 0 : 1);
  return taken ? next : otherwise(f, i, next);
}

std::uint32_t do_timeout(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Semaphore* const s = thing<kind>(f, i);
  if (s == nullptr) return next;
  const bool taken = model::down_timeout(f.context, *s, drawn_duration(f, i));
  set_local(f, i, taken ? 0 : static_cast<std::uint64_t>(std::int64_t{model::etime}));
  return taken ? next : otherwise(f, i, next);
}

constexpr VerbFamily family{kind, "the order in which waiters are let in"};
constexpr std::string_view semaphore_c = "kernel/locking/semaphore.c, v6.18";

Verb quiet(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view summary) {
  Verb v = family.on_thing(name, execute, std::move(keys), semaphore_c, summary);
  v.acts = false;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() {
  return things<kind>([](model::Semaphore& t, const ThingSetup& s) {
    model::init_semaphore(s.kernel, t, s.unique, s.declared, s.home, static_cast<std::uint64_t>(s.spec.number("count", 1)));
  });
}

std::vector<Verb> semaphore_verbs() {
  constexpr KeySpec error{"to", KeyKind::to, false, "local that receives 0, or -4 (-EINTR)"},
      interrupted{"else", KeyKind::otherwise, false, "where to go if a signal comes first"};
  return {
      family.sets_up("sema_init", {{"count", KeyKind::number, true, "how many may be in at once; 0: the first down() waits for an up()"}},
                     semaphore_c, "declares a semaphore", set_up_again<kind>),
      quiet("down", on<kind, model::down>, {}, "takes one of its count, sleeping while there is none"),
      quiet("down_interruptible", try_or_error<kind, model::down_interruptible, model::eintr>, {error, interrupted},
            "the same, or until a signal comes"),
      quiet("down_killable", try_or_error<kind, model::down_killable, model::eintr>, {error, interrupted},
            "the same, or until a fatal signal comes"),
      quiet("down_timeout", do_timeout,
            {{"timeout", KeyKind::duration, true, "how long it waits: \"10ms\", \"1ms..5ms\""},
             {"to", KeyKind::to, false, "local that receives 0, or -62 (-ETIME)"},
             {"else", KeyKind::otherwise, false, "where to go if the time is over first"}},
            "the same, or until the time is over"),
      quiet("down_trylock", do_trylock,
            {{"to", KeyKind::to, false, "local that receives 0, or 1 if there was none: the other way round than mutex_trylock"},
             {"else", KeyKind::otherwise, false, "where to go if there is none"}},
            "takes one if there is one; from any context"),
      quiet("up", on<kind, model::up>, {}, "gives one back; from any context, by anybody, whether it has taken one or not"),
  };
}

}  // namespace unplug::scenarios
