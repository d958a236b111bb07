// A driver in C++ on the modelled kernel, as a project of its own: a timer that an interrupt arms, and two ways to take both down.
//
// remove() that stops the timer before it frees the interrupt is wrong: the interrupt arms the timer again, and the timer function then
// reads registers that are unmapped. Every interleaving of each is visited; the program ends with 0 if the wrong one is found and the right
// one is clean.
#include <cstdio>

#include "unplug/model/experiment.hpp"
#include "unplug/model/kernel/hw/mmio.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/model/kernel/irq/timer.hpp"
#include "unplug/model/kernel/lib/memory.hpp"

using namespace unplug::model;

namespace {

class Card {
 public:
  explicit Card(bool interrupt_first) : interrupt_first_(interrupt_first) {}

  Experiment experiment{[this](Experiment& e) { lay_out(e); }};

 private:
  // Before each execution: the objects, then the tasks. What the driver's functions share lives in the model, never in plain members.
  void lay_out(Experiment& e) {
    Kernel& k = e.kernel;
    init_allocation(k, priv_, e.name("priv"), e.name("priv"), {}, false);
    add_field(k, priv_, e.name("ticks"), 0);
    init_region(k, region_, e.name("bar0 region"), e.name("bar0"));
    init_mapping(k, bar0_, region_, e.name("bar0"), e.name("bar0"), {});

    timer_.function = Experiment::Call<void>::run;
    timer_.argument = e.keep<void>([this](Context& c) { tick(c); });
    init_timer(k, timer_, e.name("priv.timer"), e.name("priv.timer"), priv_.life, e.name("card_tick"));

    init_irq_line(k, line_, e.name("irq line"), e.name("irq"));
    action_.handler = Experiment::Call<void>::run;
    action_.argument = e.keep<void>([this](Context& c) { interrupt(c); });
    init_irq_action(k, line_, action_, e.name("irq"), {});

    e.task(
        "hardware", [this](Context& c) { raise_irq(c.kernel(), line_); }, ContextKind::process, true);
    e.remover("driver", [this](Context& c) {
      probe(c);
      remove(c);
    });
  }

  void probe(Context& c) {
    kzalloc(c, priv_);
    request_mem_region(c, bar0_);
    ioremap(c, bar0_);
    request_irq(c, line_, action_);  // the handler may run from here on
  }
  void interrupt(Context& c) {
    readl(c, bar0_, {});
    mod_timer(c, timer_, 1'000'000);
  }
  void tick(Context& c) {
    readl(c, bar0_, {});
    store(c, priv_, priv_.field(c.kernel().intern("ticks")), 1, MemoryOrder::once);
  }
  void remove(Context& c) {
    if (interrupt_first_) free_irq(c, line_, action_);
    timer_delete_sync(c, timer_);
    if (!interrupt_first_) free_irq(c, line_, action_);
    iounmap(c, bar0_);
    release_mem_region(c, bar0_);
    kfree(c, priv_);
  }

  bool interrupt_first_;
  Allocation priv_;
  Region region_;
  Mapping bar0_;
  Timer timer_;
  IrqLine line_;
  IrqAction action_;
};

}  // namespace

int main() {
  Card wrong(false), right(true);
  const Findings of_wrong = explore(wrong.experiment), of_right = explore(right.experiment);
  std::printf("timer first: %sinterrupt first: %s", describe(of_wrong).c_str(), describe(of_right).c_str());
  const bool found = of_wrong.find(ViolationClass::use_after_unmap, "bar0", "card_tick") != nullptr;
  return found && of_right.exhaustive && of_right.list.empty() ? 0 : 1;
}
