#include "exploration.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include <fmt/format.h>

#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/run/tally.hpp"
#include "unplug/sim/dpor/dpor.hpp"
#include "unplug/sim/recorder.hpp"
#include "unplug/sim/trial.hpp"

namespace unplug::bench {
namespace {

using namespace unplug::sim;

// The reference models kref and drain: users that look, count, use and put against a remover that hides, waits or puts, and frees.
class Model final : public Program {
 public:
  enum class Kind : std::uint8_t { kref, drain };
  Model(Kind kind, std::uint32_t users) : kind_(kind), users_(users) {}

  void setup(Engine& e) override {
    engine_ = &e;
    const auto object = [&](std::uint64_t word) { return e.new_object(e.own_name("o"), word); };
    lock_ = object(0);
    flag_ = object(kind_ == Kind::kref ? 1 : 0);
    count_ = object(kind_ == Kind::kref ? 1 : 0);
    freed_ = object(0);
    spawn("remover", &Model::remover);
    for (std::uint32_t u = 0; u < users_; ++u) spawn(u, &Model::user);
  }

 private:
  void spawn(std::string_view name, void (*entry)(void*)) { spawn(engine_->names().intern(name), entry); }
  void spawn(std::uint32_t n, void (*entry)(void*)) { spawn(engine_->names().child(engine_->names().intern("user"), "n", n + 1), entry); }
  void spawn(NameId name, void (*entry)(void*)) {
    TaskSpec s;
    s.name = s.role = name;
    s.entry = entry;
    s.argument = this;
    engine_->spawn(s);
  }
  std::uint64_t read(ObjectId o) { return step(o, AccessKind::read, {}, 0, false); }
  void write(ObjectId o, std::uint64_t v) { step(o, AccessKind::write, {}, v, false); }
  std::uint64_t add(ObjectId o, std::uint64_t d) { return step(o, AccessKind::write, {}, d, true); }
  void acquire() { step(lock_, AccessKind::write, Guard::equal(0), 1, false); }
  void release() { write(lock_, 0); }
  std::uint64_t step(ObjectId o, AccessKind kind, const Guard& guard, std::uint64_t value, bool add) {
    static const Operation op{.name = "step"};
    if (engine_->aborting()) return 0;
    return engine_->step({.operation = &op, .access = {o, kind}, .guard = guard}, [&](std::uint64_t& w) {
      const std::uint64_t old = w;
      if (kind == AccessKind::write) w = add ? w + value : value;
      return old;
    });
  }
  static void remover(void* self) {
    auto& m = *static_cast<Model*>(self);
    m.acquire();
    m.write(m.flag_, m.kind_ == Kind::kref ? 0 : 1);
    m.release();
    if (m.kind_ == Kind::kref) {
      if (m.add(m.count_, UINT64_MAX) == 1) m.write(m.freed_, 1);
    } else {
      m.step(m.count_, AccessKind::read, Guard::equal(0), 0, false);
      m.write(m.freed_, 1);
    }
  }
  static void user(void* self) {
    auto& m = *static_cast<Model*>(self);
    m.acquire();
    const bool there = m.read(m.flag_) == (m.kind_ == Kind::kref ? 1U : 0U);
    if (there) m.add(m.count_, 1);
    m.release();
    if (!there) return;
    m.read(m.freed_);
    if (m.add(m.count_, UINT64_MAX) == 1 && m.kind_ == Kind::kref) m.write(m.freed_, 1);
  }

