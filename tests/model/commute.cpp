#include "commute.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/sim/hash.hpp"
#include "unplug/sim/schedule.hpp"

namespace unplug::model::test {
namespace {

struct Choice {
  sim::Label label;
  sim::Access access;
  const Operation* operation;
};

// Follows a schedule; then either stops and keeps what could be done there, or goes on with the least name.
class Follow final : public sim::Strategy {
 public:
  sim::Schedule schedule;
  bool go_on = false;
  std::vector<Choice> choices;  // what was enabled after the schedule
  std::string enabled;          // the same, as text

  bool begin(const sim::ExecutionInfo& info) override {
    names_ = info.names;
    at_ = 0;
    choices.clear();
    enabled.clear();
    return true;
  }
  TaskId pick(std::span<const sim::TaskView> views, TaskId /*current*/) override {
    if (at_ < schedule.size()) {
      const sim::Label l = schedule[at_++];
      choice_ = l.choice;
      for (const sim::TaskView& v : views)
        if (v.name == l.task) return v.id;
      return {};
    }
    if (at_++ == schedule.size()) keep(views);
    if (!go_on) return {};
    choice_ = 0;
    return std::ranges::min(views, {}, [&](const sim::TaskView& v) { return names_->text(v.name); }).id;
  }
  std::uint32_t choose(const sim::ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return choice_; }
  [[nodiscard]] std::string describe() const override { return "follow"; }

 private:
  void keep(std::span<const sim::TaskView> views) {
    std::vector<std::string> lines;
    for (const sim::TaskView& v : views) {
      for (std::uint32_t c = 0; c < std::max(v.alternatives(), 1U); ++c) choices.push_back({{v.name, c}, v.access(), &v.operation()});
      lines.push_back(fmt::format("{} {} {}", names_->text(v.name), v.operation().name, v.object ? names_->text(v.object) : "-"));
    }
    std::ranges::sort(lines);
    enabled = fmt::format("{}", fmt::join(lines, "\n"));
  }
  const sim::NameTable* names_ = nullptr;
  std::size_t at_ = 0;
  std::uint32_t choice_ = 0;
};

std::string line(const Lab& lab, const sim::Event& e) {
  const sim::Trace& t = lab.engine.trace();
  const std::string object =
      e.access.kind == sim::AccessKind::none ? std::string("-") : lab.kernel.text(t.objects[e.access.object.index()].name);
  // What an addition finds, nobody learns.
  const std::string found = e.access.kind == sim::AccessKind::add ? "adds" : fmt::format("found {:#x}", e.before);
  return fmt::format("{} #{} {} {} {} {}", lab.kernel.text(t.tasks[e.task.index()].name), e.ordinal, e.operation->name, object, e.choice,
                     found);
}

// All that can be seen of an execution whose steps `at` and `at + 1` may have come the other way round.
std::string seen(Lab& lab, const Follow& follow, std::size_t at, const sim::Outcome& outcome) {
  const sim::Trace& t = lab.engine.trace();
  std::vector<std::string> lines, pair, words, broken;
  for (std::size_t i = at; i < t.events.size(); ++i) (i < at + 2 ? pair : lines).push_back(line(lab, t.events[i]));
  std::ranges::sort(pair);
  for (const sim::ObjectRecord& o : t.objects) words.push_back(fmt::format("{} {:#x}", lab.kernel.text(o.name), o.word));
  std::ranges::sort(words);
  std::vector<Violation> violations;
  Checker checker;
  checker.judge(lab.kernel, t, violations);
  for (const Violation& v : violations)
    broken.push_back(fmt::format("{} {} {}", info(v.violation_class).name, v.object ? lab.kernel.text(v.object) : "-",
                                 lab.kernel.text(t.tasks[v.task.index()].name)));
  std::ranges::sort(broken);
  return fmt::format("pair:\n{}\nthen enabled:\n{}\nthen:\n{}\nended {} {}\nwords:\n{}\nviolations:\n{}\nfingerprint {:#x}",
                     fmt::join(pair, "\n"), follow.enabled, fmt::join(lines, "\n"), static_cast<int>(outcome.kind), outcome.message,
                     fmt::join(words, "\n"), fmt::join(broken, "\n"), t.fingerprint);
}

}  // namespace

std::uint64_t commute(Lab& lab, std::uint64_t walks, std::uint64_t places, Covered& covered) {
  std::uint64_t pairs = 0;
  const auto random = sim::make_strategy("random");
  for (std::uint64_t seed = 0; seed < walks; ++seed) {
    const sim::ExecutionInfo info{seed, sim::execution_seed(11, seed), &lab.engine.names()};
    random->begin(info);
    lab.engine.run(lab, *random, info);
    const sim::Schedule whole = sim::schedule_of(lab.engine.trace());
    sim::Random draws(sim::combine(seed, 12));
    for (std::uint64_t p = 0; p < places; ++p) {
      const auto at = static_cast<std::size_t>(draws.below(whole.size()));
      Follow follow;
      const auto run = [&](std::initializer_list<sim::Label> more, bool go_on) {
        follow.schedule.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
        follow.schedule.insert(follow.schedule.end(), more);
        follow.go_on = go_on;
        follow.begin(info);
        return lab.engine.run(lab, follow, info);
      };
      run({}, false);
      const std::vector<Choice> choices = follow.choices;
      for (const Choice& a : choices) {
        for (const Choice& b : choices) {
          if (!(a.label.task < b.label.task) || conflict(a.access, b.access)) continue;
          INFO(lab.kernel.text(a.label.task), " ", a.operation->name, " and ", lab.kernel.text(b.label.task), " ", b.operation->name,
               " after ", at, " steps of seed ", seed);
          sim::Outcome o = run({a.label, b.label}, true);
          const std::string one = seen(lab, follow, at, o);
          o = run({b.label, a.label}, true);
          const std::string other = seen(lab, follow, at, o);
          CHECK(o.kind != sim::Outcome::Kind::failed);
          if (one != other) FAIL_CHECK("the order is seen:\n", one, "\n--- the other way round:\n", other);
          covered.insert(std::string(a.operation->name));
          covered.insert(std::string(b.operation->name));
          ++pairs;
        }
      }
    }
  }
  return pairs;
}

}  // namespace unplug::model::test
