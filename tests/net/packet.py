# SPDX-License-Identifier: MIT
"""Frames made and read: Ethernet, ARP, IPv4, IPv6, ICMP, ND, UDP, TCP. Only what the tests need (RFC 826, 791, 8200, 4861, 768, 9293)."""
import socket
import struct
import time
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
NAMES = ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, "A"), (URG, "U"))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_bytes(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack(">BBH", 0, proto, length)
    return src + dst + struct.pack(">II", length, proto)


def ip_packet(src, dst, proto, payload, ttl=64, tos=0):
    src, dst = ip_bytes(src), ip_bytes(dst)
    if len(src) == 4:
        head = struct.pack(">BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 1, 0x4000, ttl, proto, 0, src, dst)
        return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload
    return struct.pack(">IHBB16s16s", 0x60000000 | tos << 20, len(payload), proto, ttl, src, dst) + payload


def options(mss=None, wscale=None, sack_ok=False, ts=None, sack=(), cookie=None, is_exp=False):
    """TCP options as bytes. ts: (value, echo); sack: [(start, end)]; cookie: of Fast Open (RFC 7413), b"" asks for one."""
    data = b""
    if mss:
        data += struct.pack(">BBH", 2, 4, mss)
    if wscale is not None:
        data += struct.pack(">BBBB", 1, 3, 3, wscale)
    if sack_ok:
        data += b"\x01\x01\x04\x02"
    if ts:
        data += struct.pack(">BBBBII", 1, 1, 8, 10, ts[0] & 0xffffffff, ts[1] & 0xffffffff)
    if sack:
        data += struct.pack(">BBBB", 1, 1, 5, 2 + 8 * len(sack))
        for start, end in sack:
            data += struct.pack(">II", start & 0xffffffff, end & 0xffffffff)
    if cookie is not None:
        data += struct.pack(">BBH", 254, 4 + len(cookie), 0xf989) + cookie if is_exp else struct.pack(">BB", 34, 2 + len(cookie)) + cookie
    return data + b"\0" * (-len(data) % 4)


class Body(bytes):
    """What an Ethernet header was in front of; `to`: its destination."""
    to = b""

    @classmethod
    def of(cls, frame):
        body = cls(frame[14:])
        body.to = frame[:6]
        return body


class Payload(bytes):
    """What an IP header was in front of."""
    tos = 0

    @classmethod
    def of(cls, data, tos):
        payload = cls(data)
        payload.tos = tos
        return payload


@dataclass
class Segment:
    """A TCP segment that was received."""
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    data: bytes
    mss: int = 0
    wscale: int = None
    sack_ok: bool = False
    ts: tuple = None
    sack: list = field(default_factory=list)
    cookie: bytes = None
    is_exp: bool = False
    tos: int = 0

    def __str__(self):
        flags = "".join(letter for bit, letter in NAMES if self.flags & bit)
        return f"{flags} seq {self.seq} ack {self.ack} win {self.window} len {len(self.data)}{f' sack {self.sack}' if self.sack else ''}"


def read_tcp(data):
    sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack_from(">HHIIBBHHH", data)
    header = (offset >> 4) * 4
    segment = Segment(sport, dport, seq, ack, flags, window, urgent, data[header:], tos=getattr(data, "tos", 0))
    option, at = data[20:header], 0
    while at < len(option) and option[at]:
        kind = option[at]
        size = 1 if kind == 1 else option[at + 1]
        body = option[at + 2:at + size]
        if kind == 2:
            segment.mss = struct.unpack(">H", body)[0]
        elif kind == 3:
            segment.wscale = body[0]
        elif kind == 4:
            segment.sack_ok = True
        elif kind == 5:
            segment.sack = [struct.unpack_from(">II", body, 8 * index) for index in range(len(body) // 8)]
        elif kind == 8:
            segment.ts = struct.unpack(">II", body)
        elif kind == 34:
            segment.cookie = body
        elif kind == 254 and body[:2] == b"\xf9\x89":
            segment.cookie, segment.is_exp = body[2:], True
        at += size
    return segment


def tcp_bytes(src, dst, sport, dport, seq, ack, flags, window, option=b"", data=b"", urgent=0):
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, (20 + len(option)) << 2, flags, window, 0, urgent) + option
    whole = head + data
    total = checksum(pseudo(ip_bytes(src), ip_bytes(dst), 6, len(whole)) + whole)
    return whole[:16] + struct.pack(">H", total) + whole[18:]


def udp_bytes(src, dst, sport, dport, data):
    head = struct.pack(">HHHH", sport, dport, 8 + len(data), 0)
    total = checksum(pseudo(ip_bytes(src), ip_bytes(dst), 17, 8 + len(data)) + head + data) or 0xffff
    return head[:6] + struct.pack(">H", total) + data


class Host:
    """A host of the driver's own on the link: answers ARP and ND for its addresses, hands over what else comes."""

    def __init__(self, end, addresses, mac=b"\x02\0\0\0\0\x01"):
        self.end, self.mac, self.addresses = end, mac, addresses
        self.macs, self.watched = {}, None

    def transmit(self, mac, kind, payload):
        self.end.send(mac + self.mac + struct.pack(">H", kind) + payload)

    def send_ip(self, src, dst, proto, payload, **more):
        packet = ip_packet(src, dst, proto, payload, **more)
        self.transmit(self.macs.get(dst, b"\xff" * 6), 0x86dd if ":" in dst else 0x0800, packet)

    def resolve(self, src, dst):
        """Ask for the neighbour's address, once."""
        if ":" in dst:
            target = ip_bytes(dst)
            group = b"\xff\x02" + b"\0" * 9 + b"\x01\xff" + target[13:]
            body = struct.pack(">BBHI", 135, 0, 0, 0) + target + b"\x01\x01" + self.mac
            self.icmp6(src, socket.inet_ntop(socket.AF_INET6, group), body, b"\x33\x33" + group[12:])
        else:
            self.transmit(b"\xff" * 6, 0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, self.mac, ip_bytes(src), b"\0" * 6, ip_bytes(dst)))

    def icmp6(self, src, dst, body, mac):
        total = checksum(pseudo(ip_bytes(src), ip_bytes(dst), 58, len(body)) + body)
        self.transmit(mac, 0x86dd, ip_packet(src, dst, 58, body[:2] + struct.pack(">H", total) + body[4:], ttl=255))

    def poll(self, seconds):
        """[(proto, src, dst, payload)] of the IP packets to us that came; neighbour discovery is dealt with here."""
        frames = self.end.exchange(seconds) if hasattr(self.end, "exchange") else self.exchange(seconds)
        if frames is None:
            raise AssertionError("the machine has gone")
        if self.watched is not None:
            self.watched += frames
        return [packet for packet in map(self.read, frames) if packet]

    def watch(self, wanted, seconds):
        """The first frame that comes, of any kind, for which wanted(kind, body) is not None; what it returned."""
        end = time.monotonic() + seconds
        self.watched = []
        try:
            while (left := end - time.monotonic()) > 0:
                self.poll(left)
                for frame in self.watched:
                    found = wanted(struct.unpack_from(">H", frame, 12)[0], Body.of(frame))
                    if found is not None:
                        return found
                self.watched.clear()
            return None
        finally:
            self.watched = None

    def exchange(self, seconds):
        import select
        return self.end.receive() if select.select([self.end], [], [], max(seconds, 0))[0] else []

    def read(self, frame):
        kind, body = struct.unpack_from(">H", frame, 12)[0], frame[14:]
        if kind == 0x0806 and len(body) >= 28:
            operation, mac, sender, target = struct.unpack_from(">H", body, 6)[0], body[8:14], body[14:18], body[24:28]
            ours = socket.inet_ntop(socket.AF_INET, target)
            if ours in self.addresses:
                self.macs[socket.inet_ntop(socket.AF_INET, sender)] = mac
                if operation == 1:
                    self.transmit(mac, 0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, self.mac, target, mac, sender))
        elif kind == 0x0800 and len(body) >= 20 and body[0] == 0x45:
            size = struct.unpack_from(">H", body, 2)[0]
            src, dst = (socket.inet_ntop(socket.AF_INET, body[at:at + 4]) for at in (12, 16))
            if dst in self.addresses:
                return body[9], src, dst, Payload.of(body[20:size], body[1])
        elif kind == 0x86dd and len(body) >= 40:
            size = struct.unpack_from(">H", body, 4)[0]
            src, dst = (socket.inet_ntop(socket.AF_INET6, body[at:at + 16]) for at in (8, 24))
            payload = body[40:40 + size]
            if body[6] == 58 and payload and payload[0] in (135, 136):
                self.neighbour(frame[6:12], src, payload)
            elif dst in self.addresses:
                return body[6], src, dst, Payload.of(payload, (body[0] & 15) << 4 | body[1] >> 4)
        return None

    def neighbour(self, mac, src, payload):
        target = socket.inet_ntop(socket.AF_INET6, payload[8:24])
        if payload[0] == 136:
            self.macs[target] = mac
        elif target in self.addresses and src != "::":
            self.macs[src] = mac
            self.icmp6(target, src, struct.pack(">BBHI", 136, 0, 0, 0x60000000) + payload[8:24] + b"\x02\x01" + self.mac, mac)
