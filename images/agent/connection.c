/* Connections: who may connect, bytes in, frames out. A connection never ends a command. */
#include "agent.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Requests are answered while at most MAX_UNSENT bytes wait; the longest answer, 1,024 PROCESS frames, has 7.7 MB. */
enum { IN_SIZE = HEADER_SIZE + MAX_PAYLOAD, OUT_SIZE = 12 << 20, KEPT_PAGES = 65536, BACKLOG = 1024 };

struct connection connections[MAX_PLACES] = {[0 ... MAX_PLACES - 1] = {.fd = -1}};
static int listen_fd = -1;
static bool is_full;

/* The folder is private to podexec and soon gone from under the mount: peers are checked one by one. */
bool listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) + 1 >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    /* Under its name the socket is seen only when it listens: podexec takes it away the moment it sees it. */
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s~", path);
    unlink(address.sun_path);
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return length > 0 && listen_fd >= 0 && !bind(listen_fd, (struct sockaddr *)&address, sizeof address) &&
           !chmod(address.sun_path, 0666) && !listen(listen_fd, BACKLOG) && !rename(address.sun_path, path) &&
           watch_add(listen_fd, WATCH_LISTEN, 0, EPOLLIN);
}

static bool ask_peer(int fd, struct ucred *peer)
{
    socklen_t size = sizeof *peer;
    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size);
}

/* Who connected, 0 when it is outside this pid namespace; -1 when nobody knows. */
pid_t peer_of(int fd)
{
    struct ucred peer;
    return ask_peer(fd, &peer) ? peer.pid : -1;
}

/* Pid 0: a peer outside this pid namespace. A parent outside: somebody entered with `podman exec`. */
static bool may_connect(int fd)
{
    struct ucred peer;
    if (!ask_peer(fd, &peer))
        return false;
    if (getpid() != 1)
        return peer.uid == geteuid();
    return peer.pid == 0 || (peer.pid != 1 && parent_of(peer.pid) == 0);
}

static struct connection *free_place(void)
{
    for (struct connection *c = connections; c < connections + MAX_PLACES; c++)
        if (c->fd < 0)
            return c;
    return NULL;
}

size_t connections_that_control(void)
{
    size_t count = 0;
    for (struct connection *c = connections; c < connections + MAX_PLACES; c++)
        count += c->fd >= 0 && c->greeted;
    return count;
}

static void close_connection(struct connection *c)
{
    int index = (int)(c - connections);
    watch_close(&c->fd);
    unmap(c->in, IN_SIZE);
    unmap(c->out.bytes, OUT_SIZE);
    *c = (struct connection){.fd = -1};
    if (is_full)
        watch_change(listen_fd, WATCH_LISTEN, 0, EPOLLIN);
    is_full = false;
    for (struct command *command = commands; command < commands + MAX_COMMANDS; command++)
        if (command->id && command->connection == index)
            command->connection = -1;
}

/* Who finds no place waits until one is free: to be closed without a word looks like the end of the sandbox. */
void connection_accept(void)
{
    struct connection *c = free_place();
    if (!c) {
        watch_change(listen_fd, WATCH_LISTEN, 0, 0);
        is_full = true;
        return;
    }
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!may_connect(fd)) {
        close(fd);
        return;
    }
    *c = (struct connection){.fd = fd, .mask = EPOLLIN, .in = map_private(IN_SIZE)};
    c->out = (struct buffer){.bytes = map_private(OUT_SIZE), .size = OUT_SIZE};
    if (!c->in || !c->out.bytes || !watch_add(fd, WATCH_CONNECTION, (size_t)(c - connections), EPOLLIN))
        close_connection(c);
}

static size_t unsent(const struct connection *c) { return c->out.end - c->out.start; }

bool connection_has_room(const struct connection *c) { return c->fd >= 0 && unsent(c) <= MAX_UNSENT; }

void send_error(struct connection *to, uint64_t command, const char *code, const char *message, int error)
{
    char text[200];
    int length = snprintf(text, sizeof text, error ? "%s: %s" : "%s", message, strerror(error));
    size_t frame = frame_begin(&to->out, ERROR, command);
    put_field(&to->out, 1, code, strlen(code));
    put_field(&to->out, 2, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1);
    if (error)
        put_field_number(&to->out, 3, (uint32_t)error, 4);
    frame_end(&to->out, frame);
}

