#include "unplug/model/kernel/bus/pci.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

using namespace presence_word;

const Operation enable_op{.name = "pci_enable_device"}, disable_op{.name = "pci_disable_device"},
    disable_master_op{.name = "pci_disable_device: clear bus master"}, set_master_op{.name = "pci_set_master"},
    clear_master_op{.name = "pci_clear_master"}, power_op{.name = "pci_set_power_state"}, reset_op{.name = "pci_reset_function: reset"},
    restore_op{.name = "pci_reset_function: restore"}, set_disconnected_op{.name = "pci_dev_set_disconnected"},
    disconnected_op{.name = "pci_dev_is_disconnected"};

void write_master(Context& context, PciDevice& p, const Operation& operation, bool on) {
  context.write(operation, p.device->object, {}, [on](std::uint64_t& word) {
    if (answers(word)) word = on ? word | bus_master : word & ~bus_master;
  });
}

}  // namespace

void init_pci_device(Kernel& kernel, PciDevice& p, Presence& device, NameId unique_name, NameId declared) {
  static constexpr std::string_view enable_cnt = "enable_cnt", error_state = "error_state";
  sim::NameTable& names = kernel.engine().names();
  p.device = &device;
  p.enabled = kernel.engine().new_object(names.child(unique_name, enable_cnt, 1), 0);
  p.disconnected = kernel.engine().new_object(names.child(unique_name, error_state, 1), 0);
  p.name = declared;
  p.bars.clear();
}

void pci_enable_device(Context& context, PciDevice& p) {
  context.write(enable_op, p.enabled, {}, [](std::uint64_t& word) { ++word; });
}

void pci_disable_device(Context& context, PciDevice& p) {
  const bool last = context.write(disable_op, p.enabled, {}, [&](std::uint64_t& word) {
    if (word == 0) {
      context.kernel().report(ViolationClass::api_misuse, p.name,
                              fmt::format("pci_disable_device('{}') that is already disabled", context.kernel().text(p.name)));
      return false;
    }
    return --word == 0;
  });
  if (last && !context.aborting()) write_master(context, p, disable_master_op, false);
}

void pci_set_master(Context& context, PciDevice& p) { write_master(context, p, set_master_op, true); }

void pci_clear_master(Context& context, PciDevice& p) { write_master(context, p, clear_master_op, false); }

void pci_set_power_state(Context& context, PciDevice& p, PciPower state) {
  context.might_sleep("pci_set_power_state");
  context.write(power_op, p.device->object, {}, [&](std::uint64_t& word) {
    if ((word & there) == 0) return;
    if (state == PciPower::d0) {
      word &= ~no_power;
    } else {
      word |= no_power;
      lose_state(*p.device, word);
    }
  });
}

void pci_reset_function(Context& context, PciDevice& p) {
  context.might_sleep("pci_reset_function");
  const bool master = context.write(reset_op, p.device->object, {}, [&](std::uint64_t& word) {
    const bool was = (word & bus_master) != 0;
    if ((word & there) == 0) return was;
    word |= no_power;
    lose_state(*p.device, word);
    return was;
  });
  if (context.aborting()) return;
  context.write(restore_op, p.device->object, {}, [&](std::uint64_t& word) {
    if ((word & there) == 0) return;
    word &= ~no_power;
    if (master) word |= bus_master;
  });
}

bool pci_request_regions(Context& context, PciDevice& p) {
  for (std::size_t i = 0; i < p.bars.size(); ++i) {
    if (request_mem_region(context, *p.bars[i])) continue;
    while (i-- > 0 && !context.aborting()) release_mem_region(context, *p.bars[i]);
    return false;
  }
  return true;
}

void pci_release_regions(Context& context, PciDevice& p) {
  for (Mapping* m : p.bars)
    if (!context.aborting()) release_mem_region(context, *m);
}

void pci_iomap(Context& context, PciDevice& p, std::size_t bar) { ioremap(context, *p.bars[bar]); }

void pci_iounmap(Context& context, PciDevice& p, std::size_t bar) { iounmap(context, *p.bars[bar]); }

void pci_dev_set_disconnected(Context& context, PciDevice& p) {
  context.write(set_disconnected_op, p.disconnected, {}, [](std::uint64_t& word) { word = 1; });
}

bool pci_dev_is_disconnected(Context& context, const PciDevice& p) { return context.read(disconnected_op, p.disconnected, {}) != 0; }

}  // namespace unplug::model