  Kind kind_;
  std::uint32_t users_;
  Engine* engine_ = nullptr;
  ObjectId lock_, flag_, count_, freed_;
};

Row traces(const std::string& name, Model::Kind kind, std::uint32_t users) {
  auto engine = std::make_shared<Engine>();
  auto model = std::make_shared<Model>(kind, users);
  return {name, "trace", 0, 0,
          [=] { return sample([&] { return Dpor::explore(*engine, *model, {}, [](const Outcome&) { return true; }).executions; }, 2e7); }};
}

// A flagship under one policy, its executions judged and gathered as a campaign does.
struct Campaign {
  Campaign(const std::string& file, const std::string& policy, const std::string& bars, const std::string& without = {}) {
    scenarios::Diagnostics out;
    scenarios::LoadOptions load;
    load.policies = {policy};
    if (!without.empty()) load.without = {without};
    if (!bars.empty()) load.params = {{"bars", bars}};
    scenario = scenarios::load_scenario("scenarios/" + file + ".json", load, out);
    if (!scenario) {
      fmt::print(stderr, "{}", out.render());
      std::exit(2);
    }
    world = std::make_unique<scenarios::World>(scenario->program(0, 0, 0), scenario->policies[0].spec, engine);
  }
  std::unique_ptr<scenarios::Scenario> scenario;
  Engine engine;
  std::unique_ptr<scenarios::World> world;
};

Row executions(const std::string& name, const std::string& strategy_name, bool record) {
  auto c = std::make_shared<Campaign>("nova-timer", "srcu-fence", "3");
  auto strategy = std::shared_ptr<Strategy>(make_strategy(strategy_name));
  auto recorder = std::make_shared<Recorder>(*strategy);
  run_trials(c->engine, *c->world, *strategy, 1);
  auto gatherer = std::make_shared<scenarios::Gatherer>(*c->world, strategy->obeys_time() ? scenarios::Gatherer::How::timed
                                                                                          : scenarios::Gatherer::How::sampled);
  auto index = std::make_shared<std::uint64_t>(0);
  return {name, "execution", 0, 0, [=] {
            return sample([&] {
              Strategy& s = record ? static_cast<Strategy&>(*recorder) : *strategy;
              const ExecutionInfo info{*index, execution_seed(1, *index), &c->engine.names()};
              ++*index;
              s.begin(info);
              const Outcome o = c->engine.run(*c->world, s, info);
              gatherer->add(info.index, c->engine.trace(), o);
              return std::uint64_t{1};
            });
          }};
}

Row proof() {
  auto c = std::make_shared<Campaign>("drm-unbounded-wait", "rcu-revoke", "");
  return {"drm-unbounded-wait under rcu-revoke, proven", "trace", 0, 0, [=] {
            scenarios::Gatherer gatherer(*c->world, scenarios::Gatherer::How::exhaustive);
            return sample([&] {
              return Dpor::explore(c->engine, *c->world, {},
                                   [&](const Outcome& o) {
                                     gatherer.add(0, c->engine.trace(), o);
                                     return true;
                                   })
                  .executions;
            });
          }};
}

}  // namespace

std::vector<Row> exploration_rows() {
  return {traces("kref(4), every trace", Model::Kind::kref, 4),
          traces("drain(4), every trace", Model::Kind::drain, 4),
          executions("nova-timer under srcu-fence, 3 BARs, random, judged", "random", false),
          executions("the same under mix", "mix", false),
          executions("the same under timed", "timed", false),
          executions("the same under random, decisions recorded", "random", true),
          proof()};
}

std::vector<FirstFailure> first_failures(unsigned campaigns, std::uint64_t limit) {
  std::vector<FirstFailure> out;
  struct Bug {
    std::string file, policy, without;
  };
  for (const Bug& bug :
       {Bug{"nova-timer", "srcu-fence", "irq"}, Bug{"nova-timer", "srcu-fence", "work"}, Bug{"nova-timer", "srcu-fence", "entry"},
        Bug{"rdma-uverbs-upgrade", "rcu-revoke", ""}, Bug{"drm-unbounded-wait", "srcu-fence", "waiters"}}) {
    for (const StrategyInfo& info : strategies()) {
      if (searches(info.name) || info.name == "timed") continue;
      // First occurrence of each class, campaign by campaign.
      std::map<std::string, std::vector<std::uint64_t>> first;
      for (unsigned seed = 1; seed <= campaigns; ++seed) {
        Campaign c(bug.file, bug.policy, bug.file == "nova-timer" ? "1" : "", bug.without);
        const auto strategy = make_strategy(info.name);
        run_trials(c.engine, *c.world, *strategy, seed);
        model::Checker checker;
        std::map<std::string, std::uint64_t> seen;
        for (std::uint64_t i = 0; i < limit; ++i) {
          const ExecutionInfo e{i, execution_seed(seed, i), &c.engine.names()};
          strategy->begin(e);
          c.engine.run(*c.world, *strategy, e);
          std::vector<model::Violation> violations;
          scenarios::judge(*c.world, checker, c.engine.trace(), {}, false, violations);
          for (const model::Violation& v : violations)
            if (!model::info(v.violation_class).note) seen.emplace(model::info(v.violation_class).name, i + 1);
        }
        for (const auto& [name, n] : seen) first[name].push_back(n);
      }
      for (auto& [name, counts] : first) {
        counts.resize(campaigns, limit + 1);
        std::ranges::sort(counts);
        const std::uint64_t median = counts[campaigns / 2];
        const std::string policy = bug.without.empty() ? bug.policy : bug.policy + " without " + bug.without;
        out.push_back({bug.file, policy, name, std::string(info.name), median > limit ? 0 : median});
      }
    }
  }
  std::ranges::stable_sort(out, {}, [](const FirstFailure& f) { return std::tuple(f.scenario, f.policy, f.violation); });
  return out;
}

}  // namespace unplug::bench
