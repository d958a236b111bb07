// rcu_barrier() in module exit: callbacks of call_rcu() run module text and hold no reference on it. kernel/rcu/tree.c, v6.18.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class Barrier final : public ExitBarrier {
 public:
  void at_exit(Context& context, Rcu& rcu) override { rcu_barrier(context, rcu); }
};

}  // namespace

std::unique_ptr<ExitBarrier> make_rcu_barrier() { return std::make_unique<Barrier>(); }

}  // namespace unplug::model
