/* WRITE: what the client sends, and what it is answered. */
#include "files_requests.h"
#include "files_write.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAG_MODE = 16, TAG_HOW, TAG_PARENTS, TAG_EXPECTED };

/* Everything up to END is taken, also after a failure. False: no END came, nothing may stay. */
static bool take_all(struct files_connection *c, struct writing *w)
{
    struct frame frame;
    while (files_next(c, &frame)) {
        if (frame.command != c->id || frame.type < FILES_DATA || frame.type > FILES_ABORT)
            break;
        if (frame.type == FILES_END)
            return true;
        if (frame.type == FILES_ABORT) {
            write_failed(w, ECANCELED, "the write was given up");
            return true;
        }
        if (!w->error && !write_put(w, frame.payload, frame.length)) {
            send_fail(c, w->error, w->path, w->message);
            answer_flush(c);
        }
    }
    c->gone = true;
    return write_failed(w, ECANCELED, NULL);
}

/* Where the file lies now: in the folder that was written into, whatever its path may lead to meanwhile. */
static const char *place_of(const struct writing *w, char place[PATH_MAX])
{
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/self/fd/%d", w->folder);
    ssize_t length = readlink(folder, place, PATH_MAX - 1);
    if (length < 1 || (size_t)length + strlen(w->base) + 2 > PATH_MAX)
        return NULL;
    if (place[length - 1] != '/')
        place[length++] = '/';
    strcpy(place + length, w->base);
    return place;
}

static void answer_done(struct files_connection *c, const struct writing *w)
{
    struct stat st;
    char place[PATH_MAX];
    if (w->fd < 0 || fstat(w->fd, &st)) {
        send_fail(c, errno, w->path, NULL);
        return;
    }
    struct buffer *b = answer_begin(c, FILES_DONE);
    put_info(b, &st, place_of(w, place), NULL);
    put_field_number(b, 16, !w->exists, 1);
    put_field_number(b, 17, w->written, 8);
    answer_end(c);
}

static bool understand(struct files_connection *c, const struct frame *request, struct writing *w)
{
    struct field f;
    *w = (struct writing){.folder = -1, .fd = -1};
    if (!request_path(c, request, TAG_PATH, w->path))
        return write_failed(w, EINVAL, NULL);
    w->how = (enum how)request_number(request, TAG_HOW, REPLACE);
    w->mode = request_field(request, TAG_MODE, &f) ? (int64_t)request_number(request, TAG_MODE, 0644) & 07777 : NO_MODE;
    if (request_field(request, TAG_EXPECTED, &f) && f.length == EXPECTED_SIZE) {
        memcpy(w->expected_bytes, f.bytes, EXPECTED_SIZE);
        w->expected = w->expected_bytes;
    }
    return true;
}

/* FAIL is sent at once, so that the client can stop; what it sends until END or ABORT is taken and thrown away. */
void files_write(struct files_connection *c, const struct frame *request)
{
    static struct writing w;
    bool told = !understand(c, request, &w);
    bool parents = request_flag(request, TAG_PARENTS);
    if (!told && !write_begin(&w, parents)) {
        send_fail(c, w.error, w.path, w.message);
        told = true;
    }
    if (told)
        answer_flush(c);
    bool had_failed = w.error != 0;
    bool ended = take_all(c, &w);
    told |= !had_failed && w.error && w.error != ECANCELED;
    bool done = ended && write_finish(&w);
    if (done)
        answer_done(c, &w);
    else if (!told && ended)
        send_fail(c, w.error, w.path, w.message);
    write_clean_up(&w, done);
    if (w.fd >= 0)
        close(w.fd);
}
