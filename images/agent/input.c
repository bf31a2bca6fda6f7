/* Standard input: a ring of bytes per command, written as its reader takes them. */
#include "agent.h"
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

/* What is wrong, or NULL. */
const char *input_take(struct command *c, const unsigned char *bytes, size_t length)
{
    if (c->input_end)
        return "standard input has ended";
    if (c->input_got - c->input_taken + length > MAX_INPUT)
        return "more than 262144 bytes of standard input are unacknowledged";
    if (!length)
        return NULL;
    c->last_input = bytes[length - 1];
    if (c->in_fd >= 0 && !c->input && !(c->input = map_private(MAX_INPUT)))
        watch_close(&c->in_fd);
    for (size_t done = 0; c->in_fd >= 0 && done < length;) {
        size_t at = (size_t)((c->input_got + done) % MAX_INPUT);
        size_t part = length - done < MAX_INPUT - at ? length - done : MAX_INPUT - at;
        memcpy(c->input + at, bytes + done, part);
        done += part;
    }
    c->input_got += length;
    input_flush(c);
    return NULL;
}

/* In the middle of a line the first end-of-file character only hands the line over: the second one ends it. */
static void end_terminal(struct command *c)
{
    struct termios t;
    if (tcgetattr(c->in_fd, &t))
        return;
    char eof = (char)t.c_cc[VEOF];
    bool partial = (t.c_lflag & ICANON) && c->input_got && c->last_input != '\n' && c->last_input != '\r';
    char twice[2] = {eof, eof};
    if (write(c->in_fd, twice, partial ? 2 : 1) < 0)
        return;
}

static void watch_input(struct command *c, bool wanted)
{
    if (c->in_fd < 0 || c->input_watched == wanted)
        return;
    size_t index = command_index(c);
    if (wanted && !watch_add(c->in_fd, WATCH_INPUT, index, EPOLLOUT))
        return;
    if (!wanted)
        watch_remove(c->in_fd);
    c->input_watched = wanted;
}

static void stop(struct command *c)
{
    if (c->is_terminal && c->in_fd >= 0)
        end_terminal(c);
    else
        watch_close(&c->in_fd);
}

/* Bytes that nobody can read any more count as taken: their sender must not wait for ever. */
void input_flush(struct command *c)
{
    uint64_t before = c->input_taken;
    while (c->in_fd >= 0 && c->input_taken < c->input_got) {
        size_t at = (size_t)(c->input_taken % MAX_INPUT);
        uint64_t rest = c->input_got - c->input_taken;
        ssize_t n = write(c->in_fd, c->input + at, rest < MAX_INPUT - at ? (size_t)rest : MAX_INPUT - at);
        if (n > 0)
            c->input_taken += (uint64_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            watch_close(&c->in_fd);
    }
    if (c->in_fd < 0)
        c->input_taken = c->input_got;
    watch_input(c, c->input_taken < c->input_got);
    if (c->input_taken == before)
        return;
    c->ack_due = true;
    deliver_soon(c, 0);
    if (c->input_taken == c->input_got) {
        if (c->input)
            release_pages(c->input, MAX_INPUT);
        if (c->input_end)
            stop(c);
    }
}

void input_finish(struct command *c)
{
    if (c->input_end)
        return;
    c->input_end = true;
    if (c->input_taken == c->input_got)
        stop(c);
}

void input_release(struct command *c)
{
    watch_close(&c->in_fd);
    unmap(c->input, MAX_INPUT);
    c->input = NULL;
}
