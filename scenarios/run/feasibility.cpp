#include "unplug/scenarios/run/feasibility.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/sim/happens_before.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::size_t most_named = 2;

std::string length(sim::Duration ns) {
  return ns >= sim::millisecond ? fmt::format("{}.{:02} ms", ns / sim::millisecond, ns % sim::millisecond / 10'000)
                                : fmt::format("{} us", (ns + 999) / 1000);
}

struct Stall {
  sim::Duration by = 0;
  std::uint32_t event = 0;         // before which
  std::uint32_t model = no_event;  // the step whose wait, a figure of the model, it has to outlast
  static constexpr std::uint32_t no_event = UINT32_MAX;
};

// The least virtual times at which the steps before the pair could be taken, in the order of the trace's happens-before.
class Times {
 public:
  Times(const sim::Trace& trace, const Record& record) : trace_(trace), at_(trace.events.size(), 0), outlasts_(trace.events.size(), none) {
    find_leisure(record);
    std::vector<std::uint32_t> last_of_task(trace.tasks.size(), none), last_change(trace.objects.size(), none);
    struct Run {  // happens_before.hpp
      sim::AccessKind kind = sim::AccessKind::none;
      std::vector<std::uint32_t> before, events;
    };
    std::vector<Run> runs(trace.objects.size());
    std::vector<std::vector<std::uint32_t>> events_of(trace.tasks.size());
    stalls_.resize(trace.events.size());
    for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
      const sim::Event& e = trace.events[i];
      const std::uint32_t previous = last_of_task[e.task.index()];
      const std::uint32_t latest = previous == none ? maker_of(e.task, events_of) : previous;
      sim::Time ready = latest == none ? 0 : at_[latest] + own_time(previous, e, latest);
      if (e.unblocked_by) {  // it slept until somebody let it go
        if (const std::uint32_t w = e.access.kind == sim::AccessKind::none ? none : last_change[e.access.object.index()]; w != none)
          ready = std::max(ready, at_[w] + (e.modelled ? since(w, e) : 0));
      } else {
        ready += e.waited;
      }
      if (e.modelled) outlasts_[i] = i;
      sim::Time must = ready;
      const auto after = [&](std::uint32_t other) {
        if (other == none || at_[other] <= must) return;
        must = at_[other];
        outlasts_[i] = outlasts_[other];
      };
      if (e.access.kind != sim::AccessKind::none) {
        Run& run = runs[e.access.object.index()];
        if (run.kind != e.access.kind || run.kind == sim::AccessKind::write) {
          run.kind = e.access.kind;
          run.before.swap(run.events);
          run.events.clear();
        }
        for (const std::uint32_t other : run.before) after(other);
        run.events.push_back(i);
      }
      if (outlasts_[i] == none && latest != none) outlasts_[i] = outlasts_[latest];
      at_[i] = must;
      if (!leisure_[i]) stalls_[i] = {must - ready, i, must == ready ? none : outlasts_[i]};
      last_of_task[e.task.index()] = i;
      events_of[e.task.index()].push_back(i);
      if (sim::changes(e.access.kind)) last_change[e.access.object.index()] = i;
    }
  }
  [[nodiscard]] sim::Time at(std::uint32_t event) const { return at_[event]; }
  [[nodiscard]] const Stall& stall(std::uint32_t event) const { return stalls_[event]; }
  [[nodiscard]] bool at_leisure(std::uint32_t event) const { return leisure_[event]; }
  [[nodiscard]] std::uint32_t outlasts(std::uint32_t event) const { return outlasts_[event]; }

 private:
  static constexpr std::uint32_t none = Stall::no_event;

  void find_leisure(const Record& record) {
    leisure_.assign(trace_.events.size(), false);
    for (std::uint32_t i = 0; i < trace_.events.size(); ++i) leisure_[i] = trace_.events[i].operation->outside;
    for (const auto& [task, from] : record.at_leisure)
      for (std::uint32_t i = from; i < trace_.events.size(); ++i) {
        if (trace_.events[i].task != task) continue;
        leisure_[i] = true;
        break;
      }
  }
  // The step of its maker that a task's first one follows.
  [[nodiscard]] std::uint32_t maker_of(sim::TaskId task, const std::vector<std::vector<std::uint32_t>>& events_of) const {
    const sim::TaskRecord& r = trace_.tasks[task.index()];
    if (!r.creator || r.creator_steps == 0 || events_of[r.creator.index()].size() < r.creator_steps) return none;
    return events_of[r.creator.index()][r.creator_steps - 1];
  }
  // What the task did between its step before and the one that it then announced: computed, slept.
  [[nodiscard]] sim::Duration own_time(std::uint32_t previous, const sim::Event& e, std::uint32_t latest) const {
    const sim::Time announced = e.eligible - e.waited;
    const sim::Time from = trace_.events[previous == none ? latest : previous].time;
    // A pause of user space or hardware is as long as it likes.
    if (previous != none && trace_.events[previous].operation->outside) return 0;
    return announced > from ? announced - from : 0;
  }
  [[nodiscard]] sim::Duration since(std::uint32_t write, const sim::Event& e) const {
    return e.eligible > trace_.events[write].time ? e.eligible - trace_.events[write].time : 0;
  }

  const sim::Trace& trace_;
  std::vector<sim::Time> at_;
  std::vector<bool> leisure_;
  std::vector<Stall> stalls_;
  std::vector<std::uint32_t> outlasts_;  // the last wait before it that is a figure of the model
};

