/* SPDX-License-Identifier: MIT
 *
 * Input of serial ports towards fs/tty.h: what the port has no room for stays in u->pending.
 *
 * Who may touch pending: the interrupt thread, until it hands it over by UART_FLOWS -> UART_FULL; then unthrottle(), which takes it by
 * UART_FULL -> UART_UNTHROTTLED. An unthrottle() between the port's refusal and the hand-over leaves its mark, and the thread tries again.
 */
#include "boards/uart.h"

#include "libc/atomic.h"

bool uart_offer(struct uart *u)
{
	for (;;) {
		uint32_t expected = UART_FLOWS;

		atomic_store(&u->throttle, UART_FLOWS, RELAXED);
		u->pending_pos += (unsigned)console_port_input(&u->port, u->pending + u->pending_pos,
							       u->pending_len - u->pending_pos);
		if (u->pending_pos == u->pending_len)
			return true;
		/* release: pending before who takes it over. Pairs: uart_unthrottle */
		if (atomic_cas(&u->throttle, &expected, UART_FULL, RELEASE))
			return false;
	}
}

bool uart_unthrottle(struct uart *u)
{
	/* acquire: pending as the interrupt thread left it. Pairs: uart_offer */
	return atomic_exchange(&u->throttle, UART_UNTHROTTLED, ACQUIRE) == UART_FULL && uart_offer(u);
}
