// DMA: buffers that a device may reach, and an engine that does.
//
// kernel/dma/mapping.c, drivers/iommu/dma-iommu.c, v6.18. A mapping is a lifetime: the device's right to the address. The engine is a task
// of hardware: while it runs it takes one transfer after another, asks whether the device may master the bus, and touches the memory; that
// step relies on the mapping and on the memory behind it. To stop it is not to wait for it: a transfer in flight still lands. Whether the
// IOMMU stops what comes after the unmap, or somebody else's page is hit, is KernelConfig::iommu and changes no step. A device that is gone
// or without power does no DMA; a PCI device does none without bus mastering. A mapping that its owner leaves behind is a leak
// (CONFIG_DMA_API_DEBUG says the same at unbind).
// Left out: contents, directions, ownership between dma_sync_*() calls, masks, scatter lists, bounce buffers, failure to map.
#pragma once

#include "unplug/model/kernel/hw/presence.hpp"
#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct DmaBuffer {
  Allocation* memory = nullptr;
  NameId name;
  LifetimeId mapping;
};
// Makes known a mapping of `memory` that some step will begin.
void init_dma_buffer(Kernel& kernel, DmaBuffer& b, Allocation& memory, NameId unique_name, NameId declared, LifetimeId owner);

// Begins memory and mapping; with GFP_KERNEL it may sleep.
void dma_alloc_coherent(Context& context, DmaBuffer& b, Gfp gfp = Gfp::kernel);
// Ends mapping and memory. With interrupts off: api-misuse.
void dma_free_coherent(Context& context, DmaBuffer& b);
// The memory is the driver's own. Unmapping touches it (cache maintenance): it has to be there still.
void dma_map_single(Context& context, DmaBuffer& b);
void dma_unmap_single(Context& context, DmaBuffer& b);

// What a device does DMA with. The rest of its registers are the scenario's.
struct DmaEngine {
  ObjectId object;  // word: bit 0 running, bit 1 a transfer is in flight, bits 16.. transfers left
  NameId name;
  Presence* device = nullptr;                   // null: always there
  bool pci = false;                             // needs bus mastering
  std::uint64_t transfers = 1;                  // after a start, it then stops by itself; part of the program
  const DmaBuffer* programmed = nullptr;        // what dma_doorbell() starts; set before the execution
  void (*finished)(Context&, void*) = nullptr;  // what the device does after each transfer: raise an interrupt
  void* argument = nullptr;
  const DmaBuffer* buffer = nullptr;  // touched in steps on `object` only
  Kernel* kernel = nullptr;
};
// Makes the engine's task, called `task_name`; the other members are set before. It must stay where it is until the execution has ended.
void init_dma_engine(Kernel& kernel, DmaEngine& e, NameId unique_name, NameId declared, NameId task_name);

// From here on the engine owns `b`; one that runs goes on with it. As a step of the device (dma_doorbell()), or of a driver whose write is
// not posted.
void dma_start(Context& context, DmaEngine& e, const DmaBuffer& b);
// No further transfer begins. Doesn't wait for the one in flight.
void dma_stop(Context& context, DmaEngine& e);
// Waits until no transfer is in flight; of an engine that runs it says nothing about the next.
void dma_wait_idle(Context& context, DmaEngine& e);
// An effect for a register (DeviceRegister::effect): 0 stops the engine that is the argument, all else starts what is programmed.
void dma_doorbell(Context& context, std::uint64_t value, void* engine);

// Whether it is the device that touches memory by that operation.
[[nodiscard]] bool is_dma(const Operation& operation);

}  // namespace unplug::model
