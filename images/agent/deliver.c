/* What the attached connection gets: STARTED, the first and the last bytes of output, EXITED.
 * Frames are held back for a moment, so that a short command costs its reader one wake-up. */
#include "agent.h"
#include <string.h>

enum { PIECE = 65536, NAME_ROOM = 160, RETRY_US = 5000 };

static unsigned char piece[PIECE];

void deliver_soon(struct command *c, int64_t delay_us)
{
    int64_t at = delay_us ? now_us() + delay_us : 0;
    if (at < c->push_at)
        c->push_at = at;
}

/* False when the connection is full: the rest goes when it has taken some. */
static bool push_output(struct command *c, struct connection *to, uint64_t until)
{
    while (c->pushed < until) {
        if (!connection_has_room(to))
            return false;
        uint64_t most = until - c->pushed;
        uint64_t at = c->pushed;
        size_t length = record_read(&c->record, &at, piece, most < PIECE ? (size_t)most : PIECE);
        if (!length || at >= until)
            break;
        if (length > until - at)
            length = (size_t)(until - at);
        size_t frame = frame_begin(&to->out, OUTPUT, c->id);
        put_number(&to->out, at, 8);
        put_bytes(&to->out, piece, length);
        frame_end(&to->out, frame);
        c->pushed = at + length;
    }
    return true;
}

static uint32_t status_when_ended(const struct command *c)
{
    switch (c->why) {
    case WHY_TIMED_OUT:
    case WHY_KILLED: return c->status & 0x100 ? 128 + (c->status & 0xff) : c->status;
    case WHY_NOT_STARTED: return (uint32_t)c->failed_errno;
    default: return c->status & 0xff;
    }
}

static const char *message_of(const struct command *c)
{
    if (c->why == WHY_NOT_STARTED)
        return c->failed_step == STEP_CHDIR ? "chdir" : c->failed_step == STEP_EXEC ? "execve" : "session";
    return c->orphaned && !c->main ? "its keeper was killed before it began" : NULL;
}

static void put_left(struct buffer *b, const struct command *c, uint8_t tag_offset)
{
    for (uint32_t i = 0; i < c->left_named; i++) {
        char text[4 + NAME_ROOM];
        for (unsigned k = 0; k < 4; k++)
            text[k] = (char)((uint32_t)c->left[i] >> 8 * k);
        size_t length = command_line(c->left[i], text + 4, NAME_ROOM);
        put_field(b, (uint8_t)(7 + tag_offset), text, 4 + length);
    }
    if (c->left_count)
        put_field_number(b, (uint8_t)(8 + tag_offset), c->left_count, 4);
}

void put_exited(struct buffer *b, struct command *c, uint8_t tag_offset)
{
    const char *file = record_file(&c->record), *message = message_of(c);
    uint64_t dropped = record_dropped(&c->record);
    put_field_number(b, (uint8_t)(1 + tag_offset), c->why, 1);
    put_field_number(b, (uint8_t)(2 + tag_offset), status_when_ended(c), 4);
    put_field_number(b, (uint8_t)(3 + tag_offset), c->record.total, 8);
    put_field_number(b, (uint8_t)(4 + tag_offset), (uint64_t)(c->ended - c->started), 8);
    put_field_number(b, (uint8_t)(5 + tag_offset), c->ending.killed, 4);
    put_field_number(b, (uint8_t)(6 + tag_offset), c->ending.survivors, 4);
    put_left(b, c, tag_offset);
    if (file)
        put_field(b, (uint8_t)(9 + tag_offset), file, strlen(file));
    if (c->oom_kills)
        put_field_number(b, (uint8_t)(10 + tag_offset), c->oom_kills, 4);
    if (dropped)
        put_field_number(b, (uint8_t)(11 + tag_offset), dropped, 8);
    if (message)
        put_field(b, (uint8_t)(12 + tag_offset), message, strlen(message));
}

static bool push_end(struct command *c, struct connection *to)
{
    uint64_t tail = c->end_total > c->tail ? c->end_total - c->tail : 0;
    if (c->pushed < tail)
        c->pushed = tail;
    if (!push_output(c, to, c->end_total) || !connection_has_room(to))
        return false;
    size_t frame = frame_begin(&to->out, EXITED, c->id);
    put_exited(&to->out, c, 0);
    frame_end(&to->out, frame);
    c->exited_due = false;
    return true;
}

static void push_start(struct command *c, struct connection *to)
{
    if (!c->started_due)
        return;
    if (!c->main) {
        deliver_soon(c, RETRY_US);
        return;
    }
    size_t frame = frame_begin(&to->out, STARTED, c->id);
    put_number(&to->out, (uint32_t)c->main, 4);
    frame_end(&to->out, frame);
    c->started_due = false;
}

static void push_ack(struct command *c, struct connection *to)
{
    size_t frame = frame_begin(&to->out, INPUT_ACK, c->id);
    put_number(&to->out, c->input_taken, 8);
    frame_end(&to->out, frame);
    c->ack_due = false;
}

void deliver(struct command *c)
{
    c->push_at = NEVER;
    if (c->connection < 0)
        return;
    struct connection *to = &connections[c->connection];
    if (!connection_has_room(to))
        return;
    if (!c->main)
        c->main = __atomic_load_n(&reports[command_index(c)].main_pid, __ATOMIC_ACQUIRE);
    if (c->why != WHY_NOT_STARTED)
        push_start(c, to);
    if (c->ack_due)
        push_ack(c, to);
    uint64_t head = c->finished && c->end_total < c->head_end ? c->end_total : c->head_end;
    if (push_output(c, to, head) && c->exited_due)
        push_end(c, to);
}

/* The connection has room again. */
void deliver_connection(int connection)
{
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id && c->connection == connection)
            deliver_soon(c, 0);
}
