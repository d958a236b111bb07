// Verbs of waits: completions, fences, wait queues, and what can end a wait besides what it is for.
#include "small.hpp"

using namespace unplug::scenarios::test;

namespace {

// Steps for each answer a wait can give in `r`.
std::string answers() {
  return R"({"if": "r == 1", "do": [{"udelay": "1ns", "id": "one"}]}, {"if": "r == 0", "do": [{"udelay": "1ns", "id": "zero"}]},
    {"if": "r == -512", "do": [{"udelay": "1ns", "id": "signal"}]})";
}
// "one zero signal", as far as they are reached.
std::string reached(const Explored& e) {
  std::string out;
  for (const char* a : {"one", "zero", "signal"})
    if (e.reaches(std::string("foo_remove/") + a)) out += (out.empty() ? "" : " ") + std::string(a);
  return out;
}

}  // namespace

TEST_CASE("completions: what can end a wait is a choice, and what it answers is what the kernel's function does") {
  Small s;
  s.probe = R"({"init_completion": "priv.done", "owner": "driver"})";
  struct Wait {
    const char *step, *completed, *never;
  };
  for (const Wait& w : {Wait{R"({"wait_for_completion_timeout": "priv.done", "timeout": "10ms", "to": "r"})", "one zero", "zero"},
                        Wait{R"({"wait_for_completion_interruptible": "priv.done", "to": "r"})", "zero signal", "signal"},
                        Wait{R"({"wait_for_completion_killable": "priv.done", "to": "r"})", "zero signal", "signal"},
                        Wait{R"({"wait_for_completion_interruptible_timeout": "priv.done", "timeout": "10ms", "to": "r"})",
                             "one zero signal", "zero signal"},
                        Wait{R"({"try_wait_for_completion": "priv.done", "to": "r"})", "one zero", "zero"},
                        Wait{R"({"completion_done": "priv.done", "to": "r"})", "one zero", "zero"}}) {
    CAPTURE(w.step);
    s.remove = std::string(w.step) + ", " + answers();
    s.op = R"({"complete": "priv.done"})";
    s.probe = R"({"init_completion": "priv.done", "owner": "driver"}, {"INIT_WORK": "priv.w", "fn": "foo_work"}, {"queue_work": "priv.w"})";
    s.functions = R"("foo_work": [{"complete": "priv.done"}])";
    s.op = "";
    s.remove = std::string(w.step) + ", " + answers() + R"(, {"flush_work": "priv.w"})";
    CHECK(reached(explore(s)) == w.completed);
    s.functions = R"("foo_work": [{"udelay": "1ns"}])";
    CHECK(reached(explore(s)) == w.never);
  }
}

TEST_CASE("completions: a wait that nobody can end hangs, reinit_completion takes back what was complete, and an `else` is for whatever "
          "else ended it") {
  Small s;
  s.probe = R"({"init_completion": "priv.done", "owner": "driver"}, {"complete_all": "priv.done"})";
  s.remove = R"({"wait_for_completion": "priv.done"}, {"wait_for_completion": "priv.done"})";
  CHECK(explore(s).clean());
  s.remove = R"({"reinit_completion": "priv.done"}, {"wait_for_completion": "priv.done"})";
  CHECK(explore(s).shows("hung-remove(priv.done)@foo_remove"));
  s.remove = R"({"reinit_completion": "priv.done"}, {"wait_for_completion_timeout": "priv.done", "timeout": "1ms", "else": "late"},
    {"udelay": "1ns", "id": "in time"}, {"label": "late"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(!e.reaches("foo_remove/in time"));
}

TEST_CASE(
    "fences: a callback runs in who signals, under the lock, removed it has run or will not, and left there it runs on freed memory") {
  Small s;
  s.functions = R"("foo_cb": [{"READ_ONCE": "cb.x", "to": "x"}])";
  s.probe =
      R"({"spin_lock_init": "lock"}, {"dma_fence_init": "fence", "owner": "user", "lock": "lock"}, {"kzalloc": "cb", "fields": {"x": 0}},
    {"dma_fence_add_callback": "cb.node", "fence": "fence", "fn": "foo_cb", "to": "r"},
    {"if": "r == -2", "do": [{"udelay": "1ns", "id": "signalled already"}]})";
  s.tasks = R"("peer": {"do": [{"dma_fence_signal": "fence"}]})";
  s.remove = R"({"dma_fence_remove_callback": "cb.node", "fence": "fence", "to": "mine"}, {"kfree": "cb"},
    {"if": "mine", "do": [{"udelay": "1ns", "id": "never runs"}], "else": [{"udelay": "1ns", "id": "has run"}]})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  for (const char* step : {"foo_cb/READ_ONCE#1", "foo_probe/signalled already", "foo_remove/never runs", "foo_remove/has run"})
    CHECK(e.reaches(step));
  s.remove = R"({"kfree": "cb"})";
  e = explore(s);
  CHECK_MESSAGE(e.shows("use-after-free(cb)@peer"), e.text());
  s.functions = R"("foo_cb": [{"msleep": "1ms"}])";
  s.remove = R"({"dma_fence_remove_callback": "cb.node", "fence": "fence"}, {"kfree": "cb"})";
  CHECK(explore(s).shows("sleep-in-atomic(msleep)@foo_cb"));
  s.probe =
      R"({"dma_fence_init": "fence", "owner": "user"}, {"kzalloc": "cb"},
    {"dma_fence_add_callback": "cb.node", "fence": "fence", "fn": "foo_cb"})";
  CHECK(mistakes(s).find("fence 'fence' has no lock, which callbacks run under") != std::string::npos);
}

