// kernel/pci: what enabling, disabling and resetting do, and what they leave alone.
#include "unplug/model/kernel/bus/pci.hpp"

#include <array>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

struct PciCard {
  std::array<Region, 3> regions;
  std::array<Mapping, 3> bars, others;
  Presence device;
  PciDevice pci;
  void init(Lab& l) {
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_pci_device(l.kernel, pci, device, l.name("pci"), l.name("pci"));
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const std::string n = "bar" + std::to_string(i);
      init_region(l.kernel, regions[i], l.name("region " + n), l.name("region " + n), i == 2 ? RegionKind::port : RegionKind::memory);
      l.init(others[i], regions[i], "other " + n);
      l.init(bars[i], regions[i], n);
      bars[i].device = &device;
      pci.bars.push_back(&bars[i]);
    }
  }
  // Whether the device may master the bus just now; no step.
  [[nodiscard]] bool master(const Lab& l) const {
    return (l.engine.trace().objects[device.object.index()].word & presence_word::bus_master) != 0;
  }
};

}  // namespace

// Fact: pci_disable_device-masters-only, pci-bus-mastering.
TEST_CASE("pci: the last pci_disable_device clears bus mastering, it unmaps nothing and the device goes on answering") {
  PciCard card;
  int enables = 2, disables = 1;
  bool set = true;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      for (int i = 0; i < enables; ++i) pci_enable_device(c, card.pci);
      if (set) pci_set_master(c, card.pci);
      must(pci_request_regions(c, card.pci));
      pci_iomap(c, card.pci, 0);
      for (int i = 0; i < disables; ++i) pci_disable_device(c, card.pci);
      static constexpr std::array<std::uint64_t, 1> id{42};
      must(readl(c, card.bars[0], id) == 42);
      writel(c, card.bars[0]);
      pci_iounmap(c, card.pci, 0);
      pci_release_regions(c, card.pci);
    });
  });
  CHECK(every(lab, [&] { CHECK(card.master(lab)); }).text().empty());
  disables = 2;
  CHECK(every(lab, [&] { CHECK(!card.master(lab)); }).text().empty());
  disables = 0;
  set = false;  // enabling alone does not
  CHECK(every(lab, [&] { CHECK(!card.master(lab)); }).text().empty());
}

// Fact: pci_disable_device-masters-only.
TEST_CASE("pci: disabling a device that is not enabled is api-misuse, and does nothing") {
  PciCard card;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      pci_set_master(c, card.pci);
      pci_disable_device(c, card.pci);
    });
  });
  const Found f = every(lab, [&] { CHECK(card.master(lab)); });
  CHECK(f.text() == "api-misuse(pci)@driver");
  CHECK(f.details.begin()->second == "pci_disable_device('pci') that is already disabled");
}

// Fact: pci_disable_device-masters-only, iounmap-ends.
TEST_CASE("pci: an access after pci_disable_device is none, after pci_iounmap it is use-after-unmap") {
  PciCard card;
  bool unmap = false;
  Waiter mapped;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.init(mapped, "mapped");
    l.task("driver", [&](Context& c) {
      pci_enable_device(c, card.pci);
      must(pci_request_regions(c, card.pci));
      pci_iomap(c, card.pci, 1);
      complete(c, mapped);
      pci_disable_device(c, card.pci);
      if (unmap) pci_iounmap(c, card.pci, 1);
    });
    l.task("user", [&](Context& c) {
      wait_for_completion(c, mapped);
      writel(c, card.bars[1]);
    });
  });
  CHECK(every(lab).text().empty());
  unmap = true;
  CHECK(every(lab).text() == "use-after-unmap(bar1)@user");
}

// Fact: pci_request_regions-all.
TEST_CASE("pci: all BARs are claimed or none, whoever comes second gets -EBUSY") {
  PciCard card;
  std::size_t taken = 0;
  bool first = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      if (first) {
        must(pci_request_regions(c, card.pci));
        for (Mapping& m : card.others) must(!request_mem_region(c, m));
        pci_release_regions(c, card.pci);
        for (Mapping& m : card.others) must(request_mem_region(c, m));
        return;
      }
      must(request_mem_region(c, card.others[taken]));
      must(!pci_request_regions(c, card.pci));
      for (std::size_t i = 0; i < 3; ++i)  // what comes before was let go again
        if (i != taken) must(request_mem_region(c, card.others[i]));
    });
  });
  for (taken = 0; taken < 3; ++taken) CHECK(every(lab).text().empty());
  first = true;
  CHECK(every(lab).text().empty());
}

