// debugfs files and procfs entries, from the driver's side.
#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto debugfs = EntityKind::debugfs, proc = EntityKind::proc;

void lay_out_debugfs(model::DebugfsFile& d, const ThingSetup& s) {
  World::fill(d.real, s.binding, s.world.program().fops[s.spec.number("fops")], nullptr);
  model::init_debugfs_file(s.kernel, d, s.unique, s.declared, s.binding.binding.life);
}

void lay_out_proc(model::ProcEntry& e, const ThingSetup& s) {
  World::fill(e.real, s.binding, s.world.program().fops[s.spec.number("fops")], nullptr);
  e.real.owner = nullptr;  // struct proc_ops has none
  model::init_proc_entry(s.kernel, e, s.unique, s.declared, s.binding.binding.life);
}

constexpr VerbFamily debugfs_family{debugfs, "directories, cancellations, the lazy allocation of the use count, files of a second binding"},
    proc_family{proc, "directories, permanent entries, lseek, mappings, entries of a second binding"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<debugfs>() { return things<debugfs>(lay_out_debugfs); }
template <> std::unique_ptr<ThingList> make_things<proc>() { return things<proc>(lay_out_proc); }

std::vector<Verb> debugfs_verbs() {
  constexpr std::string_view inode = "fs/debugfs/inode.c, v6.18", file = "fs/debugfs/file.c, v6.18", generic = "fs/proc/generic.c, v6.18";
  return {
      debugfs_family.declares("debugfs_create_file", on<debugfs, model::debugfs_create_file>, {fops_key}, inode,
                              "makes a file appear; each operation is protected against removal"),
      debugfs_family.declares("debugfs_create_file_unsafe", on<debugfs, model::debugfs_create_file_unsafe>, {fops_key}, inode,
                              "the same without protection: its operations take it themselves, or not at all"),
      debugfs_family.on_thing("debugfs_remove", on<debugfs, model::debugfs_remove>, {}, inode,
                              "takes the file away and waits for operations under way, not for descriptors; from its own, for ever"),
      debugfs_family.on_thing("debugfs_file_get", try_on<debugfs, model::debugfs_file_get>,
                              {{"to", KeyKind::to, false, "local that receives 1 or 0"},
                               {"else", KeyKind::otherwise, true, "where to go if the file is removed"}},
                              file, "holds removal of the file up"),
      debugfs_family.on_thing("debugfs_file_put", on<debugfs, model::debugfs_file_put>, {}, file, "lets it go on"),
      proc_family.declares("proc_create", on<proc, model::proc_create>, {fops_key}, generic,
                           "makes an entry appear; its fops are proc_ops"),
      proc_family.on_thing("proc_remove", on<proc, model::remove_proc_entry>, {}, generic,
                           "takes the entry away, waits for operations under way, and releases what is open"),
      alias("remove_proc_entry", "proc_remove"),
  };
}

}  // namespace unplug::scenarios
