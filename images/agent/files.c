/* The worker for files: the table of its requests, frames in, answers out. */
#include "files.h"
#include "files_requests.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <poll.h>
#include <unistd.h>

/* IN_SIZE: two of the largest frames, so that a received one is seldom moved. */
enum { IN_SIZE = 2 * (HEADER_SIZE + MAX_PAYLOAD), OUT_SIZE = 131072, ANSWER_ROOM = 65536 + HEADER_SIZE, TICKS = 64 };

/* THE table of what can be asked. */
static const struct {
    enum files_type type;
    void (*answer)(struct files_connection *c, const struct frame *request);
} table[] = {
    {FILES_STAT, files_stat},
    {FILES_READ, files_read},
    {FILES_READ_LINES, files_read_lines},
    {FILES_WRITE, files_write},
    {FILES_DELETE, files_delete},
    {FILES_MOVE, files_move},
    {FILES_MKDIR, files_mkdir},
    {FILES_FOLDER, files_folder},
    {FILES_LINK, files_link},
    {FILES_LIST, files_list},
    {FILES_SEARCH, files_search},
};

static bool receive(struct files_connection *c)
{
    if (IN_SIZE - c->in_start < HEADER_SIZE + MAX_PAYLOAD || c->in_start == c->in_end) {
        memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
        c->in_end -= c->in_start;
        c->in_start = 0;
    }
    ssize_t got;
    do
        got = recv(c->fd, c->in + c->in_end, IN_SIZE - c->in_end, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        c->gone = true;
        return false;
    }
    c->in_end += (size_t)got;
    return true;
}

bool files_next(struct files_connection *c, struct frame *frame)
{
    for (;;) {
        switch (frame_parse(c->in + c->in_start, c->in_end - c->in_start, frame)) {
        case FRAME_WHOLE:
            c->in_start += HEADER_SIZE + frame->length;
            return true;
        case FRAME_BAD:
            c->gone = true;
            return false;
        case FRAME_PARTIAL:
            if (!receive(c))
                return false;
        }
    }
}

static bool send_all(struct files_connection *c, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    while (!c->gone && message.msg_iovlen) {
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            c->gone = true;
        for (size_t left = sent > 0 ? (size_t)sent : 0; message.msg_iovlen && left >= message.msg_iov->iov_len;) {
            left -= message.msg_iov->iov_len;
            sent = (ssize_t)left;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (sent > 0 && message.msg_iovlen) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return !c->gone;
}

bool answer_flush(struct files_connection *c)
{
    struct iovec all = {c->out.bytes, c->out.end};
    bool sent = !all.iov_len || send_all(c, &all, 1);
    c->out.end = 0;
    return sent && !c->gone;
}

struct buffer *answer_begin(struct files_connection *c, enum files_type type)
{
    if (c->out.size - c->out.end < ANSWER_ROOM)
        answer_flush(c);
    c->frame = frame_begin(&c->out, (uint8_t)type, c->id);
    return &c->out;
}

void answer_end(struct files_connection *c)
{
    frame_end(&c->out, c->frame);
    if (c->out.full)
        c->gone = true;
}

bool send_chunk(struct files_connection *c, const void *bytes, size_t length)
{
    for (const char *at = bytes; length && !c->gone;) {
        size_t part = length < MAX_PAYLOAD ? length : MAX_PAYLOAD;
        size_t before = c->out.end;
        put_number(&c->out, part, 4);
        put_number(&c->out, FILES_CHUNK, 4);
        put_number(&c->out, c->id, 8);
        struct iovec parts[] = {{c->out.bytes, before + HEADER_SIZE}, {(void *)(uintptr_t)at, part}};
        send_all(c, parts, 2);
        c->out.end = 0;
        at += part;
        length -= part;
    }
    return !c->gone;
}

void send_done(struct files_connection *c)
{
    answer_begin(c, FILES_DONE);
    answer_end(c);
}

const char *error_name(int error)
{
    const char *name = strerrorname_np(error);
    return name ? name : "EUNKNOWN";
}

void send_fail(struct files_connection *c, int error, const char *path, const char *message)
{
    struct buffer *b = answer_begin(c, FILES_FAIL);
    put_field_number(b, 1, (uint64_t)error, 4);
    put_field(b, 2, error_name(error), strlen(error_name(error)));
    if (!message)
        message = strerror(error);
    put_field(b, 3, message, strlen(message));
    if (path)
        put_field(b, 4, path, strlen(path));
    answer_end(c);
}

bool is_cancelled(struct files_connection *c)
{
    if (!c->gone && ++c->ticks % TICKS == 0) {
        struct pollfd asked = {.fd = c->fd, .events = POLLRDHUP};
        c->gone = poll(&asked, 1, 0) > 0 && asked.revents & (POLLRDHUP | POLLHUP | POLLERR);
    }
    return c->gone;
}

static void answer(struct files_connection *c, const struct frame *request)
{
    c->id = request->command;
    enter_work_folder();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == request->type) {
            table[i].answer(c, request);
            return;
        }
    send_fail(c, ENOSYS, NULL, "this agent does not know the request");
}

/* A client that leaves in the middle of a write has sent no END: nothing is left of it. */
int files_serve(int fd)
{
    struct files_connection c = {.fd = fd, .out.size = OUT_SIZE};
    c.in = malloc(IN_SIZE);
    c.out.bytes = malloc(OUT_SIZE);
    struct frame request;
    if (!c.in || !c.out.bytes) {
        worker_refuse(fd, "start", "no memory", ENOMEM);
        return 1;
    }
    c.gone = !worker_opened(fd);
    while (!c.gone && files_next(&c, &request)) {
        answer(&c, &request);
        if (!answer_flush(&c))
            break;
    }
    free(c.in);
    free(c.out.bytes);
    return 0;
}
