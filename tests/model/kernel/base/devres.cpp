// kernel/devres: lists, actions, groups, scopes.
#include "unplug/model/kernel/base/devres.hpp"

#include "model/steps.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model::test {
namespace {

struct Managed {
  Devres list;
  std::string order;
  std::array<int, 8> keys{};

  void init(Lab& l, std::string_view name = "dev") {
    order.clear();
    init_devres(l.kernel, list, l.name(name), l.name(name));
  }
  DevresNode node(Context& c, std::size_t key, Lab::Body then = {}) {
    return {&devm_action, c.kernel().intern("x"),
            [this, key, then](Context& x) {
              order += static_cast<char>('a' + key);
              mark(x);
              if (then) then(x);
            },
            &keys[key]};
  }
  void add(Context& c, std::size_t key, Lab::Body then = {}) { must(devm_add_action(c, list, node(c, key, std::move(then))) == 0); }
};

// What one task does to a list, and what was released in which order.
std::string one(const std::function<void(Context&, Managed&)>& body, std::string_view violations = {}) {
  Managed m;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.task("t", [&](Context& c) { body(c, m); });
  });
  CHECK(every(lab).text() == violations);
  return m.order;
}

}  // namespace

// Fact: devres-last-first.
TEST_CASE("devres: all are released, last registered first, and the list is empty then") {
  CHECK(one([](Context& c, Managed& m) {
          m.add(c, 0);
          m.add(c, 1);
          m.add(c, 2);
          devres_release_all(c, m.list);
          devres_release_all(c, m.list);
        }) == "cba");
}

// Fact: devres-detached-first.
TEST_CASE("devres: a callback that adds to the list does not see it released in the same round") {
  CHECK(one([](Context& c, Managed& m) {
          m.add(c, 0, [&m](Context& x) { m.add(x, 1); });
          devres_release_all(c, m.list);
          must(m.order == "a");
          devres_release_all(c, m.list);
        }) == "ab");
}

// Fact: devm_remove_action-too-late.
TEST_CASE("devres: devm_remove_action takes an action off uncalled, what is not there is -ENOENT, and misuse for who doesn't expect it") {
  CHECK(one([](Context& c, Managed& m) {
          m.add(c, 0);
          m.add(c, 1);
          must(devm_remove_action_nowarn(c, m.list, &m.keys[0]) == 0);
          must(devm_remove_action_nowarn(c, m.list, &m.keys[0]) == enoent);
          devm_remove_action(c, m.list, &m.keys[1]);
          devres_release_all(c, m.list);
        }).empty());
  CHECK(one([](Context& c, Managed& m) { devm_remove_action(c, m.list, &m.keys[1]); }, "api-misuse(dev)@t").empty());
}

TEST_CASE("devres: devm_release_action takes the last of its key off and calls it at once, what is not there is misuse") {
  CHECK(one([](Context& c, Managed& m) {
          m.add(c, 0);
          m.add(c, 1);
          m.add(c, 2);
          devm_release_action(c, m.list, &m.keys[1]);
          must(m.order == "b");
          devres_release_all(c, m.list);
        }) == "bca");
  CHECK(one([](Context& c, Managed& m) { devm_release_action(c, m.list, &m.keys[0]); }, "api-misuse(dev)@t").empty());
}

// Fact: devm_remove_action-too-late.
TEST_CASE("devres: who is too late to remove an action does not wait for it: what its callback uses is freed under it") {
  Managed m;
  Allocation neighbour;
  Waiter done;
  bool wait = false;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.init(neighbour, "sg_table", {"x"});
    l.init(done, "done");
    l.task("unbind", [&](Context& c) {
      m.add(c, 0, [&](Context& x) {
        get(x, neighbour);
        complete(x, done);
      });
      devres_release_all(c, m.list);
    });
    l.task("drop", [&](Context& c) {
      if (m.order.empty() && devm_remove_action_nowarn(c, m.list, &m.keys[0]) == 0) return;
      if (wait) wait_for_completion(c, done);
      kfree(c, neighbour);
    });
  });
  CHECK(every(lab).text() == "use-after-free(sg_table)@unbind");
  wait = true;  // a completion of one's own
  CHECK(every(lab).text().empty());
}

