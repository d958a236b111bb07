// Entry guard `srcu`: a per-device SRCU section around every file operation, as RDMA uverbs has it.
//
// drivers/infiniband/core/uverbs_main.c and uverbs_uapi.c (uverbs_disassociate_api_pre), v6.18: an entry takes the section first and loads
// the device pointer inside it; removal clears the pointer, then synchronize_srcu(). Entries from then on see NULL and are refused.
#include "unplug/model/kernel/rcu/srcu.hpp"
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

const Operation load_op{.name = "entry: load device pointer", .sync = sim::Sync::acquire, .marked = true},
    clear_op{.name = "fence: clear device pointer", .sync = sim::Sync::release, .marked = true};

class SrcuEntryGuard final : public EntryGuard {
 public:
  void init(Kernel& kernel, NameId unique_name) override {
    static const StaticName srcu{"disassociate_srcu"};
    static constexpr std::string_view domain = "srcu", pointer = "device_pointer";
    sim::NameTable& names = kernel.engine().names();
    init_srcu(kernel, srcu_, names.child(unique_name, domain, 1), kernel.intern(srcu), {});
    device_ = kernel.engine().new_object(names.child(unique_name, pointer, 1), 1);
  }
  bool enter(Context& context, Token& token) override {
    token = srcu_read_lock(context, srcu_);
    if (context.read(load_op, device_, {}) != 0) return true;
    srcu_read_unlock(context, srcu_, token);
    return false;
  }
  void exit(Context& context, Token token) override { srcu_read_unlock(context, srcu_, token); }
  void fence(Context& context) override {
    context.write(clear_op, device_, {}, [](std::uint64_t& word) { word = 0; });
    synchronize_srcu(context, srcu_);
  }

 private:
  Srcu srcu_;
  ObjectId device_;
};

}  // namespace

std::unique_ptr<EntryGuard> make_srcu_entry_guard() { return std::make_unique<SrcuEntryGuard>(); }

}  // namespace unplug::model
