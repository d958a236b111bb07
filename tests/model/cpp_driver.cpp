// A driver written in C++ on the model, full of guards whose destructors take steps: an execution may be cut at any step, in tasks that
// unwind by throwing and in tasks that return, and leaves nothing behind.
#include <deque>

#include "support.hpp"
#include "unplug/sim/strategies/replay.hpp"

namespace unplug::model::test {
namespace {

// Random, but ends the execution after `left` steps.
class CutAfter final : public sim::Strategy {
 public:
  explicit CutAfter(std::uint64_t steps) : steps_(steps), inner_(sim::make_strategy("random")) {}
  bool begin(const sim::ExecutionInfo& info) override {
    left_ = steps_;
    return inner_->begin(info);
  }
  TaskId pick(std::span<const sim::TaskView> enabled, TaskId current) override {
    return left_-- == 0 ? TaskId{} : inner_->pick(enabled, current);
  }
  std::uint32_t choose(const sim::ChoicePoint& point, std::uint32_t bound) override { return inner_->choose(point, bound); }
  [[nodiscard]] std::string describe() const override { return "cut-after"; }

 private:
  std::uint64_t steps_, left_ = 0;
  std::unique_ptr<sim::Strategy> inner_;
};

// What a driver's author would write around the primitives.
class MutexGuard {
 public:
  MutexGuard(Context& c, Mutex& m) : context_(c), mutex_(m) { mutex_lock(c, m); }
  ~MutexGuard() noexcept(false) { mutex_unlock(context_, mutex_); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Context& context_;
  Mutex& mutex_;
};
class ReadGuard {
 public:
  ReadGuard(Context& c, Rwsem& s) : context_(c), sem_(s) { down_read(c, s); }
  ~ReadGuard() noexcept(false) { up_read(context_, sem_); }
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;

 private:
  Context& context_;
  Rwsem& sem_;
};
class SrcuGuard {
 public:
  SrcuGuard(Context& c, Srcu& s) : context_(c), srcu_(s), index_(srcu_read_lock(c, s)) {}
  ~SrcuGuard() noexcept(false) { srcu_read_unlock(context_, srcu_, index_); }
  SrcuGuard(const SrcuGuard&) = delete;
  SrcuGuard& operator=(const SrcuGuard&) = delete;

 private:
  Context& context_;
  Srcu& srcu_;
  std::uint64_t index_;
};
class RcuGuard {
 public:
  RcuGuard(Context& c, Rcu& r) : context_(c), rcu_(r) { rcu_read_lock(c, r); }
  ~RcuGuard() noexcept(false) { rcu_read_unlock(context_, rcu_); }
  RcuGuard(const RcuGuard&) = delete;
  RcuGuard& operator=(const RcuGuard&) = delete;

