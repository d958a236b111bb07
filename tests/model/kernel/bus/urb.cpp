// kernel/urb: what a driver hands to the host controller, what it gets back, and what unlinking waits for.
#include "unplug/model/kernel/bus/urb.hpp"
#include "model/support.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/sim/strategies/registry.hpp"

namespace unplug::model::test {
namespace {

// One URB, allocated by the task that calls alloc(), and what its completion handler has seen.
struct Transfer {
  UsbInterface interface;
  Urb urb;
  Allocation priv;
  std::vector<int> statuses;
  int inside = 0;
  std::uint64_t answers = 1;
  Lab::Body extra;

  void init(Lab& l) {
    statuses.clear();
    inside = 0;
    l.init(priv, "priv", {"x"});
    interface.urbs.clear();
    urb.complete = Lab::Call<void>::run;
    urb.argument = l.keep<void>([this](Context& c) {
      must(++inside == 1);
      must(c.kind() == ContextKind::softirq);
      statuses.push_back(usb_urb_status(c, urb));
      get(c, priv);
      if (extra && !c.aborting()) extra(c);
      --inside;
    });
    urb.answers = answers;
    init_urb(l.kernel, interface, urb, l.name("urb"), l.name("urb"), {}, {}, l.name("urb completion"));
  }
};

using Statuses = std::set<std::vector<int>>;

}  // namespace

// Fact: urb-completes-once, urb-reference-in-flight.
TEST_CASE("urb: a device that answers ends the transfer once, one that doesn't never, and the host controller keeps the URB meanwhile") {
  Transfer t;
  Statuses seen;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      usb_free_urb(c, t.urb);
    });
  });
  Found f = every_schedule(lab, [&] { seen.insert(t.statuses); });
  CHECK(f.text().empty());
  CHECK(seen == Statuses{{0}});
  t.answers = 0;
  seen.clear();
  f = every_schedule(lab, [&] { seen.insert(t.statuses); });
  CHECK(f.blocked == 0);  // nobody waits for it
  CHECK(seen == Statuses{{}});
}

// Fact: urb-reference-in-flight.
TEST_CASE("urb: who frees what the handler looks at has to have killed it, freeing the URB keeps nothing but the URB") {
  Transfer t;
  enum class Form { nothing, free, unlink, kill, poison, block } form = Form::nothing;
  Statuses seen;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      if (form == Form::free) usb_free_urb(c, t.urb);
      if (form == Form::unlink) usb_unlink_urb(c, t.urb);
      if (form == Form::kill) usb_kill_urb(c, t.urb);
      if (form == Form::poison) usb_poison_urb(c, t.urb);
      if (form == Form::block) usb_block_urb(c, t.urb);
      kfree(c, t.priv);
    });
  });
  for (const Form wrong : {Form::nothing, Form::free, Form::unlink, Form::block}) {
    form = wrong;
    CHECK(every_schedule(lab).text() == "use-after-free(priv)@urb completion");
  }
  for (const Form right : {Form::kill, Form::poison}) {
    form = right;
    seen.clear();
    const Found f = every_schedule(lab, [&] { seen.insert(t.statuses); });
    CHECK(f.text().empty());
    CHECK(f.blocked == 0);
    CHECK(seen == Statuses{{0}, {enoent}});
  }
}

// Fact: usb_kill_urb-waits, usb_poison_urb-stays.
TEST_CASE("usb_submit_urb: fails while it is killed, for good once it is poisoned or blocked, until that is undone") {
  Transfer t;
  int first = 0, second = 0;
  enum class Form { kill, poison, unpoison } form = Form::kill;
  std::set<std::pair<int, int>> seen;
  Lab lab([&](Lab& l) {
    t.answers = 2;
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      if (form == Form::kill) usb_kill_urb(c, t.urb);
      if (form == Form::poison) usb_poison_urb(c, t.urb);
      first = usb_submit_urb(c, t.urb);
      usb_kill_urb(c, t.urb);
      if (form == Form::unpoison) {
        usb_block_urb(c, t.urb);
        usb_poison_urb(c, t.urb);
        usb_unpoison_urb(c, t.urb);
        must(usb_submit_urb(c, t.urb) == eperm || c.aborting());
        usb_unpoison_urb(c, t.urb);
      }
      second = usb_submit_urb(c, t.urb);
    });
  });
  const auto results = [&] {
    seen.clear();
    CHECK(every(lab, [&] { seen.emplace(first, second); }).text().empty());
    return seen;
  };
  CHECK(results() == std::set<std::pair<int, int>>{{0, 0}});
  form = Form::poison;
  CHECK(results() == std::set<std::pair<int, int>>{{eperm, eperm}});
  form = Form::unpoison;
  CHECK(results() == std::set<std::pair<int, int>>{{0, 0}});
}

