/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX: socket pairs, stream, datagram and seqpacket, names in the file system
 * and abstract ones, passing descriptors and credentials, shutdown, poll, errors.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static void test_pair(void)
{
	int s[2], value;
	char buffer[64] = "";
	socklen_t len = sizeof(value);
	struct stat st;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) == 0);
	check("flags", (fcntl(s[0], F_GETFL) & O_NONBLOCK) && fcntl(s[0], F_GETFD) == FD_CLOEXEC);
	check("it is a socket", fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode));
	check_errno("empty", read(s[0], buffer, 1), EAGAIN);
	check("both ways", write(s[0], "ab", 2) == 2 && write(s[1], "cde", 3) == 3 && read(s[1], buffer, 64) == 2 &&
				   read(s[0], buffer, 64) == 3);
	check("SO_TYPE", getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &len) == 0 && value == SOCK_STREAM);
	check("SO_DOMAIN", getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &len) == 0 && value == AF_UNIX);
	check("SO_ERROR", getsockopt(s[0], SOL_SOCKET, SO_ERROR, &value, &len) == 0 && value == 0);
	check("MSG_PEEK", write(s[0], "peek", 4) == 4 && recv(s[1], buffer, 64, MSG_PEEK) == 4 && recv(s[1], buffer, 2, 0) == 2 &&
				  recv(s[1], buffer, 64, 0) == 2);
	check("FIONREAD", write(s[0], "12345", 5) == 5 && ioctl(s[1], FIONREAD, &value) == 0 && value == 5 && read(s[1], buffer, 64) == 5);
	check_errno("seek", lseek(s[0], 0, SEEK_CUR), ESPIPE);
	check("shutdown of writing", shutdown(s[0], SHUT_WR) == 0 && read(s[1], buffer, 1) == 0);
	signal(SIGPIPE, SIG_IGN);
	check_errno("then writing is EPIPE", write(s[0], "x", 1), EPIPE);
	check("the other way works on", write(s[1], "y", 1) == 1 && read(s[0], buffer, 1) == 1);
	struct pollfd p = { s[1], POLLIN | POLLRDHUP, 0 };
	check("POLLRDHUP", poll(&p, 1, 0) == 1 && (p.revents & POLLRDHUP));
	close(s[0]);
	check("peer closed: POLLHUP", poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
	check_errno("and EPIPE", send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(s[1]);
	check_errno("unknown type", socketpair(AF_UNIX, 77, 0, s), EINVAL);
	check_errno("unknown family", socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	check_errno("unknown protocol", socket(AF_UNIX, SOCK_STREAM, 99), EPROTONOSUPPORT);
	check_errno("a pair of another family", socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);

	need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	check("packets keep their borders", write(s[0], "one", 3) == 3 && write(s[0], "three", 5) == 5 && read(s[1], buffer, 64) == 3 &&
						    read(s[1], buffer, 2) == 2);
	check("the rest of a packet is lost", write(s[0], "next", 4) == 4 && read(s[1], buffer, 64) == 4 && memcmp(buffer, "next", 4) == 0);
	close(s[0]);
	check("end of file", read(s[1], buffer, 64) == 0);
	close(s[1]);
}

static void test_descriptors(void)
{
	int s[2], p[2], received[2] = { -1, -1 };
	char byte = 'x', control[CMSG_SPACE(sizeof(received)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(p)) };

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	memset(control, 0, sizeof(control));
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(p));
	memcpy(CMSG_DATA(c), p, sizeof(p));
	check("descriptors are sent", sendmsg(s[0], &message, 0) == 1);
	close(p[0]);
	close(p[1]);
	memset(control, 0, sizeof(control));
	message.msg_controllen = sizeof(control);
	check("and received", recvmsg(s[1], &message, MSG_CMSG_CLOEXEC) == 1 && message.msg_controllen == CMSG_SPACE(sizeof(received)));
	c = CMSG_FIRSTHDR(&message);
	need(c != NULL && c->cmsg_type == SCM_RIGHTS);
	memcpy(received, CMSG_DATA(c), sizeof(received));
	char back = 0;
	check("they work", write(received[1], "z", 1) == 1 && read(received[0], &back, 1) == 1 && back == 'z');
	check("MSG_CMSG_CLOEXEC", fcntl(received[0], F_GETFD) == FD_CLOEXEC);
	close(received[0]);
	close(received[1]);

	int on = 1;
	setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	need(write(s[0], "c", 1) == 1);
	message.msg_controllen = sizeof(control);
	check("credentials", recvmsg(s[1], &message, 0) == 1 && (c = CMSG_FIRSTHDR(&message)) != NULL && c->cmsg_type == SCM_CREDENTIALS);
	struct ucred cred;
	socklen_t len = sizeof(cred);
	check("SO_PEERCRED", getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid == getpid() && cred.uid == getuid());
	close(s[0]);
	close(s[1]);
}

static void *connect_and_talk(void *argument)
{
	struct sockaddr_un *address = argument;
	char buffer[16] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	need(connect(fd, (struct sockaddr *)address, sizeof(*address)) == 0);
	need(write(fd, "hello", 5) == 5);
	need(read(fd, buffer, 16) == 5);
	close(fd);
	return (void *)(long)(memcmp(buffer, "HELLO", 5) == 0);
}

static void test_names(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/socket" }, other;
	socklen_t len = sizeof(other);
	pthread_t thread;
	char buffer[16] = "";
	void *result;
	struct stat st;

	mkdir("/tmp", 01777);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	check_errno("connect to nothing", connect(client, (struct sockaddr *)&address, sizeof(address)), ENOENT);
	check("bind", bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && stat("/tmp/socket", &st) == 0 && S_ISSOCK(st.st_mode));
	other = (struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "/tmp/socket2" };
	check_errno("bind again", bind(fd, (struct sockaddr *)&other, sizeof(other)), EINVAL);
	check("no second name was made", access("/tmp/socket2", F_OK) != 0);
	check_errno("bind another there", bind(client, (struct sockaddr *)&address, sizeof(address)), EADDRINUSE);
	check_errno("connect without listen", connect(client, (struct sockaddr *)&address, sizeof(address)), ECONNREFUSED);
	check_errno("open of a socket file", open("/tmp/socket", O_RDWR), ENXIO);
	check("listen", listen(fd, 2) == 0);
	check("getsockname", getsockname(fd, (struct sockaddr *)&other, &len) == 0 && strcmp(other.sun_path, "/tmp/socket") == 0);
	need(pthread_create(&thread, NULL, connect_and_talk, &address) == 0);
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	check("accept", peer >= 0 && read(peer, buffer, 16) == 5 && strcmp(buffer, "hello") == 0 && write(peer, "HELLO", 5) == 5);
	pthread_join(thread, &result);
	check("the client has its answer", result == (void *)1);
	check("and is gone", read(peer, buffer, 16) == 0);
	close(peer);
	close(fd);
	check_errno("connect after close", connect(client, (struct sockaddr *)&address, sizeof(address)), ECONNREFUSED);
	unlink("/tmp/socket");

	struct sockaddr_un abstract = { .sun_family = AF_UNIX };
	memcpy(abstract.sun_path, "\0abstract", 9);
	socklen_t abstract_len = offsetof(struct sockaddr_un, sun_path) + 9;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	check("abstract names", bind(fd, (struct sockaddr *)&abstract, abstract_len) == 0);
	check("datagrams", sendto(sender, "one", 3, 0, (struct sockaddr *)&abstract, abstract_len) == 3 &&
				   sendto(sender, "", 0, 0, (struct sockaddr *)&abstract, abstract_len) == 0 && recv(fd, buffer, 16, 0) == 3 &&
				   recv(fd, buffer, 16, 0) == 0);
	check("autobind", bind(sender, (struct sockaddr *)&abstract, sizeof(sa_family_t)) == 0);
	check("connected datagrams", connect(sender, (struct sockaddr *)&abstract, abstract_len) == 0 && send(sender, "x", 1, 0) == 1 &&
					     recv(fd, buffer, 16, MSG_DONTWAIT) == 1);
	check_errno("none left", recv(fd, buffer, 16, MSG_DONTWAIT), EAGAIN);
	close(fd);
	close(sender);
	close(client);
}

int main(void)
{
	test_pair();
	test_descriptors();
	test_names();
	return test_end();
}
