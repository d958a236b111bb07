// Loops that nothing will end: a driver that polls a register until a bit goes away, on a device that is gone and answers all ones.
//
// A task that has run into its bound of steps has been repeating some of them, the same in every respect, the values that they found
// included, while every other task had ended, waits for what no such loop brings, or repeats likewise. Steps are all that is looked at: a
// loop that counts in a local variable looks the same, as long as the bound is shorter than it. What could still fall otherwise ends a
// loop: if a data choice is in it, or somebody else could go on who was never chosen, the bound was just a bound. All this is read off the
// steps of each task and the order of those that conflict, so that it is the same for every linearisation.
#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/model/checker/checker.hpp"

namespace unplug::model {
namespace {

constexpr std::size_t repeats = 3;  // a loop has been seen to go round at least this often

bool same(const sim::Event& a, const sim::Event& b) {
  return a.site == b.site && a.frame == b.frame && a.operation == b.operation && a.access == b.access && a.before == b.before;
}

// The second half of what a task did, by index of the event: what came before led there.
std::vector<std::uint32_t> second_half(const sim::Trace& trace, TaskId task) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (trace.events[i].task == task && trace.events[i].ordinal >= trace.tasks[task.index()].steps / 2) out.push_back(i);
  return out;
}

// The last round of the loop that a task is in; none: it is in none.
using Round = std::vector<std::uint32_t>;
std::optional<Round> last_round(const sim::Trace& trace, TaskId task) {
  const std::vector<std::uint32_t> events = second_half(trace, task);
  const std::size_t n = events.size();
  for (const std::uint32_t i : events) {
    const sim::Event& e = trace.events[i];
    if (e.alternatives > 1 || e.begins || e.ends) return {};
  }
  // The longest part that is both a beginning and an end of them: what is left in front of it is the period.
  std::vector<std::size_t> border(n, 0);
  for (std::size_t i = 1, k = 0; i < n; ++i) {
    while (k > 0 && !same(trace.events[events[i]], trace.events[events[k]])) k = border[k - 1];
    if (same(trace.events[events[i]], trace.events[events[k]])) ++k;
    border[i] = k;
  }
  const std::size_t period = n == 0 ? 0 : n - border[n - 1];
  if (n == 0 || n < repeats * period) return {};
  return Round(events.end() - static_cast<std::ptrdiff_t>(period), events.end());
}

// By event: whether it changed the word of its object.
std::vector<bool> changes(const sim::Trace& trace) {
  std::vector<bool> out(trace.events.size(), false);
  std::vector<std::uint64_t> after;
  for (const sim::ObjectRecord& o : trace.objects) after.push_back(o.word);
  for (auto i = static_cast<std::uint32_t>(trace.events.size()); i-- > 0;) {
    const sim::Event& e = trace.events[i];
    if (e.access.kind == sim::AccessKind::none) continue;
    out[i] = e.before != std::exchange(after[e.access.object.index()], e.before);
  }
  return out;
}

// What goes round, in an execution that ended because `task` did so for too long: `task` first; nothing: somebody may end that.
std::vector<Round> rounds_of(const sim::Trace& trace, TaskId task) {
  std::vector<Round> rounds;
  std::vector<const sim::TaskRecord*> waiting;
  if (auto round = last_round(trace, task)) rounds.push_back(std::move(*round));
  if (rounds.empty()) return {};
  const auto word = [&](sim::ObjectId o) { return trace.objects[o.index()].word; };
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    const sim::TaskRecord& r = trace.tasks[t];
    if (TaskId{t} == task || r.end == sim::TaskRecord::End::finished) continue;
    const bool often = r.steps >= trace.tasks[task.index()].steps / 64;  // else it is on its way to something
    if (auto round = often ? last_round(trace, TaskId{t}) : std::nullopt) {
      rounds.push_back(std::move(*round));
    } else if (r.pending.kind != sim::AccessKind::none && !r.pending_guard.holds(word(r.pending.object))) {
      waiting.push_back(&r);
    } else {
      return {};
    }
  }
  // Who waits is let go by none of what the loops do in a round; and what they look at, and leave as it is, is now as they last found it.
  const std::vector<bool> changed = changes(trace);
  std::vector<bool> moves(trace.objects.size(), false);
  const auto each = [&](auto&& visit) {
    for (const Round& round : rounds)
      for (const std::uint32_t i : round)
        if (trace.events[i].access.kind != sim::AccessKind::none) visit(i, trace.events[i]);
  };
  each([&](std::uint32_t i, const sim::Event& e) {
    if (changed[i]) moves[e.access.object.index()] = true;
  });
  bool ends = false;
  each([&](std::uint32_t, const sim::Event& e) {
    const sim::ObjectId o = e.access.object;
    ends = ends || (!moves[o.index()] && word(o) != e.before);
    for (const sim::TaskRecord* r : waiting) ends = ends || (r->pending.object == o && r->pending_guard.holds(e.before));
  });
  return ends ? std::vector<Round>{} : rounds;
}

}  // namespace