// Fact: usb_kill_urb-waits.
TEST_CASE("usb_kill_urb: a handler that submits its URB again has it unlinked again, or fails to, without it the handler runs on") {
  Transfer t;
  int again = 0;
  std::set<std::pair<int, std::vector<int>>> seen;
  bool kill = true;
  Lab lab([&](Lab& l) {
    again = 1;
    t.answers = 2;
    t.extra = [&](Context& c) { again = usb_submit_urb(c, t.urb, Gfp::atomic); };
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      if (kill) usb_kill_urb(c, t.urb);
      if (!kill) usb_unlink_urb(c, t.urb);
      kfree(c, t.priv);
    });
  });
  const Found f = every(lab, [&] { seen.emplace(again, t.statuses); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  // The last time it fails, however often the device has answered before.
  CHECK(seen == std::set<std::pair<int, std::vector<int>>>{
                    {eperm, {0}}, {eperm, {enoent}}, {eperm, {0, 0}}, {eperm, {0, enoent}}, {eperm, {0, 0, enoent}}});
  kill = false;
  CHECK(every(lab).text() == "use-after-free(priv)@urb completion");
}

// Fact: usb_unlink_urb-waits-not.
TEST_CASE("usb_unlink_urb: once for each submission, and none once the host controller is through with it, though the handler runs") {
  Transfer t;
  std::vector<int> results;
  std::set<std::pair<std::vector<int>, std::vector<int>>> seen;
  Lab lab([&](Lab& l) {
    results.clear();
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      results.push_back(usb_unlink_urb(c, t.urb));
      results.push_back(usb_unlink_urb(c, t.urb));
    });
  });
  CHECK(every(lab, [&] { seen.emplace(results, t.statuses); }).text().empty());
  CHECK(seen == std::set<std::pair<std::vector<int>, std::vector<int>>>{
                    {{einprogress, ebusy}, {econnreset}}, {{einprogress, eidrm}, {econnreset}}, {{eidrm, eidrm}, {0}}});
}

// Fact: urb-misuse, usb_kill_urb-waits.
TEST_CASE("urb: submitted while active, unpoisoned without being poisoned, killed from its own handler or freed too often is misuse") {
  Transfer t;
  Lab::Body body;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      body(c);
    });
  });
  t.answers = 0;
  body = [&](Context& c) {
    usb_submit_urb(c, t.urb);
    must(usb_submit_urb(c, t.urb) == ebusy || c.aborting());
  };
  CHECK(every(lab).text() == "api-misuse(urb)@driver");
  body = [&](Context& c) { usb_unpoison_urb(c, t.urb); };
  CHECK(every(lab).text() == "api-misuse(urb)@driver");
  body = [&](Context& c) {
    usb_free_urb(c, t.urb);
    usb_submit_urb(c, t.urb);
  };
  CHECK(every(lab).text() == "use-after-free(urb)@driver");
  t.answers = 1;
  t.extra = [&](Context& c) { usb_kill_urb(c, t.urb); };
  body = [&](Context& c) { usb_submit_urb(c, t.urb); };
  CHECK(every(lab).text() == "deadlock(urb)@urb completion, sleep-in-atomic(usb_kill_urb)@urb completion");
  t.extra = [&](Context& c) { usb_submit_urb(c, t.urb); };
  CHECK(every(lab).count("sleep-in-atomic(usb_submit_urb(GFP_KERNEL))@urb completion") == 1);
}

// Fact: usb-unbind-disables-first.
TEST_CASE("usb_unbind_interface: before disconnect() all URBs are unlinked and later submissions fail, but a handler may still run") {
  Transfer t;
  int submitted = 0;
  bool ran_on = false;
  std::set<std::pair<int, std::vector<int>>> seen;
  Lab lab([&](Lab& l) {
    t.answers = 0;
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      usb_disable_interface(c, t.interface);
      if (c.aborting()) return;
      ran_on = ran_on || t.inside != 0;
      submitted = usb_submit_urb(c, t.urb);
    });
  });
  const Found f = every(lab, [&] { seen.emplace(submitted, t.statuses); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::pair<int, std::vector<int>>>{{enoent, {eshutdown}}});
  CHECK(ran_on);
}

