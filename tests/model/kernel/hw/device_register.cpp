// kernel/device_register: values, posted writes, and what the device does about them.
#include "unplug/model/kernel/hw/device_register.hpp"
#include "model/support.hpp"
#include "unplug/model/kernel/bus/pci.hpp"

namespace unplug::model::test {
namespace {

// A device with a register that does something and one that only keeps its value.
struct Card {
  Region region;
  Mapping bar;
  Presence device;
  DeviceRegister control, scratch;
  std::vector<std::uint64_t> arrived;  // at `control`
  bool inside = false;
  void init(Lab& l) {
    arrived.clear();
    inside = false;
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_bus(l.kernel, device, l.name("bus dev"));
    control.effect = [](Context& c, std::uint64_t value, void* argument) {
      auto& card = *static_cast<Card*>(argument);
      card.inside = true;
      mark(c);
      card.arrived.push_back(value);
      card.inside = false;
    };
    control.argument = this;
    init_register(control, device, l.name("control"), 5);
    init_register(scratch, device, l.name("scratch"), 6);
    l.init(region, "region");
    l.init(bar, region, "bar0");
    bar.device = &device;
  }
  void map(Context& c) {
    must(request_mem_region(c, bar));
    ioremap(c, bar);
  }
};

}  // namespace

// Fact: posted-writes.
TEST_CASE("posted writes: a write returns before the device has seen it, a read of any register comes back after") {
  Card card;
  enum class Back { none, same, other, plain } back = Back::none;
  std::set<bool> seen;
  bool acted = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      write_register(c, card.bar, card.control, 1);
      if (back == Back::same) must(read_register(c, card.bar, card.control) == 1);
      if (back == Back::other) must(read_register(c, card.bar, card.scratch) == 6);
      if (back == Back::plain) readl(c, card.bar, {});
      if (back == Back::none) mark(c);
      must(back == Back::none || !card.inside || c.aborting());
      acted = !card.arrived.empty();
    });
  });
  for (const Back b : {Back::same, Back::other, Back::plain, Back::none}) {
    back = b;
    seen.clear();
    CHECK(every_schedule(lab, [&] { seen.insert(acted); }).text().empty());
    CHECK(card.arrived == std::vector<std::uint64_t>{1});
    CHECK(seen == (b == Back::none ? std::set<bool>{false, true} : std::set<bool>{true}));
  }
}

// Fact: posted-writes.
TEST_CASE("posted writes: they arrive in order, one is acted on before the next, a register holds what arrived last") {
  Card card;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      must(read_register(c, card.bar, card.scratch) == 6);
      write_register(c, card.bar, card.scratch, 8);
      write_register(c, card.bar, card.control, 1);
      write_register(c, card.bar, card.control, 2);
      write_register(c, card.bar, card.scratch, 9);
      must(read_register(c, card.bar, card.scratch) == 9);
      must(read_register(c, card.bar, card.control) == 2);
    });
  });
  CHECK(every_schedule(lab, [&] { CHECK(card.arrived == std::vector<std::uint64_t>{1, 2}); }).text().empty());
}

// Fact: posted-lost.
TEST_CASE("posted writes: pulled out, the device loses what is on its way, a read-back is not kept waiting and answers all ones") {
  Card card;
  std::uint64_t got = 0;
  std::set<std::pair<std::size_t, std::uint64_t>> seen;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      write_register(c, card.bar, card.control, 1);
      write_register(c, card.bar, card.control, 2, Width::w);
      got = read_register(c, card.bar, card.control, Width::w);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, card.device); });
  });
  const Found f = every(lab, [&] { seen.emplace(card.arrived.size(), got); });
  CHECK(f.text().empty());
  CHECK(f.blocked == 0);
  CHECK(seen == std::set<std::pair<std::size_t, std::uint64_t>>{{0, 0xffff}, {1, 0xffff}, {2, 0xffff}, {2, 2}});
}

// Fact: posted-lost, gone-all-ones.
TEST_CASE("posted writes: without power writes vanish and reads are all ones, afterwards the registers are as after reset") {
  Card card;
  PciDevice pci;
  bool reset = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    init_pci_device(l.kernel, pci, card.device, l.name("pci"), l.name("pci"));
    l.task("driver", [&](Context& c) {
      card.map(c);
      write_register(c, card.bar, card.scratch, 9);
      write_register(c, card.bar, card.control, 1);
      must(read_register(c, card.bar, card.scratch) == 9);
      write_register(c, card.bar, card.control, 2);  // may be lost on its way
      if (reset) {
        pci_reset_function(c, pci);
      } else {
        pci_set_power_state(c, pci, PciPower::d3cold);
        write_register(c, card.bar, card.control, 3);
        must(read_register(c, card.bar, card.scratch) == all_ones(Width::l));
        must(readl(c, card.bar, {}) == all_ones(Width::l));
        pci_set_power_state(c, pci, PciPower::d0);
      }
      must(read_register(c, card.bar, card.scratch) == 6);
      write_register(c, card.bar, card.control, 4);
      must(read_register(c, card.bar, card.control) == 4);
    });
  });
  std::set<std::vector<std::uint64_t>> seen;
  for (const bool r : {false, true}) {
    reset = r;
    seen.clear();
    CHECK(every_schedule(lab, [&] { seen.insert(card.arrived); }).text().empty());
    CHECK(seen == std::set<std::vector<std::uint64_t>>{{1, 4}, {1, 2, 4}});
  }
}

// Fact: iounmap-ends.
TEST_CASE("posted writes: a register access relies on mapping and region, as any") {
  Card card;
  bool read = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      iounmap(c, card.bar);
      if (read) {
        read_register(c, card.bar, card.scratch);
      } else {
        write_register(c, card.bar, card.scratch, 1);
      }
    });
  });
  for (const bool r : {false, true}) {
    read = r;
    const Found f = every(lab);
    CHECK(f.text() == "use-after-unmap(bar0)@driver");
    CHECK(f.places.begin()->second == (r ? "readl" : "writel"));
  }
}

// Fact: posted-writes.
TEST_CASE(
    "posted writes: a device whose interrupt was masked by a write raises it still, until a read-back says that the write has arrived") {
  Card card;
  IrqLine line;
  IrqAction action;
  bool read_back = false, masked = false;
  int late = 0, runs = 0, seen_late = 0, seen_runs = 0;
  Lab lab([&](Lab& l) {
    late = runs = 0;
    masked = false;
    card.init(l);
    l.init(line, "irq");
    l.init(action, line, "action", [&](Context&) { ++runs; });
    l.task(
        "hardware",
        [&](Context& c) {
          sim::Step look = c.make(mark_op);
          look.access = {card.device.object, sim::AccessKind::read};
          const bool unmasked = c.engine().step(look, [&](std::uint64_t&) {
            late += masked && card.scratch.value == 6 ? 1 : 0;
            return card.scratch.value == 6;
          });
          if (unmasked) raise_irq(l.kernel, line);
        },
        ContextKind::process, true);
    l.task("driver", [&](Context& c) {
      card.map(c);
      must(request_irq(c, line, action));
      write_register(c, card.bar, card.scratch, 1);
      if (read_back) read_register(c, card.bar, card.scratch);
      masked = true;
      mark(c);
    });
  });
  const auto count = [&] {
    seen_late += late;
    seen_runs += runs;
  };
  CHECK(every_schedule(lab, count).text().empty());
  CHECK(seen_late > 0);
  CHECK(seen_runs > 0);
  seen_late = 0;
  read_back = true;
  CHECK(every_schedule(lab, count).text().empty());
  CHECK(seen_late == 0);
}

}  // namespace unplug::model::test
