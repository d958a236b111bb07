// The kernel's own functions that violations can be reported in, beside the driver's: what a scenario's expectations may name.
#pragma once

#include <array>
#include <string_view>

namespace unplug::model {

inline constexpr std::array<std::string_view, 13> kernel_functions{"__device_release_driver",
                                                                   "__fput",
                                                                   "__hrtimer_run_queues",
                                                                   "__run_timers",
                                                                   "delete_module",
                                                                   "devres_release_all",
                                                                   "driver_unregister",
                                                                   "init_module",
                                                                   "module exit",
                                                                   "process_one_work",
                                                                   "really_probe",
                                                                   "vfs_ioctl",
                                                                   "vfs_open"};

}  // namespace unplug::model
