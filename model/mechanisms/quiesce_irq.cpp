// Quiescing interrupts in remove(): devm_free_irq(), which takes the devres node off the list and then waits as free_irq() does. An
// interrupt that the driver has freed already is left alone. kernel/irq/devres.c and manage.c, v6.18.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class FreeIrq final : public Quiesce {
 public:
  void quiesce(Context& context, Binding& binding, Sources& sources) override {
    for (const Sources::Irq& irq : sources.irqs)
      if (devres_remove(context, binding, irq.action)) free_irq(context, *irq.line, *irq.action);
  }
};

}  // namespace

std::unique_ptr<Quiesce> make_free_irq() { return std::make_unique<FreeIrq>(); }

}  // namespace unplug::model