// Fact: devres-detached-first.
TEST_CASE("devres: a callback that drops another managed object finds it detached, and waits for itself if it waits for its "
          "callback") {
  Managed m;
  Waiter devm;
  bool wait = true;
  int removed = 0;
  Lab lab([&](Lab& l) {
    m.init(l);
    l.init(devm, "devm");
    l.remover("rmmod", [&](Context& c) {
      l.kernel.removal_phase = RemovalPhase::devres;
      m.add(c, 0, [&](Context& x) { complete(x, devm); });
      m.add(c, 1, [&](Context& x) {
        removed = devm_remove_action_nowarn(x, m.list, &m.keys[0]);
        if (wait) wait_for_completion(x, devm);
      });
      devres_release_all(c, m.list);
    });
  });
  CHECK(every(lab).text() == "deadlock(devm)@rmmod, hung-remove(devm)@rmmod");
  CHECK(removed == enoent);
  wait = false;
  CHECK(every(lab).text().empty());
  CHECK(m.order == "ba");
}

// Fact: devres-in-series.
TEST_CASE("devres: N callbacks with a grace period each pay N in series") {
  sim::Time took[2] = {};
  KernelConfig config;
  config.grace_period = 10 * sim::millisecond;
  for (const std::size_t n : {1U, 5U}) {
    Managed m;
    Lab lab(
        [&](Lab& l) {
          m.init(l);
          l.task("t", [&, n](Context& c) {
            for (std::size_t i = 0; i < n; ++i) m.add(c, i, [&](Context& x) { synchronize_rcu(x, l.rcu); });
            devres_release_all(c, m.list);
          });
        },
        config);
    run_timed(lab);
    took[n / 5] = lab.engine.trace().end_time;
  }
  CHECK(took[0] < 11 * sim::millisecond);
  CHECK(took[1] >= 50 * sim::millisecond);
}

// Fact: devm_kzalloc-is-a-node.
TEST_CASE("devres: devm_kzalloc memory is freed in its place in the order, what is registered before it may use it too late") {
  Devres list;
  Allocation priv;
  IrqLine line;
  IrqAction action;
  static const StaticName free_name{"devm free_irq"};
  bool irq_first = true;
  Lab lab([&](Lab& l) {
    init_devres(l.kernel, list, l.name("dev"), l.name("dev"));
    l.init(priv, "priv", {"x"}, false);
    l.init(line, "irq");
    l.init(action, line, "irq", [&](Context& c) { get(c, priv); });
    l.hardware(line);
    l.task("t", [&](Context& c) {
      const auto irq = [&] {
        must(request_irq(c, line, action));
        devres_add(c, list, {&free_name, action.name, [&](Context& x) { free_irq(x, line, action); }, &action});
      };
      if (irq_first) irq();
      must(devm_kzalloc(c, list, priv));
      if (!irq_first) irq();
      devres_release_all(c, list);
    });
  });
  CHECK(every(lab).count("use-after-free(priv)@hardware") > 0);
  irq_first = false;
  CHECK(every(lab).text().empty());
}

// Fact: devm_kzalloc-is-a-node.
TEST_CASE("devres: devm_kfree frees before its time, once, and only what is the list's") {
  Allocation a;
  for (const bool twice : {false, true}) {
    Managed m;
    Lab lab([&](Lab& l) {
      m.init(l);
      l.init(a, "a", {}, false);
      l.task("t", [&](Context& c) {
        must(devm_kzalloc(c, m.list, a));
        devm_kfree(c, m.list, a);
        if (twice) devm_kfree(c, m.list, a);
        devres_release_all(c, m.list);
      });
    });
    CHECK(every(lab).text() == (twice ? "api-misuse(dev)@t" : ""));
  }
}

