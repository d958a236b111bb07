#include "step_cost.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <thread>

#include "unplug/sim/engine.hpp"
#include "unplug/sim/lifetimes.hpp"

namespace unplug::bench {
namespace {

using namespace unplug::sim;

const Operation update{.name = "update"}, lock{.name = "lock"}, unlock{.name = "unlock"};

// `tasks` tasks of `steps` steps each; what a step is depends on `kind`. Written as compiled programs are: no exceptions, no closures.
class Workload final : public Program {
 public:
  enum class Kind : std::uint8_t { shared, witnessed, faulty, locked, independent };

  Workload(Kind kind, std::uint32_t tasks, std::uint32_t steps) : kind_(kind), steps_(steps), arguments_(tasks) {}

  void setup(Engine& e) override {
    engine_ = &e;
    object_ = e.new_object(e.own_name("shared"));
    life_ = e.new_lifetime(e.own_name("life"), 0, true);
    for (std::uint32_t t = 0; t < arguments_.size(); ++t) {
      arguments_[t] = {this, t};
      TaskSpec spec;
      spec.name = spec.role = e.names().child(e.names().intern("task"), "n", t);
      spec.entry = &Workload::body;
      spec.argument = &arguments_[t];
      e.spawn(spec);
    }
  }

 private:
  struct Argument {
    Workload* workload;
    std::uint32_t task;
  };

  static void body(void* argument) {
    const auto& a = *static_cast<const Argument*>(argument);
    const Workload& w = *a.workload;
    Engine& e = *w.engine_;
    const Access access{w.object_, AccessKind::write};
    for (std::uint32_t i = 0; i < w.steps_ && !e.aborting(); ++i) {
      switch (w.kind_) {
        case Kind::shared: e.step({.operation = &update, .access = access}, [](std::uint64_t& word) { ++word; }); break;
        case Kind::witnessed:  // the owner ends the lifetime when it is done, before the others are
        case Kind::faulty: {   // or with its first step, and nearly every step after that is a fault
          const bool ends = a.task == 0 && i == (w.kind_ == Kind::faulty ? 0 : w.steps_ - 1);
          e.step({.operation = &update, .access = access, .uses = {w.life_}, .ends = ends ? w.life_ : LifetimeId{}},
                 [](std::uint64_t& word) { ++word; });
          break;
        }
        case Kind::locked:
          e.step({.operation = &lock, .access = access, .guard = Guard::equal(0)}, [](std::uint64_t& word) { word = 1; });
          e.step({.operation = &unlock, .access = access}, [](std::uint64_t& word) { word = 0; });
          break;
        case Kind::independent: e.step({.operation = &update}); break;
      }
    }
  }

  Kind kind_;
  std::uint32_t steps_;
  Engine* engine_ = nullptr;
  ObjectId object_;
  LifetimeId life_;
  std::vector<Argument> arguments_;
};

// An engine that runs one workload under `random`, one execution a call.
class Runner {
 public:
  Runner(Workload::Kind kind, std::uint32_t tasks, std::uint32_t steps)
      : workload_(kind, tasks, steps), strategy_(make_strategy("random")) {}
  // The number of steps taken.
  std::uint64_t execution() {
    const ExecutionInfo info{index_, execution_seed(1, index_), &engine_.names()};
    ++index_;
    strategy_->begin(info);
    engine_.run(workload_, *strategy_, info);
    return engine_.trace().events.size();
  }
  std::uint64_t judged_execution() {
    const std::uint64_t steps = execution();
    faults_.clear();
    judge_.judge(engine_.trace(), faults_);
    return steps;
  }

 private:
  Engine engine_;
  Workload workload_;
  std::unique_ptr<Strategy> strategy_;
  std::uint64_t index_ = 0;
  LifetimeJudge judge_;
  std::vector<LifetimeFault> faults_;
};

// Eight fibers that hand over to a seeded choice among them, and nothing else: what a step costs before the engine does anything for it.
class BareFibers {
 public:
  BareFibers() {
    for (std::uint32_t i = 0; i < count; ++i) handles_[i] = fibers_.obtain(&BareFibers::body, this);
  }
  ~BareFibers() {
    left_ = 0;
    for (const Fibers::Handle h : handles_) fibers_.switch_to(h);  // each comes back once to end
  }
  BareFibers(const BareFibers&) = delete;
  BareFibers& operator=(const BareFibers&) = delete;
  std::uint64_t steps(std::uint64_t n) {
    left_ = n;
    fibers_.switch_to(handles_[0]);
    return n;
  }

