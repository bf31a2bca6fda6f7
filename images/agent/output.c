/* What a command wrote: counted, kept in memory at both ends, and whole in a file once it exceeds memory. */
#include "agent.h"
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536, DRAIN_MOST = 1 << 20 };

static unsigned char chunk[CHUNK];

static void append(struct record *r, const unsigned char *bytes, size_t length)
{
    if (r->no_room)
        return;
    size_t written = spill_write(r->file, bytes, length);
    r->kept += written;
    r->no_room = written < length;
}

/* Everything is still in memory at this moment, in order. */
static void move_to_file(struct record *r, uint64_t id)
{
    r->file = spill_open(id);
    if (!r->file)
        r->no_room = true;
    append(r, r->memory, (size_t)r->total);
}

static void remember(struct record *r, const unsigned char *bytes, size_t length)
{
    while (length) {
        size_t at = r->total < MEMORY_HALF ? (size_t)r->total : MEMORY_HALF + (size_t)(r->total % MEMORY_HALF);
        size_t room = r->total < MEMORY_HALF ? MEMORY_HALF - at : 2 * MEMORY_HALF - at;
        size_t part = length < room ? length : room;
        memcpy(r->memory + at, bytes, part);
        r->total += part;
        bytes += part;
        length -= part;
    }
}

bool record_add(struct record *r, uint64_t id, const unsigned char *bytes, size_t length)
{
    if (!r->memory && !(r->memory = map_private(2 * MEMORY_HALF))) {
        r->total += length;
        r->no_room = true;
        return false;
    }
    if (!r->file && !r->no_room && r->total + length > 2 * MEMORY_HALF)
        move_to_file(r, id);
    if (r->file)
        append(r, bytes, length);
    remember(r, bytes, length);
    return true;
}

static size_t least(uint64_t a, uint64_t b) { return (size_t)(a < b ? a : b); }

/* One contiguous piece, from the first kept byte at or after *offset, which is moved there. */
size_t record_read(struct record *r, uint64_t *offset, unsigned char *bytes, size_t length)
{
    uint64_t ring = r->total > 2 * MEMORY_HALF ? r->total - MEMORY_HALF : MEMORY_HALF;
    if (*offset >= r->total || !r->memory)
        return 0;
    if (*offset < MEMORY_HALF) {
        size_t part = least(length, least(r->total, MEMORY_HALF) - *offset);
        memcpy(bytes, r->memory + *offset, part);
        return part;
    }
    if (*offset < ring && *offset < r->kept && r->file) {
        size_t part = least(length, least(r->kept, ring) - *offset);
        part = spill_read(r->file, *offset, bytes, part);
        if (part)
            return part;
    }
    if (*offset < ring)
        *offset = ring;
    size_t at = MEMORY_HALF + (size_t)(*offset % MEMORY_HALF);
    size_t part = least(length, least(r->total - *offset, 2 * MEMORY_HALF - at));
    memcpy(bytes, r->memory + at, part);
    return part;
}

uint64_t record_dropped(const struct record *r)
{
    if (r->memory && r->total <= 2 * MEMORY_HALF)
        return 0;
    return r->total - spill_size(r->file);
}

const char *record_file(const struct record *r) { return spill_size(r->file) ? spill_path(r->file) : NULL; }

/* False when nothing can come any more, or nothing is there now. */
static bool take(struct command *c, bool *ended)
{
    ssize_t got = read(c->out_fd, chunk, sizeof chunk);
    *ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (got <= 0)
        return false;
    record_add(&c->record, c->id, chunk, (size_t)got);
    return true;
}

void output_ready(struct command *c)
{
    bool ended = false;
    if (take(c, &ended))
        deliver_soon(c, c->record.total - c->pushed > MEMORY_HALF ? 0 : 2000);
    if (ended)
        watch_close(&c->out_fd);
}

/* What is in the pipe now: bounded, since what was left running may go on writing for ever. */
void output_drain(struct command *c)
{
    uint64_t most = c->record.total + DRAIN_MOST;
    bool ended = false;
    while (c->out_fd >= 0 && c->record.total < most && take(c, &ended))
        ;
    if (ended)
        watch_close(&c->out_fd);
}
