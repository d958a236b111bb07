// The kernel's own functions that violations can be reported in, beside the driver's: what a scenario's expectations may name.
#pragma once

#include <array>
#include <string_view>

namespace unplug::model {

inline constexpr std::array<std::string_view, 29> kernel_functions{"__device_release_driver",
                                                                   "__fput",
                                                                   "__hrtimer_run_queues",
                                                                   "__run_timers",
                                                                   "delete_module",
                                                                   "device_add",
                                                                   "device_attach",
                                                                   "device_del",
                                                                   "device_links_unbind_consumers",
                                                                   "device_release",
                                                                   "devm_release_action",
                                                                   "devres_release_all",
                                                                   "devres_release_group",
                                                                   "driver_detach",
                                                                   "driver_for_each_device",
                                                                   "driver_register",
                                                                   "driver_unregister",
                                                                   "init_module",
                                                                   "module exit",
                                                                   "module_put_and_kthread_exit",
                                                                   "pci_stop_and_remove_bus_device",
                                                                   "pciehp_unconfigure_device",
                                                                   "process_one_work",
                                                                   "really_probe",
                                                                   "remove_store",
                                                                   "unbind_store",
                                                                   "usb_disconnect",
                                                                   "vfs_ioctl",
                                                                   "vfs_open"};

}  // namespace unplug::model
