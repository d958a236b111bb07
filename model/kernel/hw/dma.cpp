#include "unplug/model/kernel/hw/dma.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation alloc_op{.name = "dma_alloc_coherent"}, alloc_map_op{.name = "dma_alloc_coherent: map"},
    free_unmap_op{.name = "dma_free_coherent: unmap"}, free_op{.name = "dma_free_coherent"}, map_op{.name = "dma_map_single"},
    unmap_op{.name = "dma_unmap_single"};
const Operation start_op{.name = "DMA starts", .sync = sim::Sync::release}, stop_op{.name = "DMA stops"},
    take_op{.name = "DMA transfer begins", .sync = sim::Sync::acquire}, master_op{.name = "DMA: may the device master the bus"},
    transfer_op{.name = "DMA transfer"}, done_op{.name = "DMA transfer has landed", .sync = sim::Sync::release},
    idle_op{.name = "wait until DMA is idle", .sync = sim::Sync::acquire};

constexpr std::uint64_t running = 1, in_flight = 2, left_unit = 0x10000;

void engine(void* argument) {
  auto& e = *static_cast<DmaEngine*>(argument);
  Context context(*e.kernel, ContextKind::process);
  const TaskId me = context.engine().current();
  for (;;) {
    sim::Step s = context.make(take_op);
    s.access = {e.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(running, running);
    const DmaBuffer* buffer = nullptr;
    context.wait(s, {.what = "DMA engine", .object = e.name, .owner = Owner::driver, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   word = (word | in_flight) - left_unit;
                   if (word < left_unit) word &= ~running;
                   buffer = e.buffer;
                   context.kernel().hold(e.object, me);
                 });
    if (context.aborting()) return;
    bool allowed = true;
    if (e.device != nullptr) {
      const std::uint64_t word = context.read(master_op, e.device->object, {});
      allowed = presence_word::answers(word) && (!e.pci || (word & presence_word::bus_master) != 0);
      if (context.aborting()) return;
    }
    if (allowed) {
      s = context.make(transfer_op, buffer->mapping);
      s.uses.add(buffer->memory->life);
      context.engine().step(s);
    }
    context.write(done_op, e.object, {}, [&](std::uint64_t& word) {
      word &= allowed ? ~in_flight : std::uint64_t{0};  // a transfer that was refused ends it all
      context.kernel().unhold(e.object, me);
    });
    if (context.aborting()) return;
    if (allowed && e.finished != nullptr) e.finished(context, e.argument);
    if (context.aborting()) return;
  }
}

}  // namespace

void init_dma_buffer(Kernel& kernel, DmaBuffer& b, Allocation& memory, NameId unique_name, NameId declared, LifetimeId owner) {
  b = {&memory, declared, kernel.new_lifetime(unique_name, LifetimeKind::dma, declared, owner, false)};
}

void dma_alloc_coherent(Context& context, DmaBuffer& b, Gfp gfp) {
  if (gfp == Gfp::kernel) context.might_sleep("dma_alloc_coherent(GFP_KERNEL)");
  sim::Step s = context.make(alloc_op);
  s.begins = b.memory->life;
  context.engine().step(s);
  if (!context.aborting()) fill_again(context, *b.memory);
  if (context.aborting()) return;
  s = context.make(alloc_map_op, b.memory->life);
  s.begins = b.mapping;
  context.engine().step(s);
}

void dma_free_coherent(Context& context, DmaBuffer& b) {
  const bool off = std::ranges::any_of(context.spinlocks, [](const auto& s) { return s.second == SpinlockOff::interrupts; });
  if (off || context.kind() == ContextKind::hardirq)
    context.kernel().report(ViolationClass::api_misuse, b.name,
                            fmt::format("dma_free_coherent('{}') with interrupts off", context.kernel().text(b.name)), Shown::next);
  sim::Step s = context.make(free_unmap_op);
  s.ends = b.mapping;
  context.engine().step(s);
  if (context.aborting()) return;
  s = context.make(free_op);
  s.ends = b.memory->life;
  context.engine().step(s);
}

void dma_map_single(Context& context, DmaBuffer& b) {
  sim::Step s = context.make(map_op, b.memory->life);
  s.begins = b.mapping;
  context.engine().step(s);
}

void dma_unmap_single(Context& context, DmaBuffer& b) {
  sim::Step s = context.make(unmap_op, b.memory->life);
  s.ends = b.mapping;
  context.engine().step(s);
}

void init_dma_engine(Kernel& kernel, DmaEngine& e, NameId unique_name, NameId declared, NameId task_name) {
  static const StaticName role{"DMA engine"};
  e.object = kernel.engine().new_object(unique_name, 0);
  e.name = declared;
  e.buffer = nullptr;
  e.kernel = &kernel;
  kernel.spawn(task_name, kernel.intern(role), engine, &e, true);
}

void dma_start(Context& context, DmaEngine& e, const DmaBuffer& b) {
  context.write(start_op, e.object, {}, [&](std::uint64_t& word) {
    e.buffer = &b;
    word = (word & in_flight) | running | e.transfers * left_unit;
  });
}

void dma_stop(Context& context, DmaEngine& e) {
  context.write(stop_op, e.object, {}, [](std::uint64_t& word) { word &= in_flight; });
}

void dma_wait_idle(Context& context, DmaEngine& e) {
  sim::Step s = context.make(idle_op);
  s.access = {e.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, in_flight);
  context.wait(s, {"DMA idle", e.name, Owner::hardware}, [](std::uint64_t&) {});
}

void dma_doorbell(Context& context, std::uint64_t value, void* engine) {
  auto& e = *static_cast<DmaEngine*>(engine);
  if (value == 0) {
    dma_stop(context, e);
  } else {
    dma_start(context, e, *e.programmed);
  }
}

bool is_dma(const Operation& operation) { return &operation == &transfer_op; }

}  // namespace unplug::model
