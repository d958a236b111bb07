// Ways to quiesce work items in remove(): cancel_work_sync (an item queued right after it returns runs all the same), disable_work_sync
// (keeps refusing), flush_work (waits, forbids nothing). kernel/workqueue.c, v6.18.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class CancelWork final : public Quiesce {
 public:
  void quiesce(Context& context, Binding&, Sources& sources) override {
    for (Work* w : sources.works) cancel_work_sync(context, *w);
  }
};

class DisableWork final : public Quiesce {
 public:
  void quiesce(Context& context, Binding&, Sources& sources) override {
    for (Work* w : sources.works) disable_work_sync(context, *w);
  }
};

class FlushWork final : public Quiesce {
 public:
  void quiesce(Context& context, Binding&, Sources& sources) override {
    for (Work* w : sources.works) flush_work(context, *w);
  }
};

}  // namespace

std::unique_ptr<Quiesce> make_cancel_work() { return std::make_unique<CancelWork>(); }
std::unique_ptr<Quiesce> make_disable_work() { return std::make_unique<DisableWork>(); }
std::unique_ptr<Quiesce> make_flush_work() { return std::make_unique<FlushWork>(); }

}  // namespace unplug::model
