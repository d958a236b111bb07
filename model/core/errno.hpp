// What kernel functions return in failure (include/uapi/asm-generic/errno*.h; -ERESTARTSYS from include/linux/errno.h).
#pragma once

namespace unplug::model {

inline constexpr int eperm = -1;
inline constexpr int enoent = -2;
inline constexpr int eintr = -4;
inline constexpr int eio = -5;
inline constexpr int enxio = -6;
inline constexpr int ebadf = -9;
inline constexpr int enomem = -12;
inline constexpr int eacces = -13;
inline constexpr int ebusy = -16;
inline constexpr int eexist = -17;
inline constexpr int enodev = -19;
inline constexpr int einval = -22;
inline constexpr int enotty = -25;
inline constexpr int enospc = -28;
inline constexpr int eidrm = -43;
inline constexpr int etime = -62;
inline constexpr int econnreset = -104;
inline constexpr int eshutdown = -108;
inline constexpr int einprogress = -115;
inline constexpr int erestartsys = -512;

}  // namespace unplug::model