TEST_CASE("dma_fence_wait_timeout: signalled, too late, or a signal, if signals are let through") {
  Small s;
  s.probe = R"({"dma_fence_init": "fence", "owner": "user"})";
  s.tasks = R"("peer": {"do": [{"dma_fence_signal": "fence"}]})";
  s.remove = R"({"dma_fence_wait_timeout": "fence", "timeout": "10ms", "intr": 1, "to": "r"}, )" + answers();
  CHECK(reached(explore(s)) == "one zero signal");
  s.remove = R"({"dma_fence_wait_timeout": "fence", "timeout": "10ms", "intr": 0, "to": "r"}, )" + answers();
  CHECK(reached(explore(s)) == "one zero");
}

TEST_CASE("wait_event looks when it is woken, and before: who changes the condition and doesn't wake leaves it asleep") {
  Small s;
  s.functions = R"("foo_work": [{"WRITE_ONCE": "priv.n", "value": 1}, {"wake_up": "priv.wq"}])";
  s.probe = R"({"init_waitqueue_head": "priv.wq", "owner": "driver"}, {"INIT_WORK": "priv.w", "fn": "foo_work"}, {"queue_work": "priv.w"})";
  const std::string until = R"("do": [{"READ_ONCE": "priv.n", "to": "n"}], "until": "n == 1")";
  s.remove = R"({"wait_event": "priv.wq", )" + until + R"(}, {"flush_work": "priv.w"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  for (const char* wake : {"wake_up_all", "wake_up_interruptible"}) {
    s.functions = fmt::format(R"("foo_work": [{{"WRITE_ONCE": "priv.n", "value": 1}}, {{"{}": "priv.wq"}}])", wake);
    // Who sleeps uninterruptibly is passed over by the last.
    CHECK(explore(s).shows("hung-remove(priv.wq)@foo_remove") == (std::string(wake) == "wake_up_interruptible"));
  }
  s.functions = R"("foo_work": [{"WRITE_ONCE": "priv.n", "value": 1}])";
  CHECK(explore(s).shows("hung-remove(priv.wq)@foo_remove"));
  s.functions = R"("foo_work": [{"wake_up": "priv.wq"}, {"WRITE_ONCE": "priv.n", "value": 1}])";
  CHECK(explore(s).shows("hung-remove(priv.wq)@foo_remove"));
}

TEST_CASE("wait_event in its other forms: what ended it, and steps of a condition that nothing may jump out of") {
  Small s;
  s.functions = R"("foo_work": [{"WRITE_ONCE": "priv.n", "value": 1}, {"wake_up": "priv.wq"}])";
  s.probe = R"({"init_waitqueue_head": "priv.wq", "owner": "user"}, {"INIT_WORK": "priv.w", "fn": "foo_work"}, {"queue_work": "priv.w"})";
  const auto wait = [&](const std::string& verb, const std::string& timeout) {
    s.remove = fmt::format(
        R"({{"{}": "priv.wq", "do": [{{"READ_ONCE": "priv.n", "to": "n"}}], "until": "n", {} "to": "r"}}, {}, {{"flush_work": "priv.w"}})",
        verb, timeout, answers());
    return reached(explore(s));
  };
  const std::string timeout = R"("timeout": "1ms..2ms",)";
  CHECK(wait("wait_event_interruptible", "") == "zero signal");
  CHECK(wait("wait_event_killable", "") == "zero signal");
  CHECK(wait("wait_event_timeout", timeout) == "one zero");
  CHECK(wait("wait_event_interruptible_timeout", timeout) == "one zero signal");
  s.remove =
      R"({"wait_event_timeout": "priv.wq", "do": [{"READ_ONCE": "priv.n", "to": "n"},
    {"if": "n", "do": [{"READ_ONCE": "priv.m", "to": "m"}], "else": [{"let": "m", "value": 1}]}], "until": "m",
    "timeout": "1ms", "else": "late"},
    {"udelay": "1ns", "id": "in time"}, {"label": "late"},
    {"flush_work": "priv.w"})";
  CHECK(explore(s).reaches("foo_remove/in time"));
  for (const char* jump :
       {R"({"goto": "out"})", R"({"return": 0})", R"({"if": "n", "goto": "out"})", R"({"if": "n", "return": 0})", R"({"label": "in"})"}) {
    s.remove = fmt::format(
        R"({{"wait_event": "priv.wq", "do": [{{"READ_ONCE": "priv.n", "to": "n"}}, {}], "until": "n"}}, {{"label": "out"}})", jump);
    CHECK(mistakes(s).find("a jump, a label or a return in the steps of a condition") != std::string::npos);
  }
}
