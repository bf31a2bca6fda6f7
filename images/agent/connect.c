/* `agent connect`: copies bytes between its standard streams and the socket, for podexec's `podman exec`.
 * The end of standard input is handed on; the socket's end is the end. */
#include "agent.h"
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A client that is gone looks like one that has nothing more to say: when nothing comes for it either, or for too long
 * already, it is taken for gone. */
enum { CONNECT_TRIES = 500, CONNECT_PAUSE_US = 10000, SILENT_MS = 300000 };
static const int64_t LISTENER_US = 3600000000;

struct lane {
    int from, to;
    size_t start, end;
    char bytes[65536];
};

static struct lane lanes[2];

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Who comes right after the start of a sandbox waits for its agent: locking the network takes a moment. */
static int await_socket(const char *path)
{
    int fd = open_socket(path);
    for (int tries = 0; fd < 0 && errno == ENOENT && tries < CONNECT_TRIES; tries++) {
        usleep(CONNECT_PAUSE_US);
        fd = open_socket(path);
    }
    return fd;
}

/* False at the end of the source, or when the target takes no more. */
static bool move(struct lane *l, short readable, short writable)
{
    if (l->start == l->end && readable) {
        ssize_t got = read(l->from, l->bytes, sizeof l->bytes);
        if (got <= 0)
            return got < 0 && errno == EINTR;
        l->start = 0;
        l->end = (size_t)got;
        return true;
    }
    if (l->start < l->end && writable) {
        ssize_t n = write(l->to, l->bytes + l->start, l->end - l->start);
        if (n < 0)
            return errno == EINTR || errno == EAGAIN;
        l->start += (size_t)n;
    }
    return true;
}

/* Waits for what is next: at most two of three descriptors matter at a time. */
static int wait_for(struct pollfd waits[3], bool has_input)
{
    for (int i = 0; i < 2; i++) {
        bool empty = lanes[i].start == lanes[i].end;
        waits[i] = (struct pollfd){.fd = empty ? lanes[i].from : lanes[i].to, .events = empty ? POLLIN : POLLOUT};
    }
    if (!has_input)
        waits[0].fd = -1;
    waits[2] = (struct pollfd){.fd = lanes[1].to};
    return poll(waits, 3, has_input ? -1 : SILENT_MS);
}

/* Until the socket ends, or nobody reads what comes from it. */
static int relay(int fd)
{
    bool has_input = true;
    for (int64_t until = NEVER; now_us() < until;) {
        struct pollfd waits[3];
        int count = wait_for(waits, has_input);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return 69;
        if (count == 0 || waits[2].revents)
            return 0;
        if (waits[0].revents && !move(&lanes[0], waits[0].events == POLLIN, waits[0].events == POLLOUT)) {
            has_input = false;
            until = now_us() + LISTENER_US;
            shutdown(fd, SHUT_WR);
        }
        if (waits[1].revents && !move(&lanes[1], waits[1].events == POLLIN, waits[1].events == POLLOUT))
            return 0;
    }
    return 0;
}

int connect_relay(const char *path)
{
    prctl(PR_SET_DUMPABLE, 0);
    int fd = await_socket(path);
    if (fd < 0) {
        say("agent: connect to %s: %s", path, strerror(errno));
        return 69;
    }
    lanes[0].from = STDIN_FILENO;
    lanes[0].to = lanes[1].from = fd;
    lanes[1].to = STDOUT_FILENO;
    return relay(fd);
}
