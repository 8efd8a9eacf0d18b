/* SPDX-License-Identifier: MIT
 *
 * SIOCETHTOOL: what ethtool(8) asks about a device. Only TSO can be switched off and on.
 */
#pragma once

/* arg: the application's struct ifreq, whose data points to a command. 0, -EFAULT, -ENODEV, -EPERM, -EOPNOTSUPP. Context: thread. */
long ethtool_ioctl(unsigned long arg);
