// Module pin `fd-refcount`: fops.owner = THIS_MODULE. Every open file holds a reference on the driver's module (fs/char_dev.c,
// chrdev_open, v6.18), which keeps its text and refuses rmmod; it keeps no hardware resource and no binding alive.
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

class FdRefcount final : public ModulePin {
 public:
  Module* pinned(Module& driver) override { return &driver; }
};

}  // namespace

std::unique_ptr<ModulePin> make_fd_refcount() { return std::make_unique<FdRefcount>(); }

}  // namespace unplug::model
