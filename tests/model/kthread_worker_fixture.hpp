// What the tests of kthread workers share.
#pragma once

#include "support.hpp"
#include "unplug/model/kernel/work/kthread_worker.hpp"

namespace unplug::model::test {

// A worker and one work, delayed or not, and what its function has seen.
struct WorkerFixture {
  KthreadWorker worker;
  KthreadDelayedWork delayed;
  KthreadWork& work = delayed.work;
  KthreadWork other;
  Allocation home;
  int runs = 0, inside = 0, others = 0;
  std::string order;
  Lab::Body extra, other_extra;  // in the middle of the functions
  void init(Lab& l, LifetimeId embedded = {}, LifetimeId owner = {}) {
    runs = inside = others = 0;
    order.clear();
    l.init(home, "home", {"x"});
    init_kthread_worker(l.kernel, worker, l.name("worker"), l.name("worker"), embedded, owner, l.name("kthread worker"));
    set_function(l, work, [this](Context& c) {
      must(++inside == 1);
      ++runs;
      order += 'w';
      get(c, home);
      if (extra) extra(c);
      --inside;
    });
    set_function(l, other, [this](Context& c) {
      ++others;
      order += 'o';
      if (other_extra) other_extra(c);
    });
    init_kthread_delayed_work(l.kernel, delayed, worker, l.name("work"), home.life, l.name("work timer"), l.name("softirq work"));
    init_kthread_work(other, worker, l.name("other"), {});
  }
  static void set_function(Lab& l, KthreadWork& w, Lab::Body body) {
    w.function = Lab::Call<void>::run;
    w.argument = l.keep<void>(std::move(body));
  }
};

}  // namespace unplug::model::test