// Fact: devm_add_action_or_reset-calls.
TEST_CASE("devres: with faults to inject devm_add_action fails without a trace, the _or_reset form calls the action, memory and groups "
          "fail") {
  Managed m;
  Allocation a;
  std::set<std::string> seen;
  std::string said;
  KernelConfig config;
  config.faults = 1;
  Lab lab(
      [&](Lab& l) {
        m.init(l);
        l.init(a, "a", {"x"}, false);
        said.clear();
        l.task("t", [&](Context& c) {
          const int plain = devm_add_action(c, m.list, m.node(c, 0));
          const int reset = devm_add_action_or_reset(c, m.list, m.node(c, 1));
          const bool memory = devm_kzalloc(c, m.list, a);
          const bool group = devres_open_group(c, m.list, nullptr);
          said = std::string(plain == 0        ? "p"
                             : plain == enomem ? ""
                                               : "?") +
                 (reset == 0        ? "r"
                  : reset == enomem ? ""
                                    : "?") +
                 (memory ? "m" : "") + (group ? "g" : "") + ":" + m.order + ":";
          if (memory) get(c, a);
          devres_release_all(c, m.list);
        });
      },
      config);
  CHECK(every(lab, [&] { seen.insert(said + m.order); }).text().empty());
  CHECK(seen == std::set<std::string>{"prmg::ba", "rmg::b", "pmg:b:ba", "prg::ba", "prm::ba"});
}

// Fact: devres-groups.
TEST_CASE("devres: releasing a group releases what lies in it and what is nested in it, last first, and leaves the rest") {
  const auto fill = [](Context& c, Managed& m) {
    m.add(c, 0);
    devres_open_group(c, m.list, &m.keys[6]);
    m.add(c, 1);
    devres_open_group(c, m.list, &m.keys[7]);
    m.add(c, 2);
    devres_close_group(c, m.list, &m.keys[7]);
    m.add(c, 3);
    devres_close_group(c, m.list, &m.keys[6]);
    m.add(c, 4);
  };
  CHECK(one([&](Context& c, Managed& m) {
          fill(c, m);
          must(devres_release_group(c, m.list, &m.keys[6]) == 3);
          must(m.order == "dcb");
          must(m.list.entries.size() == 2);  // markers are gone as well
          devres_release_all(c, m.list);
        }) == "dcbea");
  CHECK(one([&](Context& c, Managed& m) {
          fill(c, m);
          must(devres_release_group(c, m.list, &m.keys[7]) == 1);
          must(devres_release_group(c, m.list, &m.keys[6]) == 2);
          devres_release_all(c, m.list);
        }) == "cdbea");
  CHECK(one([&](Context& c, Managed& m) {
          fill(c, m);
          devres_release_all(c, m.list);
          must(m.list.entries.empty());
        }) == "edcba");
}

// Fact: devres-groups.
TEST_CASE("devres: an open group reaches to the end, null names the latest open one, removing a group keeps its resources") {
  CHECK(one([](Context& c, Managed& m) {
          devres_open_group(c, m.list, &m.keys[6]);
          m.add(c, 0);
          devres_open_group(c, m.list, &m.keys[7]);
          m.add(c, 1);
          devres_close_group(c, m.list, nullptr);  // the inner
          m.add(c, 2);
          must(devres_release_group(c, m.list, nullptr) == 3);  // the outer, which is open still
          must(m.list.entries.empty());
        }) == "cba");
  CHECK(one([](Context& c, Managed& m) {
          devres_open_group(c, m.list, &m.keys[6]);
          m.add(c, 0);
          devres_close_group(c, m.list, nullptr);
          devres_remove_group(c, m.list, &m.keys[6]);
          must(m.list.entries.size() == 1);
          devres_release_all(c, m.list);
        }) == "a");
}

