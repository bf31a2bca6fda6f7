/* The worker for watches: tells when files and folders change. A file is watched through its folder, so that one that is
 * replaced by a rename stays watched. What is said on the connection is in FILES.md. */
#include "watch.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_frame(struct watcher *w, uint8_t type, uint64_t id, void (*fill)(struct buffer *, void *), void *what)
{
    unsigned char bytes[OUT_ROOM];
    struct buffer b = {.bytes = bytes, .size = sizeof bytes};
    size_t frame = frame_begin(&b, type, id);
    fill(&b, what);
    frame_end(&b, frame);
    for (size_t sent = 0; !w->gone && sent < b.end;) {
        ssize_t part = send(w->fd, bytes + sent, b.end - sent, MSG_NOSIGNAL);
        if (part < 0 && errno != EINTR)
            w->gone = true;
        sent += part > 0 ? (size_t)part : 0;
    }
}

static void fill_changes(struct buffer *b, void *what)
{
    struct watched *one = what;
    size_t length = 0;
    for (size_t i = 0; i < one->count; i++)
        length += strlen(one->names[i]) + 1;
    put_field_number(b, 1, one->changes, 4);
    put_number(b, 2, 1);
    put_number(b, length, 4);
    for (size_t i = 0; i < one->count; i++)
        put_bytes(b, one->names[i], strlen(one->names[i]) + 1);
}

static void fill_error(struct buffer *b, void *what)
{
    int error = *(int *)what;
    put_field_number(b, 1, (uint64_t)error, 4);
    put_field(b, 2, strerror(error), strlen(strerror(error)));
}

static void fill_kind(struct buffer *b, void *what) { put_field_number(b, 1, S_ISDIR(((struct stat *)what)->st_mode), 1); }

static void take_request(struct watcher *w, const struct frame *frame)
{
    const unsigned char *at = frame->payload, *end = at + frame->length;
    struct field path = {0};
    struct stat st;
    size_t place = watched_place(w, frame->command);
    if (frame->type == WATCH_REMOVE && frame->command && place < MAX_WATCHES)
        watched_drop(w, place);
    if (frame->type != WATCH_ADD)
        return;
    while (field_next(&at, end, &path) == FRAME_WHOLE && path.tag != 1)
        path.length = 0;
    int error = watched_add(w, frame->command, &path, &st);
    if (error)
        send_frame(w, WATCH_FAILED, frame->command, fill_error, &error);
    else
        send_frame(w, WATCH_ADDED, frame->command, fill_kind, &st);
}

static void receive(struct watcher *w)
{
    struct frame frame;
    enum parsed parsed;
    ssize_t got = recv(w->fd, w->in + w->end, sizeof w->in - w->end, 0);
    if (got <= 0) {
        w->gone = got == 0 || errno != EINTR;
        return;
    }
    w->end += (size_t)got;
    while ((parsed = frame_parse(w->in, w->end, &frame)) == FRAME_WHOLE) {
        take_request(w, &frame);
        size_t size = HEADER_SIZE + frame.length;
        memmove(w->in, w->in + size, w->end -= size);
    }
    if (parsed == FRAME_BAD || w->end == sizeof w->in)
        w->gone = true;
}

static void remark(struct watched *one, uint32_t changes, const char *name)
{
    if (one->changes == 0)
        one->tell_at = now_us() + SETTLE_US;
    one->changes |= changes;
    for (size_t i = 0; name && i < one->count; i++)
        if (strcmp(one->names[i], name) == 0)
            return;
    if (!name)
        return;
    if (one->count < MAX_CHANGED)
        strncpy(one->names[one->count++], name, NAME_MAX);
    else
        one->changes |= CHANGE_LOST;
}

static uint32_t changes_of(uint32_t mask)
{
    uint32_t changes = 0;
    changes |= mask & (IN_MODIFY | IN_CLOSE_WRITE) ? CHANGE_CONTENT : 0U;
    changes |= mask & (IN_CREATE | IN_MOVED_TO) ? CHANGE_CREATED : 0U;
    changes |= mask & (IN_DELETE | IN_MOVED_FROM) ? CHANGE_GONE : 0U;
    changes |= mask & IN_ATTRIB ? CHANGE_ATTRIBUTES : 0U;
    return changes;
}

/* The folder itself went away or elsewhere: its path may lead to another one by now. */
static void left(struct watcher *w, struct watched *one, int *number)
{
    remark(one, CHANGE_GONE, NULL);
    watched_disarm(w, number);
    if (number == &one->parent)
        watched_disarm(w, &one->self);
    watched_arm(w, one);
}

static void take_event(struct watcher *w, struct watched *one, const struct inotify_event *event)
{
    const char *name = event->len ? event->name : NULL, *slash = strrchr(one->path, '/');
    bool is_left = event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT);
    uint32_t changes = changes_of(event->mask);
    if (event->wd == one->self) {
        if (is_left)
            left(w, one, &one->self);
        else if (changes && name)
            remark(one, changes, name);
    }
    if (event->wd == one->parent) {
        if (is_left)
            left(w, one, &one->parent);
        else if (changes && name && slash && strcmp(name, slash + 1) == 0) {
            remark(one, changes, NULL);
            if (changes & CHANGE_CREATED)
                watched_arm(w, one);
        }
    }
}

static void take_events(struct watcher *w)
{
    static _Alignas(struct inotify_event) char bytes[65536];
    ssize_t got = read(w->inotify, bytes, sizeof bytes);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        at += (ssize_t)(sizeof *event + event->len);
        for (size_t i = 0; i < MAX_WATCHES; i++) {
            if (!w->list[i])
                continue;
            if (event->mask & IN_Q_OVERFLOW)
                remark(w->list[i], CHANGE_LOST, NULL);
            else
                take_event(w, w->list[i], event);
        }
    }
}

/* Tells what has settled and arms again what could not be; when to do so next. */
static int64_t run_timers(struct watcher *w)
{
    int64_t next = NEVER, now = now_us();
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        struct watched *one = w->list[i];
        if (!one)
            continue;
        if (one->rearm_at <= now && watched_arm(w, one))
            remark(one, CHANGE_CREATED, NULL);
        if (one->tell_at <= now) {
            send_frame(w, WATCH_CHANGED, one->id, fill_changes, one);
            one->changes = 0;
            one->count = 0;
            one->tell_at = NEVER;
        }
        next = one->rearm_at < next ? one->rearm_at : next;
        next = one->tell_at < next ? one->tell_at : next;
    }
    return next;
}

int watch_serve(int fd)
{
    struct watcher *w = calloc(1, sizeof *w);
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (!w || inotify < 0) {
        worker_refuse(fd, "busy", "inotify", errno);
        return 1;
    }
    w->fd = fd;
    w->inotify = inotify;
    w->gone = !worker_opened(fd);
    while (!w->gone) {
        int64_t next = run_timers(w), wait = next == NEVER ? -1 : (next - now_us()) / 1000 + 1;
        struct pollfd ask[] = {{fd, POLLIN, 0}, {inotify, POLLIN, 0}};
        if (poll(ask, 2, wait < -1 ? 0 : (int)wait) < 0 && errno != EINTR)
            break;
        if (ask[1].revents)
            take_events(w);
        if (ask[0].revents)
            receive(w);
    }
    for (size_t i = 0; i < MAX_WATCHES; i++)
        if (w->list[i])
            watched_drop(w, i);
    free(w);
    close(inotify);
    return 0;
}
