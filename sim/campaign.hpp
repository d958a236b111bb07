// Many executions over several OS threads, with a result that does not depend on how many.
//
// Each thread has a worker of its own (engine, program, tally), made and destroyed on that thread. Executions are numbered; a worker takes
// blocks of numbers as it gets free, so what it accumulates must be independent of which worker ran what: sums, minima by index,
// histograms.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace unplug::sim {

class CampaignWorker {
 public:
  virtual ~CampaignWorker() = default;
  // Runs execution number `index`.
  virtual void run(std::uint64_t index) = 0;
  // Adds what this worker has gathered to the campaign's result. Called once, on the worker's thread, one worker at a time.
  virtual void deliver() = 0;
};

// Runs executions 0 .. count-1 on `jobs` threads (0 counts as 1). `progress`, if given, is told now and then how many are done, from any
// thread. `stop`, if given, is asked now and then, from any thread: once it answers true no more are begun. Answers whether all were run:
// what a stopped campaign has gathered depends on when it was stopped. `block`: how many a worker takes at a time. An exception of a worker
// is rethrown here after all threads have stopped.
inline bool run_campaign(std::uint64_t count, unsigned jobs, const std::function<std::unique_ptr<CampaignWorker>()>& make,
                         const std::function<void(std::uint64_t done)>& progress = {}, const std::function<bool()>& stop = {},
                         std::uint64_t block = 64) {
  std::atomic<std::uint64_t> next{0}, done{0};
  std::mutex delivery;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      const std::unique_ptr<CampaignWorker> worker = make();
      for (;;) {
        if (stop && stop()) break;
        const std::uint64_t from = next.fetch_add(block);
        if (from >= count) break;
        const std::uint64_t to = from + block < count ? from + block : count;
        for (std::uint64_t i = from; i < to; ++i) worker->run(i);
        done += to - from;
        if (progress) progress(done);
      }
      const std::scoped_lock lock(delivery);
      worker->deliver();
    } catch (...) {
      const std::scoped_lock lock(delivery);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  if (jobs <= 1 || count <= block) {
    work();
  } else {
    std::vector<std::thread> threads;
    for (unsigned j = 0; j < jobs; ++j) threads.emplace_back(work);
    for (std::thread& t : threads) t.join();
  }
  if (failure) std::rethrow_exception(failure);
  return done == count;
}

}  // namespace unplug::sim
