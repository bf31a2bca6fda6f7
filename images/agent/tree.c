/* Who is below whom. /proc is not read in one instant: see tree_scan for what may be relied on. */
#include "agent.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PF_EXITING = 4 }; /* include/linux/sched.h */

static bool read_file(int dir, const char *path, char *text, size_t room, size_t *length)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, room);
    close(fd);
    *length = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* The name in the second field may hold anything, so parsing begins at the last parenthesis. */
static bool read_stat(int dir, const char *path, struct process *p)
{
    char text[1024];
    size_t length;
    if (!read_file(dir, path, text, sizeof text - 1, &length))
        return false;
    text[length] = 0;
    char *at = strrchr(text, ')');
    int parent;
    unsigned flags;
    unsigned long long user, system, birth;
    long long pages;
    if (!at || sscanf(at + 1, " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %*u %lld",
                      &p->state, &parent, &flags, &user, &system, &birth, &pages) != 7)
        return false;
    p->parent = parent;
    p->is_exiting = flags & PF_EXITING;
    p->birth = birth;
    p->ticks = user + system;
    p->pages = pages > 0 ? (uint64_t)pages : 0;
    return true;
}

static bool read_process(int dir, pid_t pid, struct process *p)
{
    char path[32];
    snprintf(path, sizeof path, "%d/stat", (int)pid);
    *p = (struct process){.pid = pid};
    return read_stat(dir, path, p);
}

pid_t parent_of(pid_t pid)
{
    char path[32];
    struct process p;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    return read_stat(AT_FDCWD, path, &p) ? p.parent : -1;
}

size_t command_line(pid_t pid, char *text, size_t room)
{
    char path[32];
    size_t length;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    if (!read_file(AT_FDCWD, path, text, room, &length)) {
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        if (!read_file(AT_FDCWD, path, text, room, &length))
            return 0;
    }
    while (length && (!text[length - 1] || text[length - 1] == '\n'))
        length--;
    for (size_t i = 0; i < length; i++)
        if (!text[i])
            text[i] = ' ';
    return length;
}

void processes_free(struct processes *p)
{
    free(p->list);
    *p = (struct processes){.list = NULL};
}

bool processes_add(struct processes *p, const struct process *process)
{
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        struct process *list = realloc(p->list, room * sizeof *list);
        if (!list)
            return false;
        p->list = list;
        p->room = room;
    }
    p->list[p->count++] = *process;
    return true;
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;
    return (x > y) - (x < y);
}

struct process *processes_find(const struct processes *p, pid_t pid)
{
    struct process key = {.pid = pid};
    return p->count ? bsearch(&key, p->list, p->count, sizeof key, by_pid) : NULL;
}

/* Whether a child of the agent is a root of the command's tree. Where the keeper was killed, what was below it
 * has become the agent's child: what cannot be told apart any more belongs to every command without a keeper. */
static bool is_root(const struct command *c, pid_t child)
{
    if (child == c->keeper)
        return true;
    if (!c->orphaned || worker_is(child) || keeper_is_leaving(child))
        return false;
    for (const struct command *other = commands; other < commands + MAX_COMMANDS; other++)
        if (other->id && other != c && (other->keeper == child || (other->orphaned && other->main == child)))
            return false;
    return true;
}

/* A parent that is not in the list died during the scan; by now its child has another one. */
static bool find_parent(int dir, const struct processes *tree, struct process *p, struct process **parent, pid_t agent)
{
    for (int tries = 0; tries < 3; tries++) {
        *parent = processes_find(tree, p->parent);
        if (*parent || p->parent == agent || p->parent == 0)
            return true;
        if (!read_process(dir, p->pid, p))
            return false;
    }
    return false;
}

static bool is_member(int dir, const struct processes *tree, struct process *p, const struct command *c, pid_t agent)
{
    struct process *at = p, *parent;
    for (size_t depth = 0; depth <= tree->count; depth++) {
        if (at != p && at->known)
            return at->member || at->pid == c->keeper;
        if (!find_parent(dir, tree, at, &parent, agent))
            return false;
        if (at->parent == agent)
            return is_root(c, at->pid);
        if (!parent)
            return false;
        at = parent;
    }
    return false;
}

static void mark_members(int dir, struct processes *tree, const struct command *c)
{
    pid_t agent = getpid();
    for (struct process *p = tree->list; p < tree->list + tree->count; p++) {
        p->member = p->pid != agent && p->pid != c->keeper && is_member(dir, tree, p, c, agent);
        p->known = true;
    }
}

static void drop_others(struct processes *tree)
{
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++)
        if (tree->list[i].member && tree->list[i].state != 'Z' && tree->list[i].state != 'X')
            tree->list[kept++] = tree->list[i];
    tree->count = kept;
}

/* False when the list may lack some. */
static bool read_all(DIR *proc, struct processes *tree)
{
    struct process p;
    struct dirent *entry;
    bool fits = true;
    while (fits && (entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && read_process(dirfd(proc), (pid_t)atoi(entry->d_name), &p))
            fits = processes_add(tree, &p);
    if (tree->count)
        qsort(tree->list, tree->count, sizeof p, by_pid);
    return fits;
}

/* Every process of the sandbox, by pid. */
bool tree_scan_all(struct processes *all)
{
    DIR *proc = opendir("/proc");
    *all = (struct processes){.list = NULL};
    if (!proc)
        return false;
    bool fits = read_all(proc, all);
    closedir(proc);
    return fits;
}

/* The agent's child that the process is below of, or is itself; 0 where there is none. */
pid_t tree_root(const struct processes *all, const struct process *p)
{
    pid_t agent = getpid();
    for (size_t depth = 0; p && depth <= all->count; depth++) {
        if (p->parent == agent)
            return p->pid;
        p = processes_find(all, p->parent);
    }
    return 0;
}

/* The command's living processes, the keeper not among them. Every process that lives throughout the scan is
 * found; one that is born meanwhile may be missed, but not by the next scan if its parent was stopped before it. */
bool tree_scan(const struct command *c, struct processes *tree)
{
    DIR *proc = opendir("/proc");
    *tree = (struct processes){.list = NULL};
    if (!proc)
        return false;
    bool fits = read_all(proc, tree);
    mark_members(dirfd(proc), tree, c);
    drop_others(tree);
    closedir(proc);
    return fits;
}
