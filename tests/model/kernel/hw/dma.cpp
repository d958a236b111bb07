// kernel/dma: the device's right to an address, and what it takes to be sure that it uses it no more.
#include "unplug/model/kernel/hw/dma.hpp"

#include <array>

#include "model/support.hpp"
#include "unplug/model/kernel/bus/pci.hpp"

namespace unplug::model::test {
namespace {

// A PCI device with one engine, a doorbell that starts and stops it, and a buffer that it is programmed with.
struct DmaCard {
  Region region;
  Mapping bar;
  Presence device;
  PciDevice pci;
  DeviceRegister doorbell;
  DmaEngine engine;
  Allocation memory;
  DmaBuffer buffer;
  int landed = 0;
  std::uint64_t transfers = 2;
  void init(Lab& l, bool coherent = false, LifetimeId owner = {}) {
    landed = 0;
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_bus(l.kernel, device, l.name("bus dev"));
    init_pci_device(l.kernel, pci, device, l.name("pci"), l.name("pci"));
    l.init(region, "region");
    l.init(bar, region, "bar0");
    bar.device = &device;
    l.init(memory, "page", {}, !coherent);
    init_dma_buffer(l.kernel, buffer, memory, l.name("buffer"), l.name("buffer"), owner);
    engine.device = &device;
    engine.pci = true;
    engine.transfers = transfers;
    engine.programmed = &buffer;
    engine.finished = [](Context&, void* card) { ++static_cast<DmaCard*>(card)->landed; };
    engine.argument = this;
    init_dma_engine(l.kernel, engine, l.name("engine"), l.name("engine"), l.name("dma"));
    doorbell.effect = dma_doorbell;
    doorbell.argument = &engine;
    init_register(doorbell, device, l.name("doorbell"));
  }
  // The buffer is mapped and the engine runs.
  void start(Context& c) {
    pci_set_master(c, pci);
    dma_map_single(c, buffer);
    dma_start(c, engine, buffer);
  }
  void map(Context& c) {
    must(request_mem_region(c, bar));
    ioremap(c, bar);
  }
};

const std::string offence = "dma-after-unmap(buffer)@dma";

}  // namespace

// Fact: dma_unmap-ends-right.
TEST_CASE("dma: unmapped while the engine may still use it is dma-after-unmap, stopped and waited for it is not") {
  DmaCard card;
  bool stop = true, wait = true;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.start(c);
      if (stop) dma_stop(c, card.engine);
      if (wait) dma_wait_idle(c, card.engine);
      dma_unmap_single(c, card.buffer);
      kfree(c, card.memory);
    });
  });
  const auto run = [&](bool s, bool w) {
    stop = s;
    wait = w;
    return every(lab);
  };
  CHECK(run(true, true).text().empty());
  const Found f = run(true, false);
  CHECK(f.text() == offence);
  CHECK(f.places.begin()->second == "DMA transfer");
  CHECK(run(false, true).text() == offence);  // of an engine that runs it says nothing about the next
  CHECK(run(false, false).text() == offence);
}

// Fact: posted-writes, dma-stop-in-flight.
TEST_CASE("dma: a stop that is written needs a read-back before it is certain that the device saw it") {
  DmaCard card;
  bool read_back = false;
  card.transfers = 1;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      pci_set_master(c, card.pci);
      dma_map_single(c, card.buffer);
      write_register(c, card.bar, card.doorbell, 1);
      write_register(c, card.bar, card.doorbell, 0);
      if (read_back) read_register(c, card.bar, card.doorbell);
      dma_wait_idle(c, card.engine);
      dma_unmap_single(c, card.buffer);
    });
  });
  CHECK(every(lab).text() == offence);
  read_back = true;
  CHECK(every(lab).text().empty());
}

// Fact: dma_unmap-ends-right.
TEST_CASE("dma: freed while it is mapped, the device reaches whoever has the page, unmapped and freed is one accident") {
  DmaCard card;
  bool unmap = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.start(c);
      if (unmap) dma_unmap_single(c, card.buffer);
      kfree(c, card.memory);
    });
  });
  Found f = every(lab);
  CHECK(f.text() == "dma-after-unmap(page)@dma");
  CHECK(f.details.begin()->second == "freed while it is mapped: the device reaches whoever has the page by then");
  unmap = true;
  CHECK(every(lab).text() == offence);
}

// Fact: dma-iommu.
TEST_CASE("dma: the IOMMU decides what becomes of it, not whether it is wrong: no step differs") {
  DmaCard card;
  std::set<std::uint64_t> executions;
  for (const auto& [iommu, detail] : {std::pair{Iommu::none, "without an IOMMU, the device reaches whoever has the page by then"},
                                      std::pair{Iommu::lazy, "until the IOTLB is flushed, the device reaches whoever has the page by then"},
                                      std::pair{Iommu::strict, "the IOMMU stops it and logs a fault"}}) {
    KernelConfig config;
    config.iommu = iommu;
    Lab lab(
        [&](Lab& l) {
          card.init(l);
          l.task("driver", [&](Context& c) {
            card.start(c);
            dma_unmap_single(c, card.buffer);
          });
        },
        config);
    Found f = every(lab);
    CHECK(f.text() == offence);
    CHECK(f.details[offence] == detail);
    executions.insert(f.executions);
  }
  CHECK(executions.size() == 1);
}