// Fact: devres-groups.
TEST_CASE("devres: a group that only begins in the released one stays a group, its resources in there go") {
  CHECK(one([](Context& c, Managed& m) {
          devres_open_group(c, m.list, &m.keys[6]);
          m.add(c, 0);
          devres_open_group(c, m.list, &m.keys[7]);
          m.add(c, 1);
          devres_close_group(c, m.list, &m.keys[6]);
          m.add(c, 2);
          devres_close_group(c, m.list, &m.keys[7]);
          must(devres_release_group(c, m.list, &m.keys[6]) == 2);
          must(m.order == "ba");
          must(devres_release_group(c, m.list, &m.keys[7]) == 1);
          must(m.list.entries.empty());
        }) == "bac");
}

TEST_CASE("devres: a group that does not exist, or is closed already, is misuse") {
  const auto* const wrong = "api-misuse(dev)@t";
  CHECK(one([](Context& c, Managed& m) { must(devres_release_group(c, m.list, &m.keys[6]) == 0); }, wrong).empty());
  CHECK(one([](Context& c, Managed& m) { devres_close_group(c, m.list, nullptr); }, wrong).empty());
  CHECK(one([](Context& c, Managed& m) { devres_remove_group(c, m.list, &m.keys[6]); }, wrong).empty());
  CHECK(one(
            [](Context& c, Managed& m) {
              devres_open_group(c, m.list, &m.keys[6]);
              devres_close_group(c, m.list, &m.keys[6]);
              devres_close_group(c, m.list, &m.keys[6]);
              must(m.list.entries.size() == 2);
            },
            wrong)
            .empty());
}

TEST_CASE("devres: a group is detached first as well: its nodes are out of reach of who comes meanwhile") {
  Managed m;
  std::set<std::pair<std::string, int>> seen;
  int removed = 0;
  Lab lab([&](Lab& l) {
    m.init(l);
    removed = 0;
    l.task("t", [&](Context& c) {
      devres_open_group(c, m.list, &m.keys[7]);
      m.add(c, 0);
      m.add(c, 1);
      devres_release_group(c, m.list, &m.keys[7]);
    });
    l.task("drop", [&](Context& c) { removed = devm_remove_action_nowarn(c, m.list, &m.keys[0]); });
  });
  CHECK(every(lab, [&] { seen.insert({m.order, removed}); }).text().empty());
  CHECK(seen == std::set<std::pair<std::string, int>>{{"ba", enoent}, {"b", 0}});
}

// Fact: devres-other-scopes.
TEST_CASE("devres: an interrupt managed by the device outlives the card whose memory its handler uses") {
  Devres device, card;
  Allocation kctl;
  IrqLine line;
  IrqAction action;
  static const StaticName free_name{"devm free_irq"};
  bool card_scope = false;
  Lab lab([&](Lab& l) {
    init_devres(l.kernel, device, l.name("dev"), l.name("dev"));
    init_devres(l.kernel, card, l.name("card"), l.name("card"));
    l.init(kctl, "kctl", {"x"}, false);
    l.init(line, "irq");
    l.init(action, line, "irq", [&](Context& c) { get(c, kctl); });
    l.hardware(line);
    l.task("t", [&](Context& c) {
      must(devm_kzalloc(c, card, kctl));
      must(request_irq(c, line, action));
      devres_add(c, card_scope ? card : device, {&free_name, action.name, [&](Context& x) { free_irq(x, line, action); }, &action});
      devres_release_all(c, card);  // the card goes, the device stays bound for now
      devres_release_all(c, device);
    });
  });
  CHECK(every(lab).text() == "use-after-free(kctl)@hardware");
  card_scope = true;
  CHECK(every(lab).text().empty());
}

TEST_CASE("devres: a list that is in the memory of a device is used after it when that is freed") {
  Managed m;
  Allocation device;
  Lab lab([&](Lab& l) {
    m.order.clear();
    l.init(device, "device");
    init_devres(l.kernel, m.list, l.name("dev"), l.name("dev"), device.life);
    l.task("t", [&](Context& c) { m.add(c, 0); });
    l.task("free", [&](Context& c) { kfree(c, device); });
  });
  CHECK(every(lab).text() == "use-after-free(device)@t");
}

}  // namespace unplug::model::test
