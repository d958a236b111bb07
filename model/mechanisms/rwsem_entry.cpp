// Entry guard `rwsem`: operations hold a rwsem for reading, removal takes it for writing and clears the ops pointer, as TPM does.
//
// drivers/char/tpm/tpm-chip.c (tpm_try_get_ops, tpm_del_char_device), v6.18. A waiting writer keeps new readers out, so an operation that
// enters twice can deadlock.
#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/model/mechanisms/makers.hpp"

namespace unplug::model {
namespace {

// Read and cleared under the rwsem, so neither can take part in a data race.
const Operation load_op{.name = "entry: load ops pointer"}, clear_op{.name = "fence: clear ops pointer"};

class RwsemEntryGuard final : public EntryGuard {
 public:
  void init(Kernel& kernel, NameId unique_name) override {
    static const StaticName sem{"ops_sem"};
    static constexpr std::string_view lock = "ops_sem", pointer = "ops_pointer";
    sim::NameTable& names = kernel.engine().names();
    init_rwsem(kernel, sem_, names.child(unique_name, lock, 1), kernel.intern(sem), {});
    ops_ = kernel.engine().new_object(names.child(unique_name, pointer, 1), 1);
  }
  bool enter(Context& context, Token&) override {
    down_read(context, sem_);
    if (context.read(load_op, ops_, {}) != 0) return true;
    up_read(context, sem_);
    return false;
  }
  void exit(Context& context, Token) override { up_read(context, sem_); }
  void fence(Context& context) override {
    down_write(context, sem_);
    context.write(clear_op, ops_, {}, [](std::uint64_t& word) { word = 0; });
    up_write(context, sem_);
  }

 private:
  Rwsem sem_;
  ObjectId ops_;
};

}  // namespace

std::unique_ptr<EntryGuard> make_rwsem_entry_guard() { return std::make_unique<RwsemEntryGuard>(); }

}  // namespace unplug::model
