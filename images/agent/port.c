/* The worker for a port: connects to it inside the sandbox, and carries bytes both ways until both have ended. */
#include "agent.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_US = 5000000, LANE_SIZE = 131072 };

struct lane {
    int from, to;
    size_t start, end;
    bool read_all, done;
    unsigned char bytes[LANE_SIZE];
};

static struct lane lanes[2];

/* 0, or errno. */
static int await_connection(int fd, int64_t until)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0, got;
    socklen_t size = sizeof error;
    do {
        int64_t rest = (until - now_us() + 999) / 1000;
        got = poll(&wait, 1, rest > 0 ? (int)rest : 0);
    } while (got < 0 && errno == EINTR);
    if (got == 0)
        return ETIMEDOUT;
    return got < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? errno : error;
}

static int connect_to(const struct sockaddr *address, socklen_t size, int64_t until, int *error)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    *error = 0;
    if (fd < 0 || connect(fd, address, size))
        *error = errno;
    if (fd >= 0 && *error == EINPROGRESS)
        *error = await_connection(fd, until);
    if (fd >= 0 && *error) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* 127.0.0.1, then ::1. When neither answers, what the first one said is told. */
static int connect_to_port(unsigned port, int *error)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_loopback};
    int64_t until = now_us() + CONNECT_US;
    int second;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = connect_to((const struct sockaddr *)&four, sizeof four, until, error);
    if (fd >= 0)
        return fd;
    return connect_to((const struct sockaddr *)&six, sizeof six, until, &second);
}

static bool is_transient(void) { return errno == EAGAIN || errno == EINTR; }

/* Reads what there is, or notes the end of this direction. */
static void fill(struct lane *l)
{
    ssize_t got = recv(l->from, l->bytes, sizeof l->bytes, 0);
    l->start = l->end = 0;
    if (got > 0)
        l->end = (size_t)got;
    else
        l->read_all = got == 0 || !is_transient();
}

/* A target that takes no more ends the direction: what its peer still says goes on in the other one. */
static void drain(struct lane *l)
{
    ssize_t n = send(l->to, l->bytes + l->start, l->end - l->start, MSG_NOSIGNAL);
    if (n >= 0)
        l->start += (size_t)n;
    else if (!is_transient()) {
        l->start = l->end = 0;
        l->read_all = true;
    }
}

static void step(struct lane *l)
{
    if (l->start == l->end && !l->read_all)
        fill(l);
    if (l->start < l->end)
        drain(l);
    if (l->start == l->end && l->read_all && !l->done) {
        l->done = true;
        shutdown(l->to, SHUT_WR);
        shutdown(l->from, SHUT_RD);
    }
}

/* Nobody is there any more to take what comes from the port; what was sent to it still goes there. */
static void abandon(struct lane *l)
{
    l->done = true;
    shutdown(l->from, SHUT_RD);
}

/* A direction waits for its source while it holds nothing, else for its target. */
static int relay(int fd)
{
    while (!lanes[0].done || !lanes[1].done) {
        struct pollfd waits[3] = {[2] = {.fd = lanes[1].done ? -1 : fd}};
        for (int i = 0; i < 2; i++) {
            bool empty = lanes[i].start == lanes[i].end;
            waits[i].fd = lanes[i].done ? -1 : empty ? lanes[i].from : lanes[i].to;
            waits[i].events = empty ? POLLIN : POLLOUT;
        }
        int count = poll(waits, 3, -1);
        if (count < 0 && errno != EINTR)
            return 1;
        for (int i = 0; count > 0 && i < 2; i++)
            if (!lanes[i].done && waits[i].revents)
                step(&lanes[i]);
        if (count > 0 && !lanes[1].done && waits[2].revents)
            abandon(&lanes[1]);
    }
    return 0;
}

int port_serve(int fd, unsigned port)
{
    int error;
    int target = connect_to_port(port, &error);
    if (target < 0) {
        worker_refuse(fd, "start", "connect", error);
        return 1;
    }
    if (!worker_opened(fd) || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return 1;
    lanes[0].from = lanes[1].to = fd;
    lanes[0].to = lanes[1].from = target;
    return relay(fd);
}
