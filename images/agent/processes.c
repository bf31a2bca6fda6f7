/* What runs in the sandbox, and for which command. Everything that /proc says about a process was chosen by it. */
#include "agent.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MOST = 4096, MATCHING_US = 50000 };

static bool is_relay(pid_t pid)
{
    for (struct connection *c = connections; c < connections + MAX_PLACES; c++)
        if (c->fd >= 0 && peer_of(c->fd) == pid)
            return true;
    return worker_serves(pid);
}

static bool is_keeper(pid_t pid)
{
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id && c->keeper == pid)
            return true;
    return false;
}

/* podexec's own, and what has died in the agent's care and is about to be reaped. */
static bool is_own(const struct process *p)
{
    pid_t agent = getpid();
    if (p->pid == agent)
        return true;
    if (p->parent == agent)
        return is_keeper(p->pid) || keeper_is_leaving(p->pid) || worker_is(p->pid) || p->state == 'Z';
    return p->parent == 0 && is_relay(p->pid);
}

/* With its keeper killed a command keeps its main process; what else was below belongs to the only such command, or
 * to nobody that can be told. */
static uint64_t command_of(const struct processes *all, const struct process *p)
{
    pid_t root = tree_root(all, p);
    const struct command *orphaned = NULL;
    size_t count = 0;
    if (!root || worker_is(root))
        return 0;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++) {
        if (c->id && (c->keeper == root || (c->orphaned && c->main == root)))
            return c->id;
        if (c->id && c->orphaned) {
            orphaned = c;
            count++;
        }
    }
    return count == 1 ? orphaned->id : 0;
}

static void put_sockets(struct buffer *b, const struct listening *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_field(b, 9, list[i]->address, strlen(list[i]->address));
}

static uint64_t age_ms(const struct process *p, uint64_t ticks_a_second)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    uint64_t now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000, born = p->birth * 1000 / ticks_a_second;
    return now > born ? now - born : 0;
}

static void put_process(struct buffer *b, uint64_t request, const struct processes *all, const struct process *p)
{
    static char line[LINE_MOST];
    const struct listening *sockets[MAX_SOCKETS];
    uint64_t ticks_a_second = (uint64_t)sysconf(_SC_CLK_TCK);
    size_t count = sockets_of(p->pid, sockets), length = command_line(p->pid, line, sizeof line);
    size_t frame = frame_begin(b, PROCESS, request);
    put_field_number(b, 1, (uint32_t)p->pid, 4);
    put_field_number(b, 2, (uint32_t)p->parent, 4);
    put_field_number(b, 3, command_of(all, p), 8);
    put_field_number(b, 4, p->ticks * 1000 / ticks_a_second, 8);
    put_field_number(b, 5, p->pages * (uint64_t)sysconf(_SC_PAGESIZE), 8);
    put_field_number(b, 6, age_ms(p, ticks_a_second), 8);
    put_field(b, 7, line, length);
    put_field(b, 8, &p->state, 1);
    put_sockets(b, sockets, count);
    frame_end(b, frame);
}

static void put_untold(struct buffer *b, uint64_t request)
{
    const struct listening *sockets[MAX_SOCKETS];
    size_t count = sockets_untold(sockets);
    if (!count)
        return;
    size_t frame = frame_begin(b, PROCESS, request);
    put_field_number(b, 1, 0, 4);
    put_field_number(b, 2, 0, 4);
    put_sockets(b, sockets, count);
    frame_end(b, frame);
}

void put_processes(struct buffer *b, uint64_t request)
{
    struct processes all;
    size_t listed = 0;
    tree_scan_all(&all);
    sockets_scan(now_us() + MATCHING_US);
    for (struct process *p = all.list; p < all.list + all.count && listed < MAX_LISTED; p++) {
        if (is_own(p))
            continue;
        put_process(b, request, &all, p);
        listed++;
    }
    put_untold(b, request);
    processes_free(&all);
    frame_end(b, frame_begin(b, PROCESS, request));
}