 private:
  Context& context_;
  Rcu& rcu_;
};

struct Counted {
  int& alive;
  explicit Counted(int& n) : alive(n) { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

// Every primitive is in use by some task at some step.
struct GuardHeavy {
  int alive = 0;
  bool by_throw = true;
  Mutex mutex;
  Rwsem rwsem;
  Srcu srcu;
  Waiter done;
  Work work;
  IrqLine line;
  IrqAction action;
  Allocation priv;
  Device device;
  Module module;
  Binding binding;
  std::deque<RcuCallback> callbacks{3};
  struct Task {
    GuardHeavy* self;
    Lab::Body body;
  };
  std::deque<Task> tasks;

  Lab lab{[this](Lab& l) { make(l); }};

  // A task that returns when its execution is over, as compiled scenarios do: no exception unwinds it.
  void spawn(const char* name, Lab::Body body) {
    tasks.push_back({this, std::move(body)});
    sim::TaskSpec s;
    s.name = s.role = lab.name(name);
    s.unwinds_by_throw = by_throw;
    s.entry = [](void* argument) {
      const auto& t = *static_cast<Task*>(argument);
      const Counted counted(t.self->alive);
      Context c(t.self->lab.kernel, ContextKind::process);
      t.body(c);
      c.finish();
    };
    s.argument = &tasks.back();
    lab.engine.spawn(s);
  }

  void make(Lab& l) {
    tasks.clear();
    l.init(mutex, "mutex");
    l.init(rwsem, "rwsem");
    l.init(srcu, "srcu");
    l.init(done, "done");
    l.init(priv, "priv", {"x"});
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(work, "work", [this](Context& c) {
      const Counted counted(alive);
      const MutexGuard guard(c, mutex);
      get(c, priv);
    });
    l.init(line, "irq");
    l.init(action, line, "action", [this](Context& c) {
      const Counted counted(alive);
      queue_work(c, work);
    });
    for (std::size_t i = 0; i < callbacks.size(); ++i)
      l.init(callbacks[i], "callback " + std::to_string(i), [this](Context& c) {
        const Counted counted(alive);
        mark(c);
      });
    for (const auto* name : {"user 0", "user 1"})
      spawn(name, [this, name](Context& c) {
        const std::size_t n = name[5] == '0' ? 0 : 1;
        await_bound(c, device);
        if (c.aborting()) return;
        const Context::Function function(c, c.kernel().intern("foo_ioctl"), module.text, {});
        const SrcuGuard section(c, srcu);
        const Counted first(alive);
        {
          const ReadGuard read(c, rwsem);
          const Counted second(alive);
          const RcuGuard reader(c, lab.rcu);
          call_rcu(c, lab.rcu, callbacks[n]);
          get(c, priv);
        }
        const MutexGuard guard(c, mutex);
        const Counted third(alive);
        complete(c, done);
        if (n == 1 && !c.aborting()) work_and_wait(c);
      });
    spawn("remover", [this](Context& c) {
      const Counted counted(alive);
      lab.kernel.remover = c.engine().current();
      probe_device(c, binding, [this](Context& p) {
        static const StaticName release{"devm free_irq"};
        request_irq(p, line, action);
        devres_add(p, binding, {&release, p.kernel().intern("irq"), [this](Context& x) { free_irq(x, line, action); }, &action});
        return true;
      });
      if (c.aborting()) return;
      release_driver(c, binding, [this](Context& r) {
        const Counted inner(alive);
        // Both users are in their sections.
        wait_for_completion(r, done);
        wait_for_completion(r, done);
        synchronize_srcu(r, srcu);
        down_write(r, rwsem);
        up_write(r, rwsem);
        if (devres_remove(r, binding, &action)) free_irq(r, line, action);
        cancel_work_sync(r, work);
        synchronize_rcu(r, lab.rcu);
      });
      if (c.aborting()) return;
      delete_module(c, module, lab.rcu, [&] { rcu_barrier(c, lab.rcu); });
    });
    l.hardware(line);
  }
  void work_and_wait(Context& c) {
    const Counted counted(alive);
    queue_work(c, work);
  }
};

}  // namespace

TEST_CASE("C++ driver: cut at every step, by throwing and by returning, everything is unwound and the next execution is as if nothing "
          "had been") {
  for (const bool by_throw : {true, false}) {
    CAPTURE(by_throw);
    GuardHeavy d;
    d.by_throw = by_throw;
    const auto random = sim::make_strategy("random");
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      const sim::ExecutionInfo info{0, seed, &d.lab.engine.names()};
      REQUIRE(random->begin(info));
      sim::Outcome whole = d.lab.engine.run(d.lab, *random, info);
      REQUIRE(whole.kind == sim::Outcome::Kind::completed);
      REQUIRE(d.alive == 0);
      const std::uint64_t fingerprint = d.lab.engine.trace().fingerprint;
      const std::size_t steps = d.lab.engine.trace().events.size();
      REQUIRE(steps > 60);
      for (std::uint64_t n = 0; n <= steps; ++n) {
        CAPTURE(n);
        CutAfter cut(n);
        cut.begin(info);
        const sim::Outcome o = d.lab.engine.run(d.lab, cut, info);
        if (o.kind == sim::Outcome::Kind::failed) FAIL(o.message);
        REQUIRE((o.kind == sim::Outcome::Kind::cut) == (n < steps));
        REQUIRE(d.lab.engine.trace().events.size() == std::min<std::size_t>(n, steps));
        REQUIRE(d.alive == 0);
      }
      REQUIRE(random->begin(info));
      d.lab.engine.run(d.lab, *random, info);
      CHECK(d.lab.engine.trace().fingerprint == fingerprint);
    }
  }
}

TEST_CASE("C++ driver: whole, it breaks nothing, both ways give the same executions, and a cut one reports nothing of its unwinding") {
  GuardHeavy thrown, returned;
  returned.by_throw = false;
  const Found a = sample(thrown.lab, 200), b = sample(returned.lab, 200);
  CHECK(a.text().empty());
  CHECK(a.blocked == 0);
  CHECK(b.text().empty());
  for (std::uint64_t n = 0; n < 60; n += 3) {
    for (GuardHeavy* d : {&thrown, &returned}) {
      const sim::ExecutionInfo info{0, 5, &d->lab.engine.names()};
      CutAfter cut(n);
      cut.begin(info);
      d->lab.engine.run(d->lab, cut, info);
      CHECK(d->lab.kernel.reports().empty());
    }
    CHECK(thrown.lab.engine.trace().fingerprint == returned.lab.engine.trace().fingerprint);
  }
}

TEST_CASE("C++ driver: tasks that wait for ever are unwound too, and are judged as waiting") {
  Mutex m;
  Waiter w;
  Srcu srcu;
  int alive = 0;
  Lab lab([&](Lab& l) {
    l.init(m, "m");
    l.init(w, "w");
    l.init(srcu, "srcu");
    l.task("a", [&](Context& c) {
      const MutexGuard guard(c, m);
      const Counted counted(alive);
      const SrcuGuard section(c, srcu);
      wait_for_completion(c, w);
    });
    l.task("b", [&](Context& c) {
      const Counted counted(alive);
      const MutexGuard guard(c, m);
      synchronize_srcu(c, srcu);
    });
  });
  const Found f = every(lab, [&] { CHECK(alive == 0); });
  CHECK(f.text() == "deadlock(w)@a");
  CHECK(f.blocked == f.executions);
}

}  // namespace unplug::model::test
