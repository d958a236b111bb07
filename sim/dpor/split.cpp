#include <algorithm>

#include <fmt/format.h>

#include "unplug/sim/dpor/dpor.hpp"
#include "unplug/sim/dpor/symmetry.hpp"

namespace unplug::sim {
namespace {

// Follows a prefix, then cuts the execution and keeps the moves that were possible there; of tasks that are alike, those of one.
class Probe final : public Strategy {
 public:
  Probe(Engine& engine, bool symmetry) : engine_(engine), symmetric_(symmetry) {}
  void to(const std::vector<Move>& prefix) { prefix_ = &prefix; }
  bool begin(const ExecutionInfo& /*info*/) override {
    at_ = 0;
    moves.clear();
    missing.clear();
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    if (at_ == 0 && symmetric_) symmetry_.begin(engine_);
    if (at_ < prefix_->size()) {
      if (symmetry_.any()) symmetry_.took((*prefix_)[at_]);
      const Label& l = (*prefix_)[at_++].label;
      choice_ = l.choice;
      for (const TaskView& v : enabled)
        if (v.name == l.task) return v.id;
      missing = fmt::format("step {}: a task could go on here before and cannot now", at_);
      return {};
    }
    for (const TaskView& v : enabled) {
      if (symmetry_.any() && !symmetry_.stands(v.name)) continue;
      Touch t;
      if (v.access().kind != AccessKind::none) t = {v.object, v.access().kind};
      for (std::uint32_t c = 0; c < std::max(v.alternatives(), 1U); ++c) moves.push_back({{v.name, c}, t});
    }
    return {};
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return choice_; }
  [[nodiscard]] std::string describe() const override { return "dpor split"; }

  std::vector<Move> moves;
  std::string missing;

 private:
  Engine& engine_;
  bool symmetric_;
  Symmetry symmetry_;
  const std::vector<Move>* prefix_ = nullptr;
  std::size_t at_ = 0;
  std::uint32_t choice_ = 0;
};

}  // namespace

DporSplit split(Engine& engine, Program& program, std::size_t wanted, std::size_t max_depth, std::uint64_t seed, bool symmetry) {
  DporSplit out;
  out.jobs.emplace_back();
  Probe probe(engine, symmetry);
  const ExecutionInfo info{0, seed, &engine.names()};
  bool grew = true;
  for (std::size_t depth = 0; grew && out.jobs.size() < wanted && depth < max_depth; ++depth) {
    grew = false;
    std::vector<DporJob> next;
    for (DporJob& job : out.jobs) {
      if (job.prefix.size() < depth) {  // a whole execution
        next.push_back(std::move(job));
        continue;
      }
      probe.to(job.prefix);
      probe.begin(info);
      const Outcome outcome = engine.run(program, probe, info);
      if (outcome.kind == Outcome::Kind::failed || !probe.missing.empty()) {
        out.message = probe.missing.empty() ? outcome.message : probe.missing;
        return out;
      }
      if (probe.moves.empty()) {
        next.push_back(std::move(job));
        continue;
      }
      std::vector<Move> asleep = job.sleep;
      bool any = false;
      for (const Move& m : probe.moves) {
        if (std::ranges::any_of(asleep, [&](const Move& s) { return s.label == m.label; })) continue;
        any = grew = true;
        DporJob& child = next.emplace_back();
        child.prefix = job.prefix;
        child.prefix.push_back(m);
        for (const Move& s : asleep)
          if (s.label.task != m.label.task && !conflict(s.touch, m.touch)) child.sleep.push_back(s);
        asleep.push_back(m);
      }
      if (!any) ++out.redundant;
    }
    out.jobs = std::move(next);
  }
  return out;
}

}  // namespace unplug::sim