/* Whole frames are answered as long as the answers fit; false ends the connection. */
static bool handle_frames(struct connection *c)
{
    struct frame frame;
    while (c->in_end > c->in_start && connection_has_room(c) && !c->ending) {
        enum parsed got = frame_parse(c->in + c->in_start, c->in_end - c->in_start, &frame);
        if (got == FRAME_PARTIAL)
            break;
        if (got == FRAME_BAD || (!c->greeted && frame.type != HELLO) || !request(c, &frame))
            return false;
        c->in_start += HEADER_SIZE + frame.length;
    }
    if (c->in_start == c->in_end) {
        if (c->in_end > KEPT_PAGES)
            release_pages(c->in, IN_SIZE);
        c->in_start = c->in_end = 0;
    } else if (c->in_start) {
        memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
        c->in_end -= c->in_start;
        c->in_start = 0;
    }
    return true;
}

/* False when the peer is gone. */
static bool receive(struct connection *c)
{
    if (c->in_end == IN_SIZE)
        return true;
    ssize_t got = recv(c->fd, c->in + c->in_end, IN_SIZE - c->in_end, 0);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    c->in_end += (size_t)got;
    if (c->greeted)
        lease_renew();
    return true;
}

void connection_event(size_t index, uint32_t mask)
{
    struct connection *c = &connections[index];
    if (c->fd < 0)
        return;
    if ((mask & (EPOLLIN | EPOLLHUP | EPOLLERR)) && connection_has_room(c) && (!receive(c) || !handle_frames(c)))
        c->ending = true;
}

static void send_out(struct connection *c)
{
    while (unsent(c)) {
        ssize_t n = send(c->fd, c->out.bytes + c->out.start, unsent(c), MSG_NOSIGNAL);
        if (n > 0)
            c->out.start += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR) {
            c->ending = true;
            return;
        }
    }
    if (!unsent(c)) {
        if (c->out.end > KEPT_PAGES)
            release_pages(c->out.bytes, OUT_SIZE);
        c->out.start = c->out.end = 0;
    } else if (c->out.start > OUT_SIZE / 2) {
        memmove(c->out.bytes, c->out.bytes + c->out.start, unsent(c));
        c->out.end -= c->out.start;
        c->out.start = 0;
    }
}

/* Sends what waits; false when that cannot be done at once. */
bool connection_send(struct connection *c)
{
    send_out(c);
    return !unsent(c) && !c->ending;
}

/* Requests that waited for room are answered now, and what they answer is sent in the same round. */
static void flush(struct connection *c)
{
    bool was_full = !connection_has_room(c);
    send_out(c);
    if (was_full && connection_has_room(c) && !c->ending) {
        deliver_connection((int)(c - connections));
        if (!handle_frames(c))
            c->ending = true;
    }
    if (c->ending || c->out.full) {
        send_out(c);
        close_connection(c);
        return;
    }
    uint32_t mask = (connection_has_room(c) ? EPOLLIN : 0) | (unsent(c) ? EPOLLOUT : 0);
    if (mask != c->mask)
        watch_change(c->fd, WATCH_CONNECTION, (size_t)(c - connections), mask);
    c->mask = mask;
}

void connections_flush(void)
{
    for (struct connection *c = connections; c < connections + MAX_PLACES; c++)
        if (c->fd >= 0)
            flush(c);
}

/* A peer that does not read gets no more than its socket's buffer holds. */
void connections_bye(const char *reason)
{
    for (struct connection *c = connections; c < connections + MAX_PLACES; c++) {
        if (c->fd < 0 || !c->greeted)
            continue;
        size_t frame = frame_begin(&c->out, BYE, 0);
        put_bytes(&c->out, reason, strlen(reason));
        frame_end(&c->out, frame);
        fcntl(c->fd, F_SETFL, 0);
        struct timeval patience = {.tv_usec = 200000};
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        send_out(c);
    }
}