void livelock_rule(const Kernel& kernel, const sim::Trace& trace, TaskId task, std::vector<Violation>& out) {
  const std::vector<Round> rounds = rounds_of(trace, task);
  if (rounds.empty()) return;
  const Round& round = rounds.front();
  const bool removing = kernel.remover && kernel.removal_phase != RemovalPhase::none;
  const WaitInfo* wait = removing ? kernel.waiting(kernel.remover) : nullptr;
  // Where the bound cuts the loop depends on what came before it: it is told by the least of its steps that look at something.
  const auto key = [&](std::uint32_t i) {
    const sim::Event& e = trace.events[i];
    const bool looks = e.access.kind != sim::AccessKind::none;
    const Site* site = e.site ? &kernel.site(e.site) : nullptr;
    return std::tuple{!looks, site != nullptr ? site->function : std::string{}, site != nullptr ? site->step : std::string{},
                      e.operation->name, looks ? kernel.text(trace.objects[e.access.object.index()].name) : std::string{}};
  };
  const auto least = std::ranges::min_element(round, {}, key);
  std::vector<std::string_view> steps;
  for (auto i = least; steps.size() < round.size() && steps.size() < 8;) {
    steps.push_back(trace.events[*i].operation->name);
    if (++i == round.end()) i = round.begin();
  }
  const sim::Event& e = trace.events[*least];
  const NameId object =
      e.access.kind == sim::AccessKind::none ? NameId{} : kernel.declared(e.access.object, trace.objects[e.access.object.index()].name);
  const auto say = [&](ViolationClass c, NameId what, TaskId who, std::uint32_t event, std::string detail) {
    out.push_back({c, what, who, event, Violation::no_event, Violation::no_event, std::move(detail)});
  };
  std::string detail =
      fmt::format("'{}' goes round for ever in {}{}: nothing changes any more", kernel.text(trace.tasks[task.index()].name),
                  fmt::join(steps, ", "), steps.size() < round.size() ? ", ..." : "");
  if (removing && kernel.remover == task) say(ViolationClass::hung_remove, object, task, *least, detail);
  say(ViolationClass::livelock, object, task, *least, std::move(detail));
  // All others wait or go round likewise: whoever removal waits for, it will not end.
  if (!removing || wait == nullptr || kernel.remover == task || wait->expires) return;
  if (wait->owner == Owner::user || wait->owner == Owner::hardware) return;
  say(ViolationClass::hung_remove, wait->object, kernel.remover, Violation::no_event,
      fmt::format("'{}' waits in {}({}) while '{}' goes round for ever", kernel.text(trace.tasks[kernel.remover.index()].name), wait->what,
                  wait->object ? kernel.text(wait->object) : std::string{}, kernel.text(trace.tasks[task.index()].name)));
}

}  // namespace unplug::model
