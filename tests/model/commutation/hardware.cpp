#include <array>

#include "model/commute.hpp"
#include "unplug/model/kernel/bus/pci.hpp"
#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/model/kernel/hw/dma.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t registers(Covered& covered) {
  static constexpr std::array<std::uint64_t, 2> values{0, 1};
  Region region, ports;
  Mapping bar, io;
  Presence device;
  DeviceRegister control, scratch;
  Waiter rung;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_bus(l.kernel, device, l.name("bus dev"));
    l.init(rung, "rung");
    control.effect = [](Context& c, std::uint64_t, void* w) { complete(c, *static_cast<Waiter*>(w)); };
    control.argument = &rung;
    init_register(control, device, l.name("control"));
    init_register(scratch, device, l.name("scratch"), 7);
    l.init(region, "bar0");
    l.init(bar, region, "bar0 of foo");
    init_region(l.kernel, ports, l.name("ports"), l.name("ports"), RegionKind::port);
    l.init(io, ports, "ports of foo");
    bar.device = &device;
    l.task("driver", [&](Context& c) {
      request_mem_region(c, bar);
      ioremap(c, bar);
      write_register(c, bar, control, 1);
      write_register(c, bar, scratch, 2);
      read_register(c, bar, scratch);
      iounmap(c, bar);
      release_mem_region(c, bar);
    });
    l.task("reader", [&](Context& c) {
      for (const Width w : {Width::b, Width::w, Width::l, Width::q}) {
        mmio_read(c, bar, w, values);
        mmio_write(c, bar, w);
      }
    });
    l.task("ports", [&](Context& c) {
      request_mem_region(c, io);
      for (const Width w : {Width::b, Width::w, Width::l}) {
        port_read(c, io, w, values);
        port_write(c, io, w);
      }
      release_mem_region(c, io);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, device); });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab registers_lab{"registers and posted writes", 500, registers};

std::uint64_t pci(Covered& covered) {
  std::array<Region, 2> regions;
  std::array<Mapping, 2> bars;
  Presence device;
  PciDevice p;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    init_pci_device(l.kernel, p, device, l.name("pci"), l.name("pci"));
    for (std::size_t i = 0; i < 2; ++i) {
      l.init(regions[i], i == 0 ? "region 0" : "region 1");
      l.init(bars[i], regions[i], i == 0 ? "bar 0" : "bar 1");
      p.bars.push_back(&bars[i]);
    }
    for (const auto* name : {"d1", "d2"})
      l.task(name, [&](Context& c) {
        pci_enable_device(c, p);
        pci_set_master(c, p);
        if (!pci_dev_is_disconnected(c, p)) pci_clear_master(c, p);
        if (pci_request_regions(c, p)) pci_release_regions(c, p);
        pci_clear_master(c, p);
        pci_disable_device(c, p);
      });
    l.task("power", [&](Context& c) {
      pci_set_power_state(c, p, PciPower::d3cold);
      pci_set_power_state(c, p, PciPower::d0);
      pci_reset_function(c, p);
    });
    l.task("hotplug", [&](Context& c) { pci_dev_set_disconnected(c, p); });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab pci_lab{"PCI devices", 500, pci};

std::uint64_t dma(Covered& covered) {
  Presence device;
  DmaEngine engine;
  Allocation ring, data, own;
  DmaBuffer coherent, streaming;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_presence(l.kernel, device, l.name("dev"), l.name("dev"));
    l.init(ring, "ring", {}, false);
    l.init(data, "data");
    init_dma_buffer(l.kernel, coherent, ring, l.name("ring dma"), l.name("ring"), {});
    init_dma_buffer(l.kernel, streaming, data, l.name("data dma"), l.name("data"), {});
    engine.device = &device;
    engine.transfers = 3;
    init_dma_engine(l.kernel, engine, l.name("engine"), l.name("engine"), l.name("dma engine"));
    l.task("ring", [&](Context& c) {
      dma_alloc_coherent(c, coherent);
      dma_start(c, engine, coherent);
      dma_stop(c, engine);
      dma_wait_idle(c, engine);
      dma_free_coherent(c, coherent);
    });
    l.task("stream", [&](Context& c) {
      dma_map_single(c, streaming);
      dma_start(c, engine, streaming);
      dma_wait_idle(c, engine);
      dma_unmap_single(c, streaming);
    });
    l.task("hand", [&](Context& c) { surprise_removal(c, device); });
  });
  return commute(lab, 120, 8, covered);
}
const CommutationLab dma_lab{"DMA", 500, dma};

std::uint64_t power(Covered& covered) {
  Clock clock;
  RuntimePm pm;
  Region region;
  Mapping bar;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    init_clock(l.kernel, clock, l.name("clk"), l.name("clk"));
    init_runtime_pm(l.kernel, pm, l.name("pm"), l.name("pm"), l.name("pm_wq pm"));
    l.init(region, "bar0");
    l.init(bar, region, "bar0 of foo");
    bar.gates = {&clock.gate, &pm.gate};
    for (const auto* name : {"d1", "d2"})
      l.task(name, [&](Context& c) {
        pm_runtime_get_sync(c, pm);
        clk_prepare_enable(c, clock);
        writel(c, bar);
        clk_disable_unprepare(c, clock);
        pm_runtime_put(c, pm);
        pm_runtime_get_sync(c, pm);
        pm_runtime_put_sync(c, pm);
      });
    l.task("user", [&](Context& c) {
      for (int i = 0; i < 3; ++i) {
        pm_runtime_get_sync(c, pm);
        pm_runtime_put(c, pm);
      }
      if (!pm_runtime_resume_and_get(c, pm)) return;
      pm_runtime_get_noresume(c, pm);
      pm_runtime_put_noidle(c, pm);
      pm_runtime_put(c, pm);
    });
    l.task("remover", [&](Context& c) {
      for (int i = 0; i < 6; ++i) mark(c);
      pm_runtime_disable(c, pm);
    });
  });
  return commute(lab, 100, 8, covered);
}
const CommutationLab power_lab{"clocks and runtime power management", 500, power};

}  // namespace
}  // namespace unplug::model::test
