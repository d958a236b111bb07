// Shooting down waits at removal: whatever an operation may sleep on is woken with an error, so that a fence around operations becomes
// bounded. It must come before the fence.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class ShootDown final : public Quiesce {
 public:
  void quiesce(Context& context, Binding&, Sources& sources) override {
    for (Waiter* w : sources.waiters) shoot_down(context, *w);
  }
};

}  // namespace

std::unique_ptr<Quiesce> make_shoot_down() { return std::make_unique<ShootDown>(); }

}  // namespace unplug::model
