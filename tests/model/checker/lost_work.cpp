// Work that was promised and is neither run nor cancelled.
#include "model/support.hpp"

namespace unplug::model::test {

// Fact: delayed_work-inner-cancel.
TEST_CASE("lost-work: delayed work whose timer was shut down is pending for ever, and even cancelling it finds it nowhere") {
  DelayedWork w;
  enum class Form : std::uint8_t { lost, cancelled, queued_before } form = Form::lost;
  int runs = 0;
  Lab lab([&](Lab& l) {
    runs = 0;
    l.init(w, "poll", [&](Context&) { ++runs; });
    l.task("driver", [&](Context& c) {
      if (form == Form::queued_before) must(queue_delayed_work(c, w, 1));
      timer_shutdown_sync(c, w.timer);
      if (form != Form::queued_before) must(queue_delayed_work(c, w, 1));
      if (form == Form::cancelled) cancel_delayed_work_sync(c, w);
    });
  });
  const Found f = every(lab, [&] { CHECK(runs == 0); });
  CHECK(f.count("lost-work(poll)@driver") == f.executions);
  CHECK(f.places.at("lost-work(poll)@driver") == "queue_delayed_work");
  CHECK(f.details.at("lost-work(poll)@driver") == "'poll' was queued, and is neither run nor cancelled");
  form = Form::queued_before;
  const Found g = every(lab);
  CHECK(g.count("lost-work(poll)@driver") > 0);  // the timer was taken off the wheel
  CHECK(g.count("lost-work(poll)@driver") < g.executions);
  form = Form::cancelled;
  CHECK(every(lab).count("deadlock(poll)@driver") == 1);  // cancelling it looks for it in both places for ever
}

TEST_CASE("lost-work: what is run, taken back or refused is not lost, nor what a sleeper with a timeout may still see to") {
  DelayedWork w;
  Work plain;
  Waiter late;
  int form = 0;
  Lab lab([&](Lab& l) {
    l.init(w, "poll", [](Context&) {});
    l.init(plain, "work", [](Context&) {});
    l.init(late, "late");
    l.task("driver", [&](Context& c) {
      switch (form) {
        case 0:
          queue_work(c, plain);
          queue_delayed_work(c, w, 1);
          break;
        case 1:
          queue_delayed_work(c, w, 1);
          cancel_delayed_work(c, w);
          queue_work(c, plain);
          cancel_work(c, plain);
          break;
        case 2:
          disable_delayed_work_sync(c, w);
          disable_work(c, plain);
          queue_delayed_work(c, w, 1);
          queue_work(c, plain);
          break;
        default:
          timer_shutdown_sync(c, w.timer);
          queue_delayed_work(c, w, 1);
          wait_for_completion_timeout(c, late, 1);
      }
    });
  });
  for (form = 0; form < 3; ++form) {
    CAPTURE(form);
    CHECK(every(lab).text().empty());
  }
  const Found f = every(lab);
  CHECK(f.executions == 2);
  CHECK(f.count("lost-work(poll)@driver") == 1);
}

}  // namespace unplug::model::test
