// Verbs of locks in their less usual forms, and of timers.
#include "small.hpp"

using namespace unplug::scenarios::test;

namespace {

// Whether remove() gets to "got" and to "not": op holds the lock meanwhile.
struct Tried {
  bool got, failed, clean;
};
Tried try_it(const std::string& probe, const std::string& hold, const std::string& release, const std::string& attempt,
             const std::string& undo) {
  Small s;
  s.probe = probe + R"(, {"INIT_WORK": "priv.w", "fn": "foo_work"}, {"queue_work": "priv.w"})";
  s.functions = fmt::format(R"("foo_work": [{}, {{"WRITE_ONCE": "priv.n", "value": 1}}, {}])", hold, release);
  s.remove = fmt::format(R"({{{}, "to": "r", "else": "not"}}, {{"udelay": "1ns", "id": "got"}}, {}, {{"goto": "out"}},
    {{"label": "not"}}, {{"udelay": "1ns", "id": "not"}}, {{"label": "out"}}, {{"flush_work": "priv.w"}})",
                         attempt, undo);
  const Explored e = explore(s);
  INFO(e.text());
  return {e.reaches("foo_remove/got"), e.reaches("foo_remove/not"), e.clean()};
}

}  // namespace

TEST_CASE("trylocks fail while the lock is held, and waits for a lock that a signal ends, too") {
  const std::string mutex = R"({"mutex_init": "priv.l"})", rwsem = R"({"init_rwsem": "priv.l"})", spin = R"({"spin_lock_init": "priv.l"})";
  struct Row {
    std::string probe;
    const char *hold, *release, *attempt, *undo;
  };
  const auto rows = {
      Row{mutex, "mutex_lock", "mutex_unlock", "mutex_trylock", "mutex_unlock"},
      Row{mutex, "mutex_lock", "mutex_unlock", "mutex_lock_interruptible", "mutex_unlock"},
      Row{mutex, "mutex_lock", "mutex_unlock", "mutex_lock_killable", "mutex_unlock"},
      Row{rwsem, "down_write", "up_write", "down_read_trylock", "up_read"},
      Row{rwsem, "down_write", "up_write", "down_read_interruptible", "up_read"},
      Row{rwsem, "down_write", "up_write", "down_read_killable", "up_read"},
      Row{rwsem, "down_read", "up_read", "down_write_trylock", "up_write"},
      Row{rwsem, "down_read", "up_read", "down_write_killable", "up_write"},
      Row{spin, "spin_lock", "spin_unlock", "spin_trylock", "spin_unlock"},
      Row{spin, "spin_lock", "spin_unlock", "spin_trylock_bh", "spin_unlock_bh"},
      Row{spin, "spin_lock", "spin_unlock", "spin_trylock_irqsave", "spin_unlock_irqrestore"},
  };
  for (const Row& r : rows) {
    CAPTURE(r.attempt);
    const auto step = [](const char* verb) { return fmt::format(R"({{"{}": "priv.l"}})", verb); };
    const Tried t = try_it(r.probe, step(r.hold), step(r.release), fmt::format(R"("{}": "priv.l")", r.attempt), step(r.undo));
    CHECK(t.got);
    CHECK(t.failed);
    CHECK(t.clean);
  }
  // Readers don't keep each other out.
  CHECK(!try_it(rwsem, R"({"down_read": "priv.l"})", R"({"up_read": "priv.l"})", R"("down_read_trylock": "priv.l")",
                R"({"up_read": "priv.l"})")
             .failed);
}

TEST_CASE("downgrade_write lets readers in and no writer, and is for who writes") {
  Small s;
  s.probe = R"({"init_rwsem": "priv.l"}, {"init_completion": "read", "owner": "driver"}, {"INIT_WORK": "priv.w", "fn": "foo_work"})";
  const std::string rest = R"({"queue_work": "priv.w"}, {"wait_for_completion": "read"}, )", after = R"(, {"flush_work": "priv.w"})";
  const auto work = [&](const char* take, const char* release) {
    s.functions = fmt::format(R"("foo_work": [{{"{}": "priv.l"}}, {{"complete": "read"}}, {{"{}": "priv.l"}}])", take, release);
  };
  const std::string downgraded = R"({"down_write": "priv.l"}, {"downgrade_write": "priv.l"}, )" + rest + R"({"up_read": "priv.l"})" + after;
  s.remove = downgraded;
  work("down_read", "up_read");
  CHECK(explore(s).clean());
  work("down_write", "up_write");
  CHECK(explore(s).shows("hung-remove(read)@foo_remove"));
  s.remove = R"({"down_write": "priv.l"}, )" + rest + R"({"up_write": "priv.l"})" + after;
  work("down_read", "up_read");
  CHECK(explore(s).shows("hung-remove(read)@foo_remove"));
  s.remove = R"({"down_read": "priv.l"}, {"downgrade_write": "priv.l"}, {"up_read": "priv.l"})";
  CHECK(explore(s).shows("api-misuse(priv.l)@foo_remove"));
}

