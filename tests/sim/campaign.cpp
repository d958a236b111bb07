// Campaigns: the same result with any number of jobs; failures reach the caller.
#include "unplug/sim/campaign.hpp"

#include <stdexcept>

#include "models.hpp"
#include "pairs.hpp"
#include "unplug/sim/histogram.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

// Sums, a minimum by index, a histogram: what a real campaign keeps.
struct Result {
  std::uint64_t executions = 0, violating = 0, fingerprints = 0, first_violation = UINT64_MAX, first_fingerprint = 0;
  std::vector<std::uint64_t> quantiles;
  Histogram steps;
  bool operator==(const Result& o) const {
    return executions == o.executions && violating == o.violating && fingerprints == o.fingerprints &&
           first_violation == o.first_violation && first_fingerprint == o.first_fingerprint && quantiles == o.quantiles;
  }
};

class Worker final : public CampaignWorker {
 public:
  explicit Worker(Result& total) : total_(total) {}
  void run(std::uint64_t index) override {
    const ExecutionInfo info{index, execution_seed(99, index), &engine_.names()};
    strategy_->begin(info);
    engine_.run(model_, *strategy_, info);
    ++mine_.executions;
    mine_.fingerprints += mix(engine_.trace().fingerprint + index);
    mine_.steps.add(engine_.trace().events.size() * 1'000);
    if (judge(engine_.trace()).empty()) return;
    ++mine_.violating;
    if (index < mine_.first_violation) {
      mine_.first_violation = index;
      mine_.first_fingerprint = engine_.trace().fingerprint;
    }
  }
  void deliver() override {
    total_.executions += mine_.executions;
    total_.violating += mine_.violating;
    total_.fingerprints += mine_.fingerprints;
    total_.steps.merge(mine_.steps);
    if (mine_.first_violation < total_.first_violation) {
      total_.first_violation = mine_.first_violation;
      total_.first_fingerprint = mine_.first_fingerprint;
    }
  }

 private:
  Result& total_;
  Result mine_;
  Engine engine_;
  StepModel model_ = broken_kref(3, Mistake::nolock).lifted();
  std::unique_ptr<Strategy> strategy_ = make_strategy("random");
};

Result campaign(std::uint64_t count, unsigned jobs) {
  Result total;
  run_campaign(count, jobs, [&] { return std::make_unique<Worker>(total); });
  for (const std::uint64_t q : {1U, 500U, 900U, 1000U}) total.quantiles.push_back(total.steps.quantile(q));
  return total;
}

}  // namespace

TEST_CASE("a campaign gives the same result with any number of jobs") {
  for (const std::uint64_t count : {0U, 1U, 63U, 64U, 65U, 3'000U}) {
    const Result one = campaign(count, 1);
    CHECK(one.executions == count);
    CHECK(campaign(count, 0) == one);
    CHECK(campaign(count, 2) == one);
    CHECK(campaign(count, 5) == one);
  }
  CHECK(campaign(3'000, 1).violating > 100);
}

TEST_CASE("each execution is run once") {
  struct Marking final : CampaignWorker {
    std::vector<std::atomic<int>>& ran;
    std::atomic<int>& delivered;
    Marking(std::vector<std::atomic<int>>& r, std::atomic<int>& d) : ran(r), delivered(d) {}
    void run(std::uint64_t index) override { ++ran[index]; }
    void deliver() override { ++delivered; }
  };
  std::vector<std::atomic<int>> ran(10'000);
  std::atomic<int> made = 0, delivered = 0;
  std::atomic<std::uint64_t> most = 0, calls = 0;
  run_campaign(
      ran.size(), 3,
      [&] {
        ++made;
        return std::make_unique<Marking>(ran, delivered);
      },
      [&](std::uint64_t done) {
        ++calls;
        for (std::uint64_t seen = most; done > seen && !most.compare_exchange_weak(seen, done);) {
        }
      });
  for (const auto& n : ran) CHECK(n == 1);
  CHECK(made == 3);
  CHECK(delivered == 3);
  CHECK(most == ran.size());
  CHECK(calls > 10);
}

TEST_CASE("an exception of a worker, or of making one, stops the campaign and reaches the caller") {
  struct Broken final : CampaignWorker {
    void run(std::uint64_t index) override {
      if (index == 500) throw std::runtime_error("execution 500");
    }
    void deliver() override {}
  };
  for (const unsigned jobs : {1U, 2U, 5U}) {
    CHECK_THROWS_WITH(run_campaign(1'000'000, jobs, [] { return std::make_unique<Broken>(); }), "execution 500");
    CHECK_THROWS_WITH(run_campaign(1'000, jobs, []() -> std::unique_ptr<CampaignWorker> { throw std::runtime_error("no worker"); }),
                      "no worker");
  }
}
