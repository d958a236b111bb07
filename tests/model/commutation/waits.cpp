#include "model/commute.hpp"
#include "unplug/model/kernel/locking/dma_fence.hpp"
#include "unplug/model/kernel/locking/polling.hpp"
#include "unplug/model/kernel/locking/wait_queue.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t completions(Covered& covered) {
  Waiter done;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(done, "done");
    for (const auto* name : {"w1", "w2"})
      l.task(name, [&](Context& c) {
        wait_for_completion_timeout(c, done, 10);
        wait_for_completion_interruptible_timeout(c, done, 10);
        try_wait_for_completion(c, done);
        wait_for_completion_killable(c, done);
        completion_done(c, done);
      });
    l.task("completer", [&](Context& c) {
      for (int i = 0; i < 3; ++i) complete(c, done);
      reinit_completion(c, done);
      complete_all(c, done);
    });
  });
  return commute(lab, 100, 10, covered);
}
const CommutationLab completions_lab{"completions with other ends", 500, completions};

std::uint64_t pollers(Covered& covered) {
  std::array<Allocation, 2> word;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    for (Allocation& w : word) l.init(w, &w == word.data() ? "a" : "b", {"f"});
    // Until both are set: a round looks at one or two words, and waits for either.
    const auto until_set = [&](std::optional<sim::Duration> timeout) {
      return [&, timeout](Context& c) {
        while (!c.aborting()) {
          const auto from = static_cast<std::uint32_t>(c.engine().trace().events.size());
          const sim::Time began = c.engine().local_time();
          if (get(c, word[0]) != 0 && get(c, word[1]) != 0) return;
          if (const auto round = round_since(c, from, began); round && await_change(c, *round, timeout, Poller::driver) == WaitEnd::expired)
            return;
        }
      };
    };
    l.task("polls", until_set({}));
    l.task("gives up", until_set(10));
    l.task("setter", [&](Context& c) {
      set(c, word[1], 1);
      set(c, word[0], 1);
    });
  });
  return commute(lab, 150, 10, covered);
}
const CommutationLab pollers_lab{"polling", 500, pollers};

std::uint64_t wait_queues(Covered& covered) {
  WaitQueue q;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    init_wait_queue(l.kernel, q, l.name("q"), l.name("q"), {}, Owner::driver);
    const Condition set_to = [&](Context& c) { return get(c, flag) >= 2; };
    l.task("killed", [&, set_to](Context& c) { wait_event_killable(c, q, set_to); });
    l.task("timed", [&, set_to](Context& c) { wait_event_timeout(c, q, set_to, 10); });
    l.task("both", [&, set_to](Context& c) { wait_event_interruptible_timeout(c, q, set_to, 10); });
    l.task("poller", [&, set_to](Context& c) { poll(c, q, set_to); });
    l.task("waker", [&](Context& c) {
      wake_up_interruptible(c, q);
      set(c, flag, 1);
      wake_up(c, q);
      set(c, flag, 2);
      wake_up(c, q);
    });
  });
  return commute(lab, 150, 10, covered);
}
const CommutationLab wait_queues_lab{"wait queues", 500, wait_queues};

std::uint64_t fences(Covered& covered) {
  DmaFence f;
  Spinlock lock;
  FenceCallback first, second;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(lock, "lock");
    l.init(flag, "flag", {"f"});
    init_dma_fence(l.kernel, f, l.name("fence"), l.name("fence"), {}, Owner::driver, lock);
    for (FenceCallback* cb : {&first, &second}) {
      cb->function = Lab::Call<void>::run;
      cb->argument = l.keep<void>([&](Context& c) { set(c, flag, 1); });
    }
    l.task("a", [&](Context& c) {
      dma_fence_add_callback(c, f, first);
      dma_fence_remove_callback(c, f, first);
      dma_fence_is_signaled(c, f);
    });
    l.task("b", [&](Context& c) {
      dma_fence_add_callback(c, f, second);
      dma_fence_is_signaled(c, f);
    });
    l.task("gpu", [&](Context& c) { dma_fence_signal(c, f); });
    l.task("waiter", [&](Context& c) {
      dma_fence_is_signaled(c, f);
      dma_fence_wait_timeout(c, f.waiter, Signals::none, 5);
    });
  });
  return commute(lab, 100, 10, covered);
}
const CommutationLab fences_lab{"fences with callbacks", 300, fences};

}  // namespace
}  // namespace unplug::model::test