// Fact: pci-bus-mastering.
TEST_CASE("dma: without bus mastering no transfer begins, one in flight still lands, what is no PCI device knows none") {
  DmaCard card;
  enum class How { clear, disable } how = How::clear;
  bool wait = true, pci = true, never = false;
  std::set<int> landed;
  Lab lab([&](Lab& l) {
    card.init(l);
    card.engine.pci = pci;
    l.task("driver", [&](Context& c) {
      if (never) {
        dma_map_single(c, card.buffer);
        dma_start(c, card.engine, card.buffer);
        return;
      }
      pci_enable_device(c, card.pci);
      card.start(c);
      if (how == How::clear) {
        pci_clear_master(c, card.pci);
      } else {
        pci_disable_device(c, card.pci);
      }
      if (wait) dma_wait_idle(c, card.engine);
      dma_unmap_single(c, card.buffer);
    });
  });
  const auto run = [&] {
    landed.clear();
    return every(lab, [&] { landed.insert(card.landed); }).text();
  };
  for (const How h : {How::clear, How::disable}) {
    how = h;
    wait = pci = true;
    CHECK(run().empty());
    CHECK(landed == std::set<int>{0, 1, 2});
    wait = false;
    CHECK(run() == offence);
    wait = true;
    pci = false;
    CHECK(run() == offence);
  }
  never = true;
  CHECK(run().empty());
  CHECK(landed == std::set<int>{2});
  pci = true;
  CHECK(run().empty());
  CHECK(landed == std::set<int>{0});
}

// Fact: gone-no-dma.
TEST_CASE("dma: a device that was pulled out, or has no power, does no DMA") {
  DmaCard card;
  bool pull = true, wait = true;
  std::set<int> landed;
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.start(c);
      if (pull) {
        surprise_removal(c, card.device);
      } else {
        pci_set_power_state(c, card.pci, PciPower::d3cold);
      }
      if (wait) dma_wait_idle(c, card.engine);
      kfree(c, card.memory);
    });
  });
  for (const bool p : {true, false}) {
    pull = p;
    wait = true;
    landed.clear();
    CHECK(every(lab, [&] { landed.insert(card.landed); }).text().empty());
    CHECK(landed == std::set<int>{0, 1, 2});
    wait = false;
    CHECK(every(lab).text() == "dma-after-unmap(page)@dma");
  }
}

// Fact: dma-stop-in-flight.
TEST_CASE("dma: an engine takes as many transfers as it was started for, one at a time, and can be started again") {
  DmaCard card;
  Allocation other;
  DmaBuffer second;
  bool both = false;
  std::set<int> landed;
  Lab lab([&](Lab& l) {
    card.init(l);
    card.engine.device = nullptr;  // always there
    l.init(other, "other page");
    init_dma_buffer(l.kernel, second, other, l.name("second"), l.name("second"), {});
    l.task("driver", [&](Context& c) {
      dma_map_single(c, card.buffer);
      dma_start(c, card.engine, card.buffer);
      if (!both) return;
      dma_map_single(c, second);
      dma_start(c, card.engine, second);
      dma_stop(c, card.engine);
      dma_wait_idle(c, card.engine);
      dma_unmap_single(c, second);
      dma_unmap_single(c, card.buffer);
    });
  });
  CHECK(every(lab, [&] { landed.insert(card.landed); }).text().empty());
  CHECK(landed == std::set<int>{2});
  both = true;
  landed.clear();
  CHECK(every(lab, [&] { landed.insert(card.landed); }).text().empty());
  CHECK(landed == std::set<int>{0, 1, 2, 3, 4});
}

TEST_CASE("dma: a transfer goes to the buffer that the engine had when it began") {
  DmaCard card;
  Allocation other;
  DmaBuffer second;
  Lab lab([&](Lab& l) {
    card.init(l);
    card.engine.device = nullptr;
    card.engine.transfers = 1;
    l.init(other, "other page");
    init_dma_buffer(l.kernel, second, other, l.name("second"), l.name("second"), {});
    l.task("driver", [&](Context& c) {
      dma_map_single(c, card.buffer);
      dma_map_single(c, second);
      dma_start(c, card.engine, card.buffer);
      dma_start(c, card.engine, second);
      dma_unmap_single(c, card.buffer);
    });
  });
  CHECK(every(lab).text() == offence);
}

// Fact: dma_unmap-ends-right.
TEST_CASE("dma: a coherent buffer freed is use-after-free by the CPU and dma-after-unmap by the device") {
  DmaCard card;
  bool cpu = false, device = false;
  Lab lab([&](Lab& l) {
    card.init(l, true);
    card.engine.device = nullptr;
    l.task("driver", [&](Context& c) {
      dma_alloc_coherent(c, card.buffer);
      use(c, card.memory.life);
      if (device) dma_start(c, card.engine, card.buffer);
      dma_free_coherent(c, card.buffer);
      if (cpu) use(c, card.memory.life);
    });
  });
  CHECK(every(lab).text().empty());
  cpu = true;
  CHECK(every(lab).text() == "use-after-free(page)@driver");
  cpu = false;
  device = true;
  CHECK(every(lab).text() == offence);
}