// Fact: pci-power-and-reset.
TEST_CASE("pci: in D3cold and in reset a device answers all ones, reset gives its configuration back, D0 does not") {
  PciCard card;
  bool reset = false, master = true;
  std::set<std::uint64_t> seen;
  std::uint64_t got = 0;
  Waiter mapped;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.init(mapped, "mapped");
    l.task("driver", [&](Context& c) {
      must(pci_request_regions(c, card.pci));
      pci_iomap(c, card.pci, 0);
      if (master) pci_set_master(c, card.pci);
      complete(c, mapped);
      if (reset) {
        pci_reset_function(c, card.pci);
      } else {
        pci_set_power_state(c, card.pci, PciPower::d3cold);
        pci_set_master(c, card.pci);  // nobody hears it
        pci_set_power_state(c, card.pci, PciPower::d0);
      }
      must(readl(c, card.bars[0], {}) == 0);
      must(is_present(c, card.device));
    });
    l.task("user", [&](Context& c) {
      wait_for_completion(c, mapped);
      got = readl(c, card.bars[0], {});
      must(is_present(c, card.device));
    });
  });
  for (const bool r : {false, true})
    for (const bool m : {false, true}) {
      reset = r;
      master = m;
      seen.clear();
      CHECK(every(lab,
                  [&] {
                    seen.insert(got);
                    CHECK(card.master(lab) == (r && m));
                  })
                .text()
                .empty());
      CHECK(seen == std::set<std::uint64_t>{0, 0xffffffff});
    }
}

// Fact: pci-power-and-reset.
TEST_CASE("pci: nothing brings back a device that was pulled out") {
  PciCard card;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      surprise_removal(c, card.device);
      pci_set_master(c, card.pci);
      pci_set_power_state(c, card.pci, PciPower::d3cold);
      pci_set_power_state(c, card.pci, PciPower::d0);
      pci_reset_function(c, card.pci);
      pci_clear_master(c, card.pci);
      must(!is_present(c, card.device));
    });
  });
  CHECK(every(lab, [&] { CHECK(lab.engine.trace().objects[card.device.object.index()].word == 0); }).text().empty());
  Lab race([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      pci_set_master(c, card.pci);
      pci_reset_function(c, card.pci);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, card.device); });
  });
  CHECK(every(race, [&] { CHECK(race.engine.trace().objects[card.device.object.index()].word == 0); }).text().empty());
}

// Fact: pciehp-learns-late.
TEST_CASE("pci: that a device is disconnected is said after it has gone: a driver that asks first may read all ones all the same") {
  PciCard card;
  std::set<std::pair<bool, bool>> seen;
  bool said = false, ones = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      must(pci_request_regions(c, card.pci));
      pci_iomap(c, card.pci, 0);
      said = pci_dev_is_disconnected(c, card.pci);
      ones = readl(c, card.bars[0], {}) == all_ones(Width::l);
    });
    l.task("hotplug", [&](Context& c) {
      surprise_removal(c, card.device);
      pci_dev_set_disconnected(c, card.pci);
    });
  });
  CHECK(every(lab, [&] { seen.emplace(said, ones); }).text().empty());
  CHECK(seen == std::set<std::pair<bool, bool>>{{false, false}, {false, true}, {true, true}});
}

// Fact: pci-power-and-reset.
TEST_CASE("pci: what sleeps must not be called from an interrupt") {
  PciCard card;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task(
        "softirq",
        [&](Context& c) {
          pci_set_power_state(c, card.pci, PciPower::d0);
          pci_reset_function(c, card.pci);
          pci_clear_master(c, card.pci);
        },
        ContextKind::softirq);
  });
  CHECK(every(lab).text() == "sleep-in-atomic(pci_reset_function)@softirq, sleep-in-atomic(pci_set_power_state)@softirq");
}

}  // namespace unplug::model::test
