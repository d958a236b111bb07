#include "unplug/model/kernel/locking/polling.hpp"

#include <algorithm>
#include <map>

namespace unplug::model {
namespace {

const Operation which_op{.name = "which of what it looks at changes first?", .pause = true, .repeat = sim::Repeat::ends_wait};

constexpr std::size_t most_looks = 8;

// Looks come at regular times.
class EachPeriod final : public sim::Timing {
 public:
  EachPeriod(sim::Time from, sim::Duration period) : from_(from), period_(period) {}
  sim::Time ready(sim::Time now) override {
    if (period_ == 0 || now <= from_) return now;
    return from_ + (now - from_ + period_ - 1) / period_ * period_;
  }

 private:
  sim::Time from_;
  sim::Duration period_;
};

// The look at `event` again, as its task would take it.
sim::Step look_again(Context& context, const Round& round, const Look& look) {
  const sim::Event& e = context.engine().trace().events[look.event];
  sim::Step s = context.make(*e.operation);
  for (const LifetimeId l : round.uses) s.uses.add(l);
  s.access = {look.object, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(look.seen);
  return s;
}

}  // namespace

std::optional<Round> round_since(Context& context, std::uint32_t from, sim::Time began) {
  const sim::Trace& trace = context.engine().trace();
  const TaskId me = context.engine().current();
  Round round;
  round.period = context.engine().local_time() - began;
  // From the last step back: what an object held after a step is what it holds before the next one.
  std::map<std::uint32_t, std::uint64_t> after;
  for (auto i = static_cast<std::uint32_t>(trace.events.size()); i-- > from;) {
    const sim::Event& e = trace.events[i];
    const bool accesses = e.access.kind != sim::AccessKind::none;
    const std::uint32_t o = accesses ? e.access.object.index() : 0;
    bool changed = false;
    if (accesses && sim::changes(e.access.kind)) {
      const auto next = after.find(o);
      changed = e.before != (next != after.end() ? next->second : context.engine().word(e.access.object));
    }
    if (accesses) after[o] = e.before;
    if (e.task != me) continue;
    if (e.begins || e.ends) return {};
    for (const LifetimeId l : trace.uses_of(e)) {
      if (round.uses.size() + 1 >= sim::Witnesses::capacity && std::ranges::find(round.uses, l) == round.uses.end()) return {};
      round.uses.add(l);
    }
    if (round.last == UINT32_MAX) round.last = i;
    if (e.alternatives > 1 && e.operation->repeat != sim::Repeat::ends_wait) {
      if (!round.by_choice) round.last = i;
      round.by_choice = true;
    }
    if (!accesses) continue;
    const sim::Repeat repeat = e.operation->repeat;
    if (changed || (sim::changes(e.access.kind) && repeat == sim::Repeat::plain)) {
      if (repeat != sim::Repeat::brackets) return {};
      continue;
    }
    if (repeat == sim::Repeat::brackets && e.access.kind == sim::AccessKind::read) continue;
    const auto known = std::ranges::find(round.looks, e.access.object, &Look::object);
    if (known == round.looks.end()) {
      round.looks.push_back({e.access.object, e.before, i});
    } else if (known->seen != e.before) {
      return {};
    } else {
      known->event = i;
    }
  }
  if (round.looks.size() > most_looks) return {};
  std::ranges::reverse(round.looks);
  return round;
}

WaitEnd await_change(Context& context, const Round& round, std::optional<sim::Duration> timeout, Poller who) {
  static constexpr std::string_view what = "polling", part = "nothing";
  sim::Engine& engine = context.engine();
  Kernel& k = context.kernel();
  std::vector<Look> looks = round.looks;
  // A loop that looks at nothing waits for what never comes.
  if (looks.empty() && !timeout) looks.push_back({engine.new_object(engine.own_name(part), 0), 0, UINT32_MAX});
  WaitInfo info{.what = what, .object = {}, .owner = round.by_choice ? Owner::hardware : who == Poller::user ? Owner::user : Owner::driver};
  info.idle = who == Poller::user;
  info.sleeps = false;
  info.expires = timeout.has_value();
  info.polls = true;
  // Of a loop that looks at nothing that could change: what it goes on doing, "readl".
  const auto name_of = [&](const Look& l) {
    if (l.event != UINT32_MAX) return k.declared(l.object, engine.name(l.object));
    const SiteId site = round.last == UINT32_MAX ? SiteId{} : engine.trace().events[round.last].site;
    return k.intern(site ? std::string_view(k.site(site).verb) : part);
  };
  std::uint32_t chosen = 0;
  const auto ends = static_cast<std::uint32_t>(looks.size() + (timeout ? 1 : 0));
  if (ends > 1) {
    std::vector<sim::Await> any;
    for (const Look& l : looks) any.push_back({l.object, sim::Guard::not_equal(l.seen)});
    sim::Awaited awaited{any};
    if (timeout) awaited.until = engine.local_time() + *timeout;
    sim::Step s = context.make(which_op);
    for (const LifetimeId l : round.uses) s.uses.add(l);
    s.alternatives = ends;
    if (!any.empty()) s.awaited = &awaited;
    if (!looks.empty()) info.object = name_of(looks.front());
    k.polling.push_back({engine.current(), looks});
    chosen = context.choose_end(s, info);
    if (!context.aborting()) std::erase_if(k.polling, [&](const Polling& p) { return p.task == engine.current(); });
  }
  if (context.aborting()) return WaitEnd::interrupted;
  if (chosen >= looks.size()) return WaitEnd::expired;
  const Look& look = looks[chosen];
  EachPeriod timing(engine.local_time(), round.period);
  sim::Step s = look.event != UINT32_MAX ? look_again(context, round, look) : context.make(which_op);
  s.access = {look.object, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(look.seen);
  s.timing = &timing;
  info.object = name_of(look);
  const TaskId me = engine.current();
  k.polling.push_back({me, looks, chosen});
  if (const std::uint32_t shown = look.event != UINT32_MAX ? look.event : round.last; shown != UINT32_MAX) {
    const sim::Event& e = engine.trace().events[shown];
    engine.set_site(e.site, e.frame);
  }
  context.wait(s, info, [](std::uint64_t&) {});
  if (context.aborting()) return WaitEnd::interrupted;
  std::erase_if(k.polling, [&](const Polling& p) { return p.task == me; });
  return WaitEnd::done;
}

bool contradicted(const Kernel& kernel, const sim::Trace& trace) {
  return std::ranges::any_of(kernel.polling, [&](const Polling& p) {
    for (std::size_t i = 0; i < p.looks.size(); ++i)
      if (p.awaited != Polling::any && i != p.awaited && trace.objects[p.looks[i].object.index()].word != p.looks[i].seen) return true;
    return false;
  });
}

}  // namespace unplug::model
