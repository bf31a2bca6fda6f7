/* The table of commands: start, forget, timers. How a command ends is in reap.c. */
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { STARTED_DELAY_US = 5000 };


struct command commands[MAX_COMMANDS];

struct streams {
    int in, out;               /* the command's */
    int to, from;              /* the agent's */
};

size_t command_index(const struct command *c) { return (size_t)(c - commands); }

struct command *command_find(uint64_t id)
{
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (id && c->id == id)
            return c;
    return NULL;
}

bool command_has_left(struct command *c)
{
    struct processes tree;
    if (!c->finished || !c->orphaned)
        return c->finished && c->keeper;
    bool left = tree_scan(c, &tree) && tree.count;
    processes_free(&tree);
    return left;
}

bool command_is_busy(const struct command *c) { return !c->finished || c->keeper || c->ending.phase != NOT_ENDING; }

static bool undelivered(const struct command *c) { return c->exited_due && c->connection >= 0; }

bool commands_quiet(void)
{
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id && (command_is_busy(c) || undelivered(c)))
            return false;
    return true;
}

static void close_all(struct streams *s)
{
    int *each[] = {&s->in, &s->out, &s->to, &s->from};
    for (size_t i = 0; i < 4; i++)
        if (*each[i] >= 0)
            close(*each[i]);
}

static bool open_terminal(struct streams *s, const struct start *start)
{
    struct winsize size = {.ws_row = start->rows, .ws_col = start->columns};
    int unlock = 0;
    s->from = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (s->from < 0 || ioctl(s->from, TIOCSPTLCK, &unlock) || ioctl(s->from, TIOCSWINSZ, &size))
        return false;
    s->in = ioctl(s->from, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    s->out = s->in < 0 ? -1 : fcntl(s->in, F_DUPFD_CLOEXEC, KICK_FD + 1);
    s->to = fcntl(s->from, F_DUPFD_CLOEXEC, KICK_FD + 1);
    return s->out >= 0 && s->to >= 0;
}

static bool open_pipes(struct streams *s, const struct start *start)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    s->from = ends[0];
    s->out = ends[1];
    if (fcntl(s->from, F_SETFL, O_NONBLOCK) < 0)
        return false;
    if (!start->has_input)
        return (s->in = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    s->in = ends[0];
    s->to = ends[1];
    return fcntl(s->to, F_SETFL, O_NONBLOCK) == 0;
}

void command_release(struct command *c)
{
    watch_close(&c->out_fd);
    input_release(c);
    spill_finish(c->record.file);
}

void command_forget(struct command *c)
{
    command_release(c);
    spill_disown(c->record.file);
    processes_free(&c->ending.seen);
    unmap(c->record.memory, 2 * MEMORY_HALF);
    free(c->listed);
    *c = (struct command){.id = 0};
}

/* A free place, or that of the command which finished longest ago. */
static struct command *find_place(void)
{
    struct command *oldest = NULL;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++) {
        if (!c->id)
            return c;
        if (!command_is_busy(c) && !undelivered(c) && (!oldest || c->ended < oldest->ended))
            oldest = c;
    }
    if (oldest)
        command_forget(oldest);
    return oldest;
}

static size_t running(void)
{
    size_t count = 0;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        count += c->id && !c->finished;
    return count;
}

static bool keep_listed(struct command *c, const struct start *start)
{
    size_t size = 0, kept = start->kept_length ? start->kept_length + 5 : 0;
    for (size_t i = 0; i < start->argc && size < ARGS_KEPT; i++)
        size += strlen(start->argv[i]) + 5;
    struct buffer b = {.size = size < ARGS_KEPT ? size : ARGS_KEPT};
    b.bytes = c->listed = malloc(b.size + kept);
    if (!b.bytes)
        return false;
    for (size_t i = 0; i < start->argc && b.size - b.end > 5; i++) {
        size_t length = strlen(start->argv[i]), room = b.size - b.end - 5;
        put_field(&b, 4, start->argv[i], length < room ? length : room);
    }
    b.size += kept;
    if (kept)
        put_field(&b, 6, start->kept, start->kept_length);
    c->listed_length = b.end;
    return true;
}

static bool fill(struct command *c, uint64_t id, const struct start *start, const struct streams *s, int connection)
{
    int64_t now = now_us();
    *c = (struct command){
        .id = id, .out_fd = s->from, .in_fd = s->to, .is_terminal = start->is_terminal, .started = now,
        .grace_ms = start->grace_ms,
        .deadline = start->timeout_ms ? now + (int64_t)start->timeout_ms * 1000 : NEVER, .ending.at = NEVER,
        .connection = connection, .head_end = start->head, .tail = start->tail, .started_due = true,
        .push_at = now + STARTED_DELAY_US, .input_end = !start->has_input && !start->is_terminal, .oom_before = oom_kills(),
    };
    return keep_listed(c, start);
}

/* The code of an ERROR, with errno where one explains it, or NULL. */
const char *command_start(uint64_t id, struct start *start, int connection, const char **message)
{
    struct streams s = {-1, -1, -1, -1};
    struct command *c;
    errno = 0;
    *message = "64 commands are running (shell_list tells which, shell_kill ends one)";
    if (shutting_down())
        *message = "the sandbox is ending";
    if (shutting_down() || running() >= MAX_RUNNING)
        return "busy";
    *message = "256 commands have left processes behind (shell_list tells which, shell_kill ends them)";
    if (!(c = find_place()))
        return "busy";
    *message = start->is_terminal ? "open a terminal" : "open pipes";
    if (!(start->is_terminal ? open_terminal(&s, start) : open_pipes(&s, start))) {
        int error = errno;
        close_all(&s);
        errno = error;
        return "busy";
    }
    size_t index = command_index(c);
    *message = NO_PROCESS;
    if (!fill(c, id, start, &s, connection) || !watch_add(c->out_fd, WATCH_OUTPUT, index, EPOLLIN) ||
        (c->keeper = keeper_start(start, s.in, s.out, &reports[index])) < 0) {
        int error = errno;
        c->keeper = 0;
        command_forget(c);
        s.to = s.from = -1;
        close_all(&s);
        errno = error;
        return "busy";
    }
    s.to = s.from = -1;
    close_all(&s);
    return NULL;
}

/* Does what is due; answers when the next thing will be. */
int64_t commands_run_timers(int64_t now)
{
    int64_t next = NEVER;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++) {
        if (!c->id)
            continue;
        if (c->deadline <= now)
            ending_begin(c, WHY_TIMED_OUT, c->grace_ms, SIGTERM);
        if (c->ending.at <= now)
            ending_step(c, now);
        if (c->push_at <= now)
            deliver(c);
        int64_t own = c->push_at < c->deadline ? c->push_at : c->deadline;
        own = own < c->ending.at ? own : c->ending.at;
        next = own < next ? own : next;
    }
    return next;
}
