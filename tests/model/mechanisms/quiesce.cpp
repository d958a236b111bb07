// Ways to quiesce one source of concurrency, module pins and exit barriers.
#include "model/support.hpp"
#include "unplug/model/mechanisms/registry.hpp"

namespace unplug::model::test {
namespace {

// A bound device with an interrupt whose handler queues work that uses priv, and a wait in an operation.
struct ManySources {
  Device device;
  Module module;
  Binding binding;
  Allocation priv;
  Work work;
  IrqLine line;
  IrqAction action;
  Waiter waiter;
  Sources sources;
  bool devm = true;

  void init(Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(priv, "priv", {"x"});
    l.init(
        work, "work", [this](Context& c) { get(c, priv); }, priv.life);
    l.init(line, "irq");
    l.init(action, line, "action", [this](Context& c) {
      get(c, priv);
      queue_work(c, work);
    });
    l.init(waiter, "event", Owner::user);
    sources = {};
    sources.works.push_back(&work);
    sources.irqs.push_back({&line, &action});
    sources.waiters.push_back(&waiter);
  }
  void request(Context& c) {
    static const StaticName release{"devm free_irq"};
    request_irq(c, line, action);
    if (devm) devres_add(c, binding, {&release, c.kernel().intern("irq"), [this](Context& x) { free_irq(x, line, action); }, &action});
  }
};

}  // namespace

TEST_CASE("quiesce: cancel, disable, flush, leave: what may still run when the memory goes") {
  struct Row {
    std::string mechanism;
    bool producer;  // somebody queues the work while it is quiesced
    std::string expected;
  };
  const std::string bad = "use-after-free(priv)@kworker work";
  const std::string late = "use-after-free(priv)@kworker work, use-after-free(priv)@producer";
  const std::vector<Row> rows{{"none", false, bad},
                              {"cancel_work_sync", false, ""},
                              {"disable_work_sync", false, ""},
                              {"flush_work", false, ""},
                              {"none", true, late},
                              {"flush_work", true, late},
                              {"cancel_work_sync", true, late},
                              // The queueing itself touches the work_struct, late or not; but it is refused.
                              {"disable_work_sync", true, "use-after-free(priv)@producer"}};
  for (const Row& row : rows) {
    CAPTURE(row.mechanism);
    CAPTURE(row.producer);
    ManySources d;
    const auto quiesce = make_quiesce(Part::work, row.mechanism);
    REQUIRE(quiesce != nullptr);
    Lab lab([&](Lab& l) {
      d.init(l);
      if (row.producer) l.task("producer", [&](Context& c) { queue_work(c, d.work); });
      l.remover("remove", [&](Context& c) {
        queue_work(c, d.work);
        quiesce->quiesce(c, d.binding, d.sources);
        kfree(c, d.priv);
      });
    });
    const Found f = every(lab);
    CHECK(f.text() == row.expected);
    CHECK(f.blocked == 0);
  }
}

TEST_CASE("quiesce: free_irq takes the interrupt off devres, waits for its handler, and leaves one alone that the driver has freed") {
  ManySources d;
  const auto quiesce = make_quiesce(Part::irq, "free_irq");
  const auto leave = make_quiesce(Part::irq, "none");
  enum class Form { policy, by_hand_before, left } form = Form::policy;
  Lab lab([&](Lab& l) {
    d.init(l);
    l.hardware(d.line);
    l.remover("unbind", [&](Context& c) {
      probe_device(c, d.binding, [&](Context& p) {
        d.request(p);
        return true;
      });
      release_driver(c, d.binding, [&](Context& r) {
        if (form == Form::by_hand_before && devres_remove(r, d.binding, &d.action)) free_irq(r, d.line, d.action);
        (form == Form::left ? leave : quiesce)->quiesce(r, d.binding, d.sources);
        cancel_work_sync(r, d.work);
        kfree(r, d.priv);
      });
    });
  });
  CHECK(every(lab).text().empty());
  form = Form::by_hand_before;
  CHECK(every(lab).text().empty());
  form = Form::left;  // devres frees it after remove(), with the memory gone
  const std::string text = every(lab).text();
  CHECK(text.find("use-after-free(priv)@hardware") != std::string::npos);
  CHECK(text.find("double-release") == std::string::npos);
}

TEST_CASE("quiesce: shooting down makes a fence bounded, letting run leaves removal to user space") {
  for (const std::string mechanism : {"shoot_down", "none"}) {
    ManySources d;
    Srcu srcu;
    const auto quiesce = make_quiesce(Part::waiters, mechanism);
    std::set<int> results;
    Lab lab([&](Lab& l) {
      d.init(l);
      l.init(srcu, "srcu");
      l.task("ioctl", [&](Context& c) {
        const auto i = srcu_read_lock(c, srcu);
        results.insert(wait_for_completion(c, d.waiter) ? 0 : -19);
        srcu_read_unlock(c, srcu, i);
      });
      l.remover("remove", [&](Context& c) {
        c.kernel().removal_phase = RemovalPhase::remove;
        quiesce->quiesce(c, d.binding, d.sources);
        synchronize_srcu(c, srcu);
      });
    });
    const Found f = every(lab);
    CHECK(f.text() == (mechanism == "none" ? "unbounded-remove(srcu)@remove" : ""));
    CHECK(results == (mechanism == "none" ? std::set<int>{} : std::set<int>{-19}));
  }
}

TEST_CASE("pin: fd-refcount names the driver's module, none names none") {
  Module m;
  CHECK(make_module_pin("fd-refcount")->pinned(m) == &m);
  CHECK(make_module_pin("none")->pinned(m) == nullptr);
}

TEST_CASE("exit barrier: rcu_barrier waits for callbacks, none does not") {
  for (const std::string mechanism : {"rcu_barrier", "none"}) {
    Module m;
    RcuCallback callback;
    const auto barrier = make_exit_barrier(mechanism);
    Lab lab([&](Lab& l) {
      l.init(m, "foo");
      l.init(callback, "callback", [&](Context& c) {
        const Context::Function function(c, l.name("foo_free"), m.text, {});
        mark(c);
      });
      l.remover("rmmod", [&](Context& c) {
        call_rcu(c, l.rcu, callback);
        delete_module(c, m, l.rcu, [&] { barrier->at_exit(c, l.rcu); });
      });
    });
    CHECK(every(lab).text() == (mechanism == "none" ? "execute-after-free(foo)@callback" : ""));
  }
}

TEST_CASE("registry: every mechanism that is listed can be made, for its part only, every part has `none` first") {
  std::set<std::pair<Part, std::string_view>> seen;
  for (const MechanismInfo& m : mechanisms()) {
    CAPTURE(m.name);
    CHECK(seen.insert({m.part, m.name}).second);
    CHECK(!m.summary.empty());
    CHECK(m.models.empty() == (m.name == "none" || m.name == "shoot_down"));
    CHECK((make_entry_guard(m.name) != nullptr) >= (m.part == Part::entry));
    CHECK((make_resource_guard(m.name) != nullptr) >= (m.part == Part::resource));
    CHECK((make_module_pin(m.name) != nullptr) >= (m.part == Part::pin));
    CHECK((make_exit_barrier(m.name) != nullptr) >= (m.part == Part::rcu_callbacks));
    for (const Part p : {Part::work, Part::irq, Part::waiters}) CHECK((make_quiesce(p, m.name) != nullptr) >= (m.part == p));
  }
  CHECK(parts().size() == part_count);
  for (const PartInfo& p : parts()) CHECK(seen.contains({p.part, "none"}));
  CHECK(make_entry_guard("rcu-revoke") == nullptr);
  CHECK(make_quiesce(Part::irq, "flush_work") == nullptr);
  CHECK(make_quiesce(Part::entry, "none") == nullptr);
}

}  // namespace unplug::model::test