// Fact: usb-unbind-disables-first.
TEST_CASE("usb_unbind_interface: a URB that is allocated meanwhile can't be submitted once disconnect() has begun") {
  Transfer t;
  bool disconnecting = false;
  std::set<int> before, after;
  Lab lab([&](Lab& l) {
    disconnecting = false;
    t.answers = 0;
    t.init(l);
    l.task("user", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      const bool late = disconnecting;
      const int result = usb_submit_urb(c, t.urb);
      if (!c.aborting()) (late ? after : before).insert(result);
    });
    l.task("core", [&](Context& c) {
      usb_disable_interface(c, t.interface);
      disconnecting = true;
      mark(c);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(before == std::set<int>{0, enoent});
  CHECK(after == std::set<int>{enoent});
}

// Fact: urb-reference-in-flight.
TEST_CASE("urb: one is allocated anew when the earlier one is gone, and while that is in flight there is no room for another") {
  Transfer t;
  bool kills = true;
  Lab lab([&](Lab& l) {
    t.answers = 0;
    t.init(l);
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        usb_alloc_urb(c, t.urb);
        must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
        if (kills) usb_kill_urb(c, t.urb);
        usb_free_urb(c, t.urb);
      }
    });
  });
  CHECK(every(lab).text() == "");
  kills = false;
  const sim::ExecutionInfo info{0, 1, &lab.engine.names()};
  const auto strategy = sim::make_strategy("random");
  strategy->begin(info);
  const sim::Outcome o = lab.engine.run(lab, *strategy, info);
  CHECK(o.kind == sim::Outcome::Kind::step_bound);
  CHECK(o.message == "URB 'urb' is allocated while an earlier one is in flight: the model has one of that name");
}

// Fact: usb_kill_urb-waits.
TEST_CASE("urb: what a kill rejects is the URB that it was called for, not the one that is allocated meanwhile") {
  Transfer t;
  Waiter done;
  Lab lab([&](Lab& l) {
    t.answers = 0;
    t.init(l);
    l.init(done, "done");
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      usb_get_urb(c, t.urb);
      l.engine.spawn("killer", [&] {
        Context k(l.kernel, ContextKind::process);
        usb_kill_urb(k, t.urb);
        complete(k, done);
      });
      usb_free_urb(c, t.urb);
      usb_alloc_urb(c, t.urb);
      wait_for_completion(c, done);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: urb-misuse.
TEST_CASE("urb: references: each who takes one has to put it, and the last, the host controller's or the driver's, frees it once") {
  Transfer t;
  bool waits = false, gets = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("driver", [&](Context& c) {
      usb_alloc_urb(c, t.urb);
      if (gets) usb_get_urb(c, t.urb);
      must(usb_submit_urb(c, t.urb) == 0 || c.aborting());
      if (waits) usb_kill_urb(c, t.urb);
      usb_free_urb(c, t.urb);
      if (gets) usb_urb_status(c, t.urb);  // it has another reference
      if (gets) usb_free_urb(c, t.urb);
    });
  });
  for (const bool g : {false, true}) {
    gets = g;
    for (const bool w : {false, true}) {
      waits = w;
      const Found f = every(lab, [&] {
        std::size_t freed = 0;
        for (const sim::Event& e : lab.engine.trace().events) freed += e.ends == t.urb.memory.front().life ? 1 : 0;
        CHECK(freed == 1);
      });
      CHECK(f.text().empty());
    }
  }
}

// Fact: urb-misuse, usb_kill_urb-waits.
TEST_CASE("urb: what may sleep: allocating and submitting with GFP_KERNEL, killing and poisoning, not what only unlinks or blocks") {
  Transfer t;
  Lab lab([&](Lab& l) {
    t.answers = 0;
    t.init(l);
    l.task(
        "softirq",
        [&](Context& c) {
          usb_alloc_urb(c, t.urb);
          usb_submit_urb(c, t.urb, Gfp::atomic);
          usb_unlink_urb(c, t.urb);
          usb_block_urb(c, t.urb);
          usb_unpoison_urb(c, t.urb);
          usb_kill_urb(c, t.urb);
          usb_poison_urb(c, t.urb);
        },
        ContextKind::softirq);
  });
  CHECK(
      every(lab).text() ==
      "sleep-in-atomic(usb_alloc_urb(GFP_KERNEL))@softirq, sleep-in-atomic(usb_kill_urb)@softirq, sleep-in-atomic(usb_poison_urb)@softirq");
}

TEST_CASE("urb: one that was freed may be allocated anew, and is another one") {
  Transfer t;
  bool late = false;
  Lab lab([&](Lab& l) {
    t.init(l);
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < 2; ++i) {
        usb_alloc_urb(c, t.urb);
        usb_free_urb(c, t.urb);
      }
      if (late) usb_free_urb(c, t.urb);
    });
  });
  CHECK(every(lab).text().empty());
  late = true;
  CHECK(every(lab).text() == "use-after-free(urb)@driver");
}

}  // namespace unplug::model::test
