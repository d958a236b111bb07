// Reference counts: kref, refcount_t, percpu_ref.
#include "unplug/model/kernel/lib/kref.hpp"
#include "unplug/model/kernel/rcu/percpu_ref.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_kref_put(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Kref* k = thing<EntityKind::kref>(f, i);
  if (k == nullptr) return next;
  const Handle self = container_of(f, i.operand);
  set_local(f, i, model::kref_put(f.context, *k, [&] { call_back(f, i.function, self); }) ? 1 : 0);
  return next;
}

std::uint32_t do_dec(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Kref* k = thing<EntityKind::kref>(f, i)) model::kref_put_and_test(f.context, *k);
  return next;
}

std::uint32_t do_kill_and_confirm(Frame& f, const Instruction& i, std::uint32_t next) {
  model::PercpuRef* r = thing<EntityKind::percpu_ref>(f, i);
  if (r == nullptr) return next;
  r->confirm = &World::callback_entry;
  r->confirm_argument = &f.binding->callbacks.emplace_back(Callback{f.binding, i.function, container_of(f, i.operand)});
  model::percpu_ref_kill(f.context, *r);
  return next;
}

void lay_out_kref(model::Kref& k, const ThingSetup& s) {
  model::init_kref(s.kernel, k, s.unique, s.declared, s.home, static_cast<std::uint32_t>(s.spec.number("value", 1)));
}

void lay_out_percpu_ref(model::PercpuRef& r, const ThingSetup& s) {
  using enum model::PercpuRefMode;
  constexpr std::uint64_t init_atomic = 1, init_dead = 2;  // bits of the key's words
  const std::uint64_t flags = s.spec.number("flags");
  r.release = &World::callback_entry;
  r.argument = s.callback(s.spec.function_of("release"));
  r.confirm = nullptr;
  r.confirm_argument = nullptr;
  model::init_percpu_ref(s.kernel, r, s.world.rcu(), s.unique, s.declared, s.home,
                         (flags & init_dead) != 0     ? dead
                         : (flags & init_atomic) != 0 ? atomic
                                                      : percpu);
}

constexpr VerbFamily krefs{EntityKind::kref, "kref_put_mutex(), kref_put_lock(), use before it is initialised"},
    percpu_refs{EntityKind::percpu_ref,
                "per-CPU counters one by one, switching modes alone, reinit and resurrect, failure of percpu_ref_init()"};

constexpr KeySpec got{"to", KeyKind::to, false, "local that receives 1 or 0"},
    none{"else", KeyKind::otherwise, false, "where to go if there is none to take"},
    last{"to", KeyKind::to, true, "local that receives 1 if it was the last, else 0"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::kref>() { return things<EntityKind::kref>(lay_out_kref); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::percpu_ref>() { return things<EntityKind::percpu_ref>(lay_out_percpu_ref); }

std::vector<Verb> refcount_verbs() {
  constexpr auto kref = EntityKind::kref;
  constexpr auto percpu = EntityKind::percpu_ref;
  constexpr std::string_view kref_h = "include/linux/kref.h, v6.18", refcount_h = "include/linux/refcount.h, v6.18",
                             percpu_c = "lib/percpu-refcount.c, v6.18";
  return {
      krefs.sets_up("kref_init", {}, kref_h, "declares a reference count of 1", set_up_again<EntityKind::kref>),
      krefs.on_thing("kref_get", on<kref, model::kref_get>, {}, kref_h, "takes a reference, for who has one; from 0 it is misuse"),
      krefs.on_thing("kref_get_unless_zero", try_on<kref, model::kref_get_unless_zero>, {got, none}, kref_h,
                     "takes a reference unless the last is gone"),
      krefs.on_thing("kref_put", do_kref_put,
                     {{"release", KeyKind::function, true, "what runs, here and now, if it was the last"},
                      {"to", KeyKind::to, false, "local that receives 1 if it was the last, else 0"}},
                     kref_h, "drops a reference; who drops the last runs the release function"),
      krefs.sets_up("refcount_set", {{"value", KeyKind::number, true, "what it begins with"}}, refcount_h, "declares a refcount_t",
                    set_up_again<EntityKind::kref>),
      krefs.on_thing("refcount_inc", on<kref, model::kref_get>, {}, refcount_h, "adds one; from 0 it is misuse"),
      krefs.on_thing("refcount_inc_not_zero", try_on<kref, model::kref_get_unless_zero>, {got, none}, refcount_h,
                     "adds one unless it is 0"),
      krefs.on_thing("refcount_dec_and_test", on<kref, model::kref_put_and_test>, {last}, refcount_h,
                     "takes one away and answers whether it was the last"),
      krefs.on_thing("refcount_dec", do_dec, {}, refcount_h, "takes one away, for who knows that it is not the last"),
      krefs.on_thing("refcount_read", on<kref, model::kref_read>, {{"to", KeyKind::to, true, "local that receives it"}}, refcount_h,
                     "its value, which may be another by the time it is looked at"),
      percpu_refs.sets_up("percpu_ref_init",
                          {{"release", KeyKind::function, true, "what runs when the last reference is put after the kill"},
                           {"flags", KeyKind::words, false, "PERCPU_REF_INIT_ATOMIC, PERCPU_REF_INIT_DEAD", EntityKind::none,
                            "PERCPU_REF_INIT_ATOMIC PERCPU_REF_INIT_DEAD"}},
                          percpu_c, "declares a percpu_ref with one reference", set_up_again<EntityKind::percpu_ref>),
      percpu_refs.on_thing("percpu_ref_get", on<percpu, model::percpu_ref_get>, {}, percpu_c, "takes a reference, for who has one"),
      percpu_refs.on_thing("percpu_ref_tryget", try_on<percpu, model::percpu_ref_tryget>, {got, none}, percpu_c,
                           "takes a reference unless there are none left; killed or not"),
      percpu_refs.on_thing("percpu_ref_tryget_live", try_on<percpu, model::percpu_ref_tryget_live>, {got, none}, percpu_c,
                           "takes a reference unless it has been killed"),
      percpu_refs.on_thing("percpu_ref_put", on<percpu, model::percpu_ref_put>, {}, percpu_c,
                           "drops a reference; who drops the last after the kill runs the release function, in an RCU reader"),
      percpu_refs.on_thing("percpu_ref_kill", on<percpu, model::percpu_ref_kill>, {}, percpu_c,
                           "refuses tryget_live from now on and drops the first reference; waits for nobody"),
      percpu_refs.on_thing("percpu_ref_kill_and_confirm", do_kill_and_confirm,
                           {{"confirm", KeyKind::function, true, "what runs once nobody can have missed it, a grace period later"}},
                           percpu_c, "the same, and says when everybody knows"),
      percpu_refs.on_thing("percpu_ref_exit", on<percpu, model::percpu_ref_exit>, {}, percpu_c, "frees the counters"),
  };
}

}  // namespace unplug::scenarios
