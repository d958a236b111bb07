// NAPI.
#include "unplug/model/kernel/irq/napi.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_work(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Napi* n = thing<EntityKind::napi>(f, i)) set_local(f, i, model::napi_work(f.context, *n, n->weight));
  return next;
}

constexpr VerbFamily family{EntityKind::napi, "threaded and busy polling, netpoll, GRO, the list per CPU, time slices, netdev_lock()"};
constexpr std::string_view dev_c = "net/core/dev.c, v6.18";

void lay_out(model::Napi& n, const ThingSetup& s) {
  n.poll = &World::amount_entry;
  n.argument = s.callback();
  n.weight = static_cast<unsigned>(s.spec.number("weight", 64));
  n.full_polls = static_cast<std::uint32_t>(s.spec.number("full_polls", 0));
  model::init_napi(s.kernel, n, s.world.rcu(), s.unique, s.declared, s.home, s.task_name("softirq"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::napi>() { return things<EntityKind::napi>(lay_out); }

std::vector<Verb> napi_verbs() {
  constexpr KeySpec answer{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"};
  return {
      family.declares("netif_napi_add", on<EntityKind::napi, model::netif_napi_add>,
                      {{"fn", KeyKind::function, true, "its poll function, in softirq context; its result is the work done"},
                       {"weight", KeyKind::number, false, "the budget of one poll; 64 as a rule"},
                       {"full_polls", KeyKind::number, false, "how often napi_work uses up the budget, at most; 0 if it is not said"}},
                      dev_c, "declares an instance and makes it known, disabled"),
      family.on_thing("netif_napi_del", on<EntityKind::napi, model::netif_napi_del>, {}, dev_c,
                      "takes one out that is disabled; waits for a grace period"),
      family.on_thing("napi_enable", on<EntityKind::napi, model::napi_enable>, {}, dev_c, "lets it be scheduled"),
      family.on_thing("napi_disable", on<EntityKind::napi, model::napi_disable>, {}, dev_c,
                      "refuses new schedules and waits for the poll; twice in a row it never returns"),
      family.on_thing("napi_schedule", try_on<EntityKind::napi, model::napi_schedule>,
                      {answer, {"else", KeyKind::otherwise, false, "where to go if it is scheduled already, or disabled"}}, dev_c,
                      "has it polled; from any context"),
      family.on_thing("napi_work", do_work, {{"to", KeyKind::to, true, "local that receives it"}}, "the driver's own loop over its ring",
                      "in the poll function: how much there is to do, a choice: the whole budget, or less"),
      family.on_thing("napi_complete_done", on<EntityKind::napi, model::napi_complete_done>, {answer}, dev_c,
                      "in the poll function: it is done; 0 if it was scheduled meanwhile"),
  };
}

}  // namespace unplug::scenarios