 private:
  static constexpr std::uint32_t count = 8;
  static void body(void* self) { static_cast<BareFibers*>(self)->loop(); }
  void loop() {
    // Goes on for ever; main resumes somebody when it wants more steps.
    for (;;) {
      if (left_ == 0) {
        fibers_.switch_to(Fibers::main);
        if (left_ == 0) break;
      } else {
        --left_;
      }
      fibers_.switch_to(handles_[random_.below(count)]);
    }
    fibers_.switch_to(Fibers::main);
  }
  Fibers fibers_;
  std::array<Fibers::Handle, count> handles_{};
  Random random_{1};
  std::uint64_t left_ = 0;
};

// Every order of the steps of a workload, by re-execution: a stack of choices, the deepest advanced.
class EveryOrder final : public Strategy {
 public:
  bool begin(const ExecutionInfo& /*info*/) override {
    if (started_) {
      while (!stack_.empty() && ++stack_.back().taken == stack_.back().alternatives) stack_.pop_back();
      if (stack_.empty()) return started_ = false;
    }
    started_ = true;
    depth_ = 0;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    if (enabled.size() == 1) return enabled[0].id;
    if (depth_ == stack_.size()) stack_.push_back({0, static_cast<std::uint32_t>(enabled.size())});
    return enabled[stack_[depth_++].taken].id;
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return 0; }
  [[nodiscard]] std::string describe() const override { return "every-order"; }

 private:
  struct Point {
    std::uint32_t taken, alternatives;
  };
  std::vector<Point> stack_;
  std::size_t depth_ = 0;
  bool started_ = false;
};

Row executions(std::string name, double good, double limit, Workload::Kind kind, std::uint32_t tasks, std::uint32_t steps,
               bool judged = false) {
  const auto runner = std::make_shared<Runner>(kind, tasks, steps);
  return {std::move(name), "step", good, limit,
          [runner, judged] { return sample([&] { return judged ? runner->judged_execution() : runner->execution(); }); }};
}

Row bare() {
  const auto fibers = std::make_shared<BareFibers>();
  return {"fibers alone: seeded choice and switch, 8 of them", "step", 2.8, 4,
          [fibers] { return sample([&] { return fibers->steps(10'000); }); }};
}

Row creation() {
  const auto runner = std::make_shared<Runner>(Workload::Kind::independent, 64, 1);
  return {"task: created, one step, finished (64 a run)", "task", 15, 60, [runner] {
            return sample([&] {
              runner->execution();
              return 64;
            });
          }};
}

Row exhaustive() {
  struct State {
    Engine engine;
    Workload workload{Workload::Kind::shared, 3, 4};
    EveryOrder strategy;
  };
  const auto s = std::make_shared<State>();
  return {"every order of 3x4 by re-execution (34650 runs)", "run", 0, 0, [s] {
            return sample(
                [&] {
                  std::uint64_t n = 0;
                  for (ExecutionInfo info{0, 1, &s->engine.names()}; s->strategy.begin(info); ++info.index, ++n)
                    s->engine.run(s->workload, s->strategy, info);
                  return n;
                },
                0);
          }};
}

double ns_per_step(Runner& runner) {
  const Sample s = sample([&] { return runner.execution(); }, 2e7);
  return s.ns / static_cast<double>(s.units);
}

}  // namespace

std::vector<Row> step_cost_rows() {
  using Kind = Workload::Kind;
  std::vector<Row> rows;
  rows.push_back(bare());
  rows.push_back(executions("engine step: trace and fingerprint, 8x400", 3.5, 6, Kind::shared, 8, 400));
  rows.push_back(executions("whole execution 8x40", 5, 8, Kind::shared, 8, 40));
  rows.push_back(executions("the same, lifetimes judged", 5, 8, Kind::witnessed, 8, 40, true));
  rows.push_back(executions("the same, nearly every step a fault", 0, 0, Kind::faulty, 8, 40, true));
  rows.push_back(executions("the same, 32x40, lifetimes judged", 0, 0, Kind::witnessed, 32, 40, true));
  rows.push_back(executions("lock and unlock, 8x20 of each", 8, 12, Kind::locked, 8, 20));
  rows.push_back(creation());
  rows.push_back(exhaustive());
  return rows;
}

Result two_threads(unsigned rounds) {
  static const Row row{"two OS threads, CPU time per step against one", "step", 1.0, 1.05, {}};
  std::vector<double> ns, ratios;
  for (unsigned round = 0; round <= rounds; ++round) {
    double alone = 0;
    std::array<double, 2> both{};
    const auto work = [](double& out) {
      Runner runner(Workload::Kind::shared, 8, 40);
      out = ns_per_step(runner);
    };
    std::thread(work, std::ref(alone)).join();
    std::thread first(work, std::ref(both[0])), second(work, std::ref(both[1]));
    first.join();
    second.join();
    if (round == 0) continue;
    ns.push_back((both[0] + both[1]) / 2);
    ratios.push_back(ns.back() / alone);
  }
  const auto [lowest, highest] = std::minmax_element(ratios.begin(), ratios.end());
  return {&row, median(ns), median(ratios), *lowest, *highest};
}

std::uint64_t fixed_work(std::uint64_t n) {
  Runner runner(Workload::Kind::shared, 8, 400);
  std::uint64_t steps = 0;
  for (std::uint64_t i = 0; i < n; ++i) steps += runner.execution();
  return steps;
}

}  // namespace unplug::bench
