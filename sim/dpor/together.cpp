// A search by several threads.
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "unplug/sim/dpor/walk.hpp"

namespace unplug::sim {
namespace {

constexpr std::uint64_t told_each = 256;  // executions

class Together {
 public:
  explicit Together(const DporOptions& options) : options_(options) {}

  void work(const std::function<std::unique_ptr<DporWorker>()>& make) {
    try {
      const std::unique_ptr<DporWorker> worker = make();
      Dpor::Result mine;
      explore(*worker, mine);
      const std::scoped_lock lock(mutex_);
      worker->deliver();
      add(mine);
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!error_) error_ = std::current_exception();
      tree_.stop();
    }
  }
  Dpor::Result result() {
    if (error_) std::rethrow_exception(error_);
    return result_;
  }

 private:
  void explore(DporWorker& worker, Dpor::Result& mine) {
    DporWalk walk(worker.engine(), options_, tree_);
    ExecutionInfo info{0, options_.seed, &worker.engine().names()};
    const Dpor::Visit visit = [&](const Outcome& o) { return worker.visit(o); };
    while (walk.take()) {
      do {
        if (tree_.stopped()) break;
        if (options_.stop && options_.stop()) mine.kind = Dpor::Result::Kind::stopped;
        if (mine.kind != Dpor::Result::Kind::complete || !Dpor::run_once(worker.engine(), worker.program(), walk, info, mine, visit)) {
          tree_.stop();
          break;
        }
        if (!walk.redundant() && ++visited_ % told_each == 0 && options_.tell) options_.tell(visited_, estimate());
        if (!walk.backtrack()) break;
        if (tree_.hungry()) walk.share();
      } while (true);
      walk.finished();
    }
  }
  std::uint64_t estimate() {
    constexpr unsigned least = 20;
    const std::uint64_t parts = tree_.parts_done(), visited = visited_;
    if (parts == 0 || visited > UINT64_MAX >> least) return 0;
    return std::max((visited << least) / parts, visited);
  }
  void add(const Dpor::Result& r) {
    if (result_.kind == Dpor::Result::Kind::complete || r.kind == Dpor::Result::Kind::failed) {
      result_.kind = r.kind;
      result_.message = r.message;
    }
    result_.executions += r.executions;
    result_.redundant += r.redundant;
    result_.step_bound += r.step_bound;
    result_.wakeup_nodes += r.wakeup_nodes;
  }

  const DporOptions& options_;
  SearchTree tree_;
  std::atomic<std::uint64_t> visited_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
  Dpor::Result result_;
};

}  // namespace

Dpor::Result explore_together(unsigned threads, const DporOptions& options, const std::function<std::unique_ptr<DporWorker>()>& make) {
  Together together(options);
  std::vector<std::thread> others;
  for (unsigned t = 1; t < threads; ++t) others.emplace_back([&] { together.work(make); });
  together.work(make);
  for (std::thread& t : others) t.join();
  return together.result();
}

}  // namespace unplug::sim
