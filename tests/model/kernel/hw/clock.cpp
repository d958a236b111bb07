// kernel/clock: what has to be on while registers are touched.
#include "unplug/model/kernel/hw/clock.hpp"
#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct ClockedWindow {
  Region region;
  Mapping bar;
  Clock clock;
  RuntimePm pm;
  void init(Lab& l) {
    init_clock(l.kernel, clock, l.name("clk"), l.name("clk"));
    init_runtime_pm(l.kernel, pm, l.name("dev"), l.name("dev"), l.name("pm_wq dev"));
    l.init(region, "region");
    l.init(bar, region, "bar0");
  }
  void map(Context& c) {
    must(request_mem_region(c, bar));
    ioremap(c, bar);
  }
};

}  // namespace

// Fact: clk-counts.
TEST_CASE("clocks: a register is touched with its clock gated: before it is enabled, after it is disabled, by remove() too early") {
  ClockedWindow w;
  Work work;
  bool cancel_first = true;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.clock.gate};
    l.init(work, "work", [&](Context& c) { readl(c, w.bar, {}); });
    l.remover("remover", [&](Context& c) {
      w.map(c);
      must(clk_prepare_enable(c, w.clock));
      queue_work(c, work);
      if (cancel_first) cancel_work_sync(c, work);
      clk_disable_unprepare(c, w.clock);
      if (!cancel_first) cancel_work_sync(c, work);
    });
  });
  CHECK(every(lab).text().empty());
  cancel_first = false;
  const Found f = every(lab);
  CHECK(f.text() == "api-misuse(bar0)@kworker work");
  CHECK(f.details.begin()->second == "readl('bar0') with its clock gated: 'clk'");
  Lab never([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.clock.gate};
    l.task("driver", [&](Context& c) {
      w.map(c);
      clk_prepare(c, w.clock);  // not enough
      writel(c, w.bar);
    });
  });
  CHECK(every(never).text() == "api-misuse(bar0)@driver");
}

// Fact: clk-counts.
TEST_CASE("clocks: they are counted: the last one to disable gates it") {
  ClockedWindow w;
  int disables = 1;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.clock.gate};
    l.task("driver", [&](Context& c) {
      w.map(c);
      for (int i = 0; i < 2; ++i) must(clk_prepare_enable(c, w.clock));
      for (int i = 0; i < disables; ++i) clk_disable_unprepare(c, w.clock);
      writel(c, w.bar);
    });
  });
  CHECK(every(lab).text().empty());
  disables = 2;
  CHECK(every(lab).text() == "api-misuse(bar0)@driver");
}

// Fact: clk-balance.
TEST_CASE("clocks: what doesn't balance is api-misuse: enabled unprepared, disabled twice, unprepared twice or while it is enabled") {
  ClockedWindow w;
  std::function<void(Context&)> body;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task("driver", [&](Context& c) { body(c); });
  });
  const auto detail = [&](std::function<void(Context&)> b) {
    body = std::move(b);
    const Found f = every(lab);
    return f.violations.empty() ? std::string() : f.text() + ": " + f.details.begin()->second;
  };
  const std::string at = "api-misuse(clk)@driver: ";
  CHECK(detail([&](Context& c) { must(!clk_enable(c, w.clock)); }) == at + "clk_enable('clk') that is not prepared");
  CHECK(detail([&](Context& c) {
          must(clk_prepare_enable(c, w.clock));
          clk_disable(c, w.clock);
          clk_disable(c, w.clock);
        }) == at + "clk_disable('clk') that is already disabled");
  CHECK(detail([&](Context& c) { clk_unprepare(c, w.clock); }) == at + "clk_unprepare('clk') that is already unprepared");
  CHECK(detail([&](Context& c) {
          must(clk_prepare_enable(c, w.clock));
          clk_unprepare(c, w.clock);
        }) == at + "clk_unprepare('clk') that is still enabled");
  CHECK(detail([&](Context& c) {
          must(clk_prepare_enable(c, w.clock));
          clk_prepare(c, w.clock);
          clk_unprepare(c, w.clock);
          clk_disable_unprepare(c, w.clock);
        }).empty());
}

// Fact: clk_prepare-sleeps, pm_runtime_put-asks.
TEST_CASE("clocks: clk_prepare and what resumes may sleep, clk_enable and pm_runtime_put may not") {
  ClockedWindow w;
  Lab lab([&](Lab& l) {
    w.init(l);
    l.task(
        "softirq",
        [&](Context& c) {
          must(clk_prepare_enable(c, w.clock));
          must(clk_enable(c, w.clock));
          clk_disable(c, w.clock);
          clk_disable_unprepare(c, w.clock);
          must(pm_runtime_get_sync(c, w.pm));
          must(pm_runtime_get_sync(c, w.pm));
          pm_runtime_put(c, w.pm);
          pm_runtime_put_sync(c, w.pm);
          must(pm_runtime_resume_and_get(c, w.pm));
          pm_runtime_disable(c, w.pm);
        },
        ContextKind::softirq);
  });
  CHECK(every(lab).text() ==
        "sleep-in-atomic(clk_prepare)@softirq, sleep-in-atomic(clk_unprepare)@softirq, sleep-in-atomic(pm_runtime_disable)@softirq, "
        "sleep-in-atomic(pm_runtime_get_sync)@softirq, sleep-in-atomic(pm_runtime_put_sync)@softirq, "
        "sleep-in-atomic(pm_runtime_resume_and_get)@softirq");
}