std::string place(const model::Kernel& kernel, const sim::Event& e) {
  if (!e.site) return std::string(e.operation->name);
  const model::Site& site = kernel.site(e.site);
  return site.function + "/" + site.step;
}

}  // namespace

std::string feasibility(World& world, const sim::Trace& trace, const model::Violation& v) {
  if (v.event == model::Violation::no_event || v.ended_by == model::Violation::no_event) return {};
  const model::Kernel& kernel = world.kernel();
  const Times times(trace, world.record());
  const std::vector<bool> before_end = sim::past_of(trace, v.ended_by), before_use = sim::past_of(trace, v.event);
  // By task, the longest.
  std::vector<Stall> stalls(trace.tasks.size());
  const auto take = [&](const Stall& s) {
    Stall& most = stalls[trace.events[s.event].task.index()];
    if (s.by > most.by) most = s;
  };
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (before_end[i] || before_use[i]) take(times.stall(i));
  // The use comes after the end, which nothing makes it.
  const bool free = times.at_leisure(v.event) || trace.events[v.event].task == trace.events[v.ended_by].task;
  if (!free && times.at(v.ended_by) > times.at(v.event)) {
    const sim::Duration own = times.stall(v.event).by;
    take({times.at(v.ended_by) - times.at(v.event) + own, v.event, times.outlasts(v.ended_by)});
  }
  std::erase_if(stalls, [](const Stall& s) { return s.by == 0; });
  if (stalls.empty()) return "no task needs to be stalled";
  const auto name = [&](const Stall& s) -> const std::string& { return kernel.text(trace.tasks[trace.events[s.event].task.index()].name); };
  std::ranges::sort(stalls, [&](const Stall& a, const Stall& b) { return a.by != b.by ? a.by > b.by : name(a) < name(b); });
  std::vector<std::string> parts;
  for (const Stall& s : stalls) {
    if (parts.size() == most_named) {
      parts.push_back(fmt::format("{} more task(s) for less", stalls.size() - most_named));
      break;
    }
    parts.push_back(fmt::format("task '{}' stalled for at least {} before {}{}", name(s), length(s.by),
                                place(kernel, trace.events[s.event]),
                                s.model == Stall::no_event ? std::string{}
                                                           : fmt::format(" (it outlasts '{}', whose length is a figure of the model)",
                                                                         trace.events[s.model].operation->name)));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace unplug::scenarios