// Fact: dma_alloc_coherent-contexts.
TEST_CASE("dma: dma_alloc_coherent with GFP_KERNEL may sleep, dma_free_coherent is not for interrupts that are off") {
  DmaCard card;
  Spinlock lock;
  Gfp gfp = Gfp::kernel;
  SpinlockOff off = SpinlockOff::interrupts;
  ContextKind kind = ContextKind::process;
  Lab lab([&](Lab& l) {
    card.init(l, true);
    l.init(lock, "lock");
    l.task(
        "driver",
        [&](Context& c) {
          if (kind == ContextKind::process) spin_lock(c, lock, off);
          dma_alloc_coherent(c, card.buffer, gfp);
          dma_free_coherent(c, card.buffer);
          if (kind == ContextKind::process) spin_unlock(c, lock, off);
        },
        kind);
  });
  const std::string misuse = "api-misuse(buffer)@driver", sleeps = "sleep-in-atomic(dma_alloc_coherent(GFP_KERNEL))@driver";
  CHECK(every(lab).text() == misuse + ", " + sleeps);
  gfp = Gfp::atomic;
  CHECK(every(lab).text() == misuse);
  off = SpinlockOff::softirqs;
  CHECK(every(lab).text().empty());
  kind = ContextKind::softirq;
  CHECK(every(lab).text().empty());
  kind = ContextKind::hardirq;
  CHECK(every(lab).text() == misuse);
}

// Fact: dma-debug-at-unbind.
TEST_CASE("dma: a mapping that is still held when its owner has ended is a leak, as CONFIG_DMA_API_DEBUG says at unbind") {
  DmaCard card;
  Allocation binding;
  bool unmap = false;
  Lab lab([&](Lab& l) {
    l.init(binding, "binding");
    card.init(l, false, binding.life);
    l.task("driver", [&](Context& c) {
      dma_map_single(c, card.buffer);
      if (unmap) dma_unmap_single(c, card.buffer);
      kfree(c, binding);
    });
  });
  CHECK(every(lab).text() == "leak(buffer)@driver");
  unmap = true;
  CHECK(every(lab).text().empty());
}

// Fact: dma_unmap-ends-right, dma_unmap-touches-memory.
TEST_CASE("dma: unmapped twice, unmapped unmapped, unmapped after the memory was freed, mapped after it was, used before it is mapped") {
  DmaCard card;
  int maps = 1, unmaps = 1;
  bool early_free = false, late_free = false, use = false;
  Lab lab([&](Lab& l) {
    card.init(l);
    card.engine.device = nullptr;
    l.task("driver", [&](Context& c) {
      if (early_free) kfree(c, card.memory);
      for (int i = 0; i < maps; ++i) dma_map_single(c, card.buffer);
      if (late_free) kfree(c, card.memory);
      for (int i = 0; i < unmaps; ++i) dma_unmap_single(c, card.buffer);
      if (use) dma_start(c, card.engine, card.buffer);
    });
  });
  CHECK(every(lab).text().empty());
  unmaps = 2;
  CHECK(every(lab).text() == "double-release(buffer)@driver");
  maps = 0;
  unmaps = 1;
  CHECK(every(lab).text() == "double-release(buffer)@driver");
  unmaps = 0;
  use = true;
  CHECK(every(lab).text() == "use-before-init(buffer)@dma");
  use = false;
  maps = 1;
  early_free = true;
  CHECK(every(lab).text() == "use-after-free(page)@driver");
  early_free = false;
  late_free = true;
  unmaps = 1;
  CHECK(every(lab).text() == "use-after-free(page)@driver");
}

// Stop the engine, clear bus mastering, read back, wait, then unmap and free.
// Fact: dma-stop-in-flight.
TEST_CASE("dma: each step of the order stop, read back, wait, unmap is needed, whatever the doorbell did before") {
  DmaCard card;
  card.transfers = 1;
  std::array<bool, 3> with{};
  Lab lab([&](Lab& l) {
    card.init(l);
    l.task("driver", [&](Context& c) {
      card.map(c);
      pci_set_master(c, card.pci);
      dma_map_single(c, card.buffer);
      write_register(c, card.bar, card.doorbell, 1);
      if (with[0]) write_register(c, card.bar, card.doorbell, 0);
      if (with[1]) read_register(c, card.bar, card.doorbell);
      if (with[2]) dma_wait_idle(c, card.engine);
      dma_unmap_single(c, card.buffer);
      kfree(c, card.memory);
    });
  });
  for (unsigned left_out = 0; left_out <= 3; ++left_out) {
    with = {left_out != 0, left_out != 1, left_out != 2};
    CHECK(every(lab).text() == (left_out == 3 ? "" : offence));
  }
}

}  // namespace unplug::model::test