// Fact: pm_runtime_put-asks.
TEST_CASE("runtime PM: a reference is a resource like a BAR: an access after the last put is one to a device that may be suspended") {
  ClockedWindow w;
  enum class Form { held, put, put_sync, put_and_get, disable } form = Form::held;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.pm.gate};
    l.task("driver", [&](Context& c) {
      w.map(c);
      must(pm_runtime_get_sync(c, w.pm));
      must(pm_runtime_get_sync(c, w.pm));
      pm_runtime_put_sync(c, w.pm);  // not the last
      if (form == Form::put || form == Form::put_and_get || form == Form::disable) pm_runtime_put(c, w.pm);
      if (form == Form::put_and_get) must(pm_runtime_get_sync(c, w.pm));
      if (form == Form::disable) pm_runtime_disable(c, w.pm);
      if (form == Form::put_sync) pm_runtime_put_sync(c, w.pm);
      writel(c, w.bar);
    });
  });
  const auto run = [&](Form f) {
    form = f;
    return every(lab);
  };
  CHECK(run(Form::held).text().empty());
  CHECK(run(Form::put_and_get).text().empty());
  Found f = run(Form::put);
  CHECK(f.text() == "api-misuse(bar0)@driver");
  CHECK(f.count(f.text()) < f.executions);  // the suspend comes later
  CHECK(f.details.begin()->second == "writel('bar0') while it is runtime-suspended: 'dev'");
  f = run(Form::disable);
  CHECK(f.count("api-misuse(bar0)@driver") < f.executions);  // what was asked for is taken back, unless it was done already
  CHECK(!f.violations.empty());
  f = run(Form::put_sync);
  CHECK(f.count("api-misuse(bar0)@driver") == f.executions);
}

// Fact: pm_runtime_disable-freezes.
TEST_CASE("runtime PM: after pm_runtime_disable the state stays, a get counts but resumes nothing, a put below zero is api-misuse") {
  ClockedWindow w;
  bool resumed = true, too_many = false, sync = false;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.pm.gate};
    l.task("driver", [&](Context& c) {
      w.map(c);
      if (resumed) must(pm_runtime_get_sync(c, w.pm));
      pm_runtime_disable(c, w.pm);
      if (!resumed) must(!pm_runtime_get_sync(c, w.pm));
      sync ? pm_runtime_put_sync(c, w.pm) : pm_runtime_put(c, w.pm);
      if (too_many) sync ? pm_runtime_put_sync(c, w.pm) : pm_runtime_put(c, w.pm);
      writel(c, w.bar);
    });
  });
  for (const bool s : {false, true}) {
    sync = s;
    resumed = true;
    too_many = false;
    CHECK(every(lab).text().empty());
    resumed = false;
    CHECK(every(lab).text() == "api-misuse(bar0)@driver");
    resumed = true;
    too_many = true;
    CHECK(every(lab).text() == "api-misuse(dev)@driver");
  }
}

// Fact: pm_runtime_get-counts.
TEST_CASE("runtime PM: pm_runtime_resume_and_get() counts only where it resumes, the plain counts neither resume nor suspend") {
  ClockedWindow w;
  std::function<void(Context&)> body;
  Lab lab([&](Lab& l) {
    w.init(l);
    w.bar.gates = {&w.pm.gate};
    l.task("driver", [&](Context& c) {
      w.map(c);
      body(c);
    });
  });
  const auto text = [&](std::function<void(Context&)> b) {
    body = std::move(b);
    return every(lab).text();
  };
  CHECK(text([&](Context& c) {
          must(pm_runtime_resume_and_get(c, w.pm));
          writel(c, w.bar);
          pm_runtime_get_noresume(c, w.pm);
          pm_runtime_put(c, w.pm);  // not the last
          writel(c, w.bar);
          pm_runtime_put_noidle(c, w.pm);  // the last, and asks for nothing
          writel(c, w.bar);
          pm_runtime_put_noidle(c, w.pm);  // stays at zero
        }).empty());
  CHECK(text([&](Context& c) {
          pm_runtime_get_noresume(c, w.pm);
          writel(c, w.bar);
        }) == "api-misuse(bar0)@driver");
  CHECK(text([&](Context& c) {
          must(pm_runtime_resume_and_get(c, w.pm));
          pm_runtime_put_noidle(c, w.pm);
          must(pm_runtime_resume_and_get(c, w.pm));
          pm_runtime_put_sync(c, w.pm);  // the last again
          writel(c, w.bar);
        }) == "api-misuse(bar0)@driver");
  CHECK(text([&](Context& c) {
          pm_runtime_disable(c, w.pm);
          must(!pm_runtime_resume_and_get(c, w.pm));
          pm_runtime_put_sync(c, w.pm);  // one too many
        }) == "api-misuse(dev)@driver");
}

}  // namespace unplug::model::test
