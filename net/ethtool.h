/* SPDX-License-Identifier: MIT
 *
 * SIOCETHTOOL: what ethtool(8) asks about a device. Nothing can be changed.
 */
#pragma once

/* arg: the application's struct ifreq, whose data points to a command. 0, -EFAULT, -ENODEV, -EOPNOTSUPP. Context: thread. */
long ethtool_ioctl(unsigned long arg);
