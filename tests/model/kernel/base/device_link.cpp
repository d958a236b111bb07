// kernel/device_link: consumers and suppliers.
#include "unplug/model/kernel/base/device_link.hpp"

#include <algorithm>

#include "model/steps.hpp"

namespace unplug::model::test {
namespace {

struct Pair {
  Device supplier, consumer;
  Module provider, user;
  Binding provides, uses, again;
  std::array<Binding, 2> later;  // of the consumer
  DeviceLinks links;
  std::string order;

  void init(Lab& l) {
    order.clear();
    l.init(supplier, "supplier");
    l.init(consumer, "consumer");
    l.init(provider, "provider");
    l.init(user, "user");
    l.init(provides, supplier, provider, "provides");
    l.init(uses, consumer, user, "uses");
    init_binding(l.kernel, again, supplier, provider, l.name("provides#2"), l.name("provides"), 2);
    for (std::size_t i = 0; i < later.size(); ++i) {
      const std::string n = "uses#" + std::to_string(i + 2);
      init_binding(l.kernel, later[i], consumer, user, l.name(n), l.name("uses"), i + 2);
    }
    init_device_links(l.kernel, links, l.name("links"));
    add_device_link(links, supplier, consumer);
    uses.remove = [this](Context& c) {
      order += 'c';
      in_remove(c);
    };
    provides.remove = again.remove = [this](Context& c) {
      order += 's';
      in_remove(c);
    };
  }
  static bool bind(Context& c, Binding& b) {
    return probe_device(c, b, [](Context&) { return true; });
  }
};

}  // namespace

// Fact: device_link-consumers-first.
TEST_CASE("device link: a consumer is unbound before its supplier") {
  Pair p;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("t", [&](Context& c) {
      must(Pair::bind(c, p.provides));
      must(Pair::bind(c, p.uses));
      must(release_driver(c, p.provides, p.provides.remove));
      must(!release_driver(c, p.uses, p.uses.remove));
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(p.order == "cs");
}

// Fact: device_link-consumers-first.
TEST_CASE("device link: a consumer without its supplier is not probed, with it again it is, its own unbind leaves the supplier alone") {
  Pair p;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("t", [&](Context& c) {
      must(!Pair::bind(c, p.uses));
      must(Pair::bind(c, p.provides));
      must(Pair::bind(c, p.uses));
      must(release_driver(c, p.uses, p.uses.remove));
      must(!probe_device(c, p.later[0], [](Context&) { return false; }));
      must(Pair::bind(c, p.later[0]));
      must(release_driver(c, p.later[0], p.uses.remove));
      must(release_driver(c, p.provides, p.provides.remove));
      must(!Pair::bind(c, p.later[1]));
      must(Pair::bind(c, p.again));
      must(Pair::bind(c, p.later[1]));
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(p.order == "ccs");
}

// Fact: device_link-window.
TEST_CASE("device link: the supplier's lock is let go while consumers are unbound: a consumer's remove() may take it") {
  Pair p;
  Lab lab([&](Lab& l) {
    p.init(l);
    p.uses.remove = [&](Context& c) {
      mutex_lock(c, p.supplier.lock);
      mutex_unlock(c, p.supplier.lock);
    };
    l.task("t", [&](Context& c) {
      must(Pair::bind(c, p.provides));
      must(Pair::bind(c, p.uses));
      must(release_driver(c, p.provides, p.provides.remove));
    });
  });
  CHECK(every(lab).text().empty());
}

// Fact: device_link-window.
TEST_CASE("device link: in that window a concurrent unbind may win: then there is nothing left to do, and remove() runs once, even "
          "before the consumer's, whose link is marked before it is unbound") {
  Pair p;
  std::multiset<bool> results;
  std::uint64_t lost = 0;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    p.init(l);
    results.clear();
    l.task("a", [&](Context& c) {
      must(Pair::bind(c, p.provides));
      must(Pair::bind(c, p.uses));
      l.task("b", [&](Context& x) { results.insert(release_driver(x, p.provides, p.provides.remove)); });
      results.insert(release_driver(c, p.provides, p.provides.remove));
    });
  });
  const Found f = every(lab, [&] {
    CHECK(results == std::multiset<bool>{false, true});
    seen.insert(p.order);
    const Steps a = steps_of(lab, "a");
    if (!a.empty() && std::ranges::find(a, "dev->driver read again") != a.end() && std::ranges::find(a, "dev->driver cleared") == a.end())
      ++lost;
  });
  CHECK(f.text().empty());
  CHECK(lost > 0);
  CHECK(seen == std::set<std::string>{"cs", "sc"});
}

// Fact: device_link-window.
TEST_CASE("device link: bound anew by the same driver in that window, the new binding is the one that goes") {
  Pair p;
  std::uint64_t both = 0;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("a", [&](Context& c) {
      must(Pair::bind(c, p.provides));
      must(Pair::bind(c, p.uses));
      l.task("b", [&](Context& x) {
        if (release_driver(x, p.provides, p.provides.remove)) must(Pair::bind(x, p.again));
      });
      release_driver(c, p.provides, p.provides.remove);
    });
  });
  const Found f = every(lab, [&] { both += p.order == "css" ? 1U : 0U; });
  CHECK(f.text().empty());
  CHECK(both > 0);
}

// Fact: device_link-consumers-first.
TEST_CASE("device link: a consumer that is being probed is waited for, and unbound then") {
  Pair p;
  bool bound = false;
  std::set<std::string> seen;
  Lab lab([&](Lab& l) {
    p.init(l);
    bound = false;
    l.task("a", [&](Context& c) {
      must(Pair::bind(c, p.provides));
      l.task("b", [&](Context& x) {
        bound = probe_device(x, p.uses, [&](Context& y) {
          mark(y);
          return true;
        });
      });
      must(release_driver(c, p.provides, p.provides.remove));
    });
  });
  const Found f = every(lab, [&] { seen.insert((bound ? "b" : "-") + p.order); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::string>{"bcs", "-s"});
}

// Fact: device_link-consumers-first.
TEST_CASE("device link: of several consumers and suppliers each is asked") {
  std::array<Device, 4> d;
  std::array<Binding, 4> b;
  Module m;
  DeviceLinks links;
  std::string order;
  Lab lab([&](Lab& l) {
    order.clear();
    l.init(m, "foo");
    init_device_links(l.kernel, links, l.name("links"));
    for (std::size_t i = 0; i < d.size(); ++i) {
      l.init(d[i], "dev" + std::to_string(i));
      l.init(b[i], d[i], m, "foo" + std::to_string(i));
      b[i].remove = [&order, i](Context&) { order += static_cast<char>('0' + i); };
    }
    // 0 supplies 2 and 3, 1 supplies 3.
    add_device_link(links, d[0], d[2]);
    add_device_link(links, d[1], d[3]);
    add_device_link(links, d[0], d[3]);
    l.task("t", [&](Context& c) {
      must(Pair::bind(c, b[0]));
      must(Pair::bind(c, b[2]));
      must(!Pair::bind(c, b[3]));
      must(Pair::bind(c, b[1]));
      must(Pair::bind(c, b[3]));
      must(release_driver(c, b[0], b[0].remove));
      must(order == "230");
      must(!Pair::bind(c, b[2]));
      must(!Pair::bind(c, b[3]));
      must(release_driver(c, b[1], b[1].remove));
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(order == "2301");
}

}  // namespace unplug::model::test