TEST_CASE("with preemption off nobody sleeps, it nests, and switching it on once too often is misuse, as for softirqs") {
  Small s;
  s.remove = R"("preempt_disable", "preempt_disable", "preempt_enable", {"msleep": "1ms"}, "preempt_enable", {"msleep": "1ms"})";
  Explored e = explore(s);
  CHECK_MESSAGE(e.found == std::set<std::string>{"sleep-in-atomic(msleep)@foo_remove"}, e.text());
  CHECK(e.cell.violations.size() == 1);  // the second sleep is fine
  for (const char* enable : {"preempt_enable", "local_bh_enable"}) {
    s.remove = fmt::format(R"({{"READ_ONCE": "priv.n", "to": "n"}}, "{}")", enable);
    e = explore(s);
    CHECK_MESSAGE(e.found == std::set<std::string>{fmt::format("api-misuse({})@foo_remove", enable)}, e.text());
  }
}

TEST_CASE("hrtimer_try_to_cancel answers 1, 0, or -1 while the timer's function runs") {
  Small s;
  s.functions = R"("foo_hr": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"hrtimer_setup": "priv.hr", "fn": "foo_hr"}, {"hrtimer_start": "priv.hr", "delay": "1ms"})";
  s.remove = R"({"hrtimer_try_to_cancel": "priv.hr", "to": "r"}, {"if": "r == 1", "do": [{"udelay": "1ns", "id": "one"}]},
    {"if": "r == 0", "do": [{"udelay": "1ns", "id": "zero"}]}, {"if": "r == -1", "do": [{"udelay": "1ns", "id": "runs"}]},
    {"hrtimer_cancel": "priv.hr"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  for (const char* step : {"foo_remove/one", "foo_remove/zero", "foo_remove/runs"}) CHECK(e.reaches(step));
}

TEST_CASE("irq_is_rcu_reader: a grace period waits for a handler that runs, where the file asks for it") {
  Small s;
  s.functions = R"("foo_timer": [{"READ_ONCE": "priv.n", "to": "n"}])";
  s.probe = R"({"timer_setup": "timer", "fn": "foo_timer"}, {"mod_timer": "timer", "delay": "1ms"})";
  s.remove = R"({"timer_delete": "timer"}, "synchronize_rcu")";
  CHECK(explore(s).shows("use-after-free(priv)@foo_timer"));
  s.kernel = R"("irq_is_rcu_reader": true)";
  Explored e = explore(s);
  CHECK_MESSAGE(e.clean(), e.text());
  CHECK(e.reaches("foo_timer/READ_ONCE#1"));
  s.kernel = R"("irq_is_rcu_reader": false)";
  CHECK(explore(s).shows("use-after-free(priv)@foo_timer"));
}

TEST_CASE("a step that waits for ever has been reached, what comes after it has not") {
  Small s;
  s.probe = R"({"mutex_init": "priv.lock"})";
  s.remove = R"({"mutex_lock": "priv.lock"}, {"mutex_lock": "priv.lock", "id": "second"}, {"udelay": "1ns", "id": "after"})";
  const Explored e = explore(s);
  CHECK_MESSAGE(e.shows("deadlock(priv.lock)@foo_remove"), e.text());
  CHECK(e.reaches("foo_remove/second"));
  CHECK(!e.reaches("foo_remove/after"));
}

TEST_CASE("a lock that is refused is not held where its else leads to, even if that is the end of the function") {
  Small s;
  s.probe = R"({"mutex_init": "priv.lock"})";
  s.op = R"({"mutex_lock_interruptible": "priv.lock", "else": "out"}, {"mutex_unlock": "priv.lock"}, {"label": "out"})";
  CHECK(warnings(s).empty());
  s.op = R"({"mutex_lock_interruptible": "priv.lock", "else": "out"}, {"label": "out"})";
  CHECK(warnings(s).find("is still held where 'foo_op' returns") != std::string::npos);
}
