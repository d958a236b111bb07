// PCI devices, as their drivers enable, disable and reset them.
//
// drivers/pci/pci.c, v6.18. pci_enable_device() counts; the last pci_disable_device() clears bus mastering and does nothing else: BARs stay
// mapped and the device goes on answering the CPU. What keeps a device from DMA is bus mastering; a transfer that has left the device by
// then still arrives. Writes to configuration space are not posted. In D3cold and in reset a device answers all ones, and loses what it
// held; pci_reset_function() restores the configuration, D0 after D3cold leaves that to the driver.
// pci_request_regions() claims all BARs or none; pci_iomap() is ioremap() and asks for no claim.
// pci_dev_is_disconnected() is what the hotplug driver has said, which comes after the device has gone.
// Left out: memory decoding (a device answers before it is enabled), bridges, the lock of pci_reset_function(), errors of
// pci_enable_device(), that a device which the driver leaves enabled stays so.
#pragma once

#include "unplug/model/kernel/hw/device_register.hpp"

namespace unplug::model {

struct PciDevice {
  Presence* device = nullptr;
  ObjectId enabled;       // word: enable_cnt
  ObjectId disconnected;  // word: 1 once error_state is pci_channel_io_perm_failure
  NameId name;
  std::vector<Mapping*> bars;  // in the order of the BARs; set after init_pci_device()
};
void init_pci_device(Kernel& kernel, PciDevice& p, Presence& device, NameId unique_name, NameId declared);

void pci_enable_device(Context& context, PciDevice& p);
// Of a device that isn't enabled: api-misuse, and nothing more.
void pci_disable_device(Context& context, PciDevice& p);
void pci_set_master(Context& context, PciDevice& p);
void pci_clear_master(Context& context, PciDevice& p);

enum class PciPower : std::uint8_t { d0, d3cold };
void pci_set_power_state(Context& context, PciDevice& p, PciPower state);
// May sleep. The device answers again when it returns, with its configuration as before.
void pci_reset_function(Context& context, PciDevice& p);

// false: one is claimed by someone else, none is claimed (-EBUSY).
bool pci_request_regions(Context& context, PciDevice& p);
void pci_release_regions(Context& context, PciDevice& p);
void pci_iomap(Context& context, PciDevice& p, std::size_t bar);
void pci_iounmap(Context& context, PciDevice& p, std::size_t bar);

// For the hotplug driver: pci_dev_set_disconnected().
void pci_dev_set_disconnected(Context& context, PciDevice& p);
[[nodiscard]] bool pci_dev_is_disconnected(Context& context, const PciDevice& p);

}  // namespace unplug::model
