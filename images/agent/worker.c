/* Workers: a connection with a purpose has a process of its own, forked from the agent, so that what hangs there hangs
 * nothing else. The agent keeps a copy of the connection, only to see that the other side has left it. */
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GRACES = 5, STOPS_MOST = 1000, WORKER_FD = 3 };

struct worker {
    pid_t pid;                 /* 0: a free place */
    int fd;
    int64_t kill_at;
    int stops;
};

static struct worker workers[MAX_WORKERS];

static const char *const names[PURPOSES] = {[FILES] = "files", [WATCHES] = "watch", [PORT] = "port"};

static struct worker *find_worker(pid_t pid)
{
    for (struct worker *w = workers; w < workers + MAX_WORKERS; w++)
        if (pid > 0 && w->pid == pid)
            return w;
    return NULL;
}

static struct worker *free_place(void)
{
    for (struct worker *w = workers; w < workers + MAX_WORKERS; w++)
        if (!w->pid)
            return w;
    return NULL;
}

bool worker_is(pid_t pid) { return find_worker(pid) != NULL; }

/* Whether this process outside of all commands, `agent connect`, is a worker's other side. */
bool worker_serves(pid_t peer)
{
    for (struct worker *w = workers; w < workers + MAX_WORKERS; w++)
        if (w->pid && peer_of(w->fd) == peer)
            return true;
    return false;
}

static void name_process(enum purpose purpose, unsigned port)
{
    char name[16];
    snprintf(name, sizeof name, "agent-%s", names[purpose]);
    prctl(PR_SET_NAME, name);
    memset(program_words, 0, program_words_size);
    if (purpose == PORT)
        snprintf(program_words, program_words_size, "agent port %u", port);
    else
        snprintf(program_words, program_words_size, "agent %s", names[purpose]);
}

/* Everything else that makes it like a command is inherited: capabilities, the filter, no_new_privs, the raised score. */
static bool become_worker(int fd, pid_t agent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != agent || setsid() < 0)
        return false;
    if (fd != WORKER_FD && dup2(fd, WORKER_FD) < 0)
        return false;
    close_from(WORKER_FD + 1);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    return !sigprocmask(SIG_SETMASK, &none, NULL) && fcntl(WORKER_FD, F_SETFL, 0) == 0;
}

static _Noreturn void run_worker(int fd, pid_t agent, enum purpose purpose, unsigned port)
{
    if (!become_worker(fd, agent))
        _exit(1);
    name_process(purpose, port);
    switch (purpose) {
    case FILES: _exit(files_serve(WORKER_FD));
    case WATCHES: _exit(watch_serve(WORKER_FD));
    default: _exit(port_serve(WORKER_FD, port));
    }
}

/* A copy, because the connection itself is closed like any other. The hang-up of both directions is always reported. */
static bool watch_copy(struct worker *w, int fd)
{
    w->fd = fcntl(fd, F_DUPFD_CLOEXEC, WORKER_FD + 1);
    if (w->fd >= 0 && watch_add(w->fd, WATCH_WORKER, (size_t)(w - workers), EPOLLONESHOT))
        return true;
    int error = errno;
    watch_close(&w->fd);
    errno = error;
    return false;
}

const char *worker_start(struct connection *from, enum purpose purpose, unsigned port, const char **message)
{
    struct worker *w = free_place();
    errno = 0;
    *message = shutting_down() ? "the sandbox is ending" : "64 connections with a purpose are open";
    if (!w || shutting_down())
        return "busy";
    *message = "the agent cannot hand the connection over";
    if (!connection_send(from) || !watch_copy(w, from->fd))
        return "busy";
    *message = NO_PROCESS;
    pid_t agent = getpid();
    raise_oom_score(true);
    pid_t pid = fork();
    if (pid == 0)
        run_worker(from->fd, agent, purpose, port);
    int error = errno;
    raise_oom_score(false);
    if (pid < 0) {
        watch_close(&w->fd);
        errno = error;
        return "busy";
    }
    w->pid = pid;
    w->kill_at = NEVER;
    w->stops = 0;
    return NULL;
}

/* True when it was a worker that ended: no command of anybody. */
bool worker_gone(pid_t pid)
{
    struct worker *w = find_worker(pid);
    if (!w)
        return false;
    watch_close(&w->fd);
    *w = (struct worker){.fd = -1};
    return true;
}

/* Anything in the sandbox may stop it, and nobody else would continue it. */
void worker_stopped(pid_t pid)
{
    struct worker *w = find_worker(pid);
    if (w)
        kill(pid, ++w->stops < STOPS_MOST ? SIGCONT : SIGKILL);
}

/* The other side has left, or both directions have ended: a worker that hangs in a system call does not notice. */
void worker_event(size_t index)
{
    struct worker *w = index < MAX_WORKERS ? &workers[index] : workers;
    if (w->pid && w->kill_at == NEVER)
        w->kill_at = now_us() + GRACES * (int64_t)settings->grace_ms * 1000;
}

int64_t workers_run_timers(int64_t now)
{
    int64_t next = NEVER;
    for (struct worker *w = workers; w < workers + MAX_WORKERS; w++) {
        if (!w->pid || w->kill_at == NEVER)
            continue;
        if (w->kill_at <= now) {
            kill(w->pid, SIGKILL);
            w->kill_at = NEVER;
        }
        next = w->kill_at < next ? w->kill_at : next;
    }
    return next;
}

static bool answer(int fd, uint8_t type, const struct buffer *fields)
{
    unsigned char bytes[512];
    struct buffer b = {.bytes = bytes, .size = sizeof bytes};
    size_t frame = frame_begin(&b, type, 0);
    put_bytes(&b, fields->bytes, fields->end);
    frame_end(&b, frame);
    return !b.full && send(fd, b.bytes, b.end, MSG_NOSIGNAL) == (ssize_t)b.end;
}

bool worker_opened(int fd) { return answer(fd, OPENED, &(struct buffer){.end = 0}); }

void worker_refuse(int fd, const char *code, const char *message, int error)
{
    unsigned char bytes[400];
    char text[200];
    struct buffer b = {.bytes = bytes, .size = sizeof bytes};
    snprintf(text, sizeof text, error ? "%s: %s" : "%s", message, strerror(error));
    put_field(&b, 1, code, strlen(code));
    put_field(&b, 2, text, strlen(text));
    if (error)
        put_field_number(&b, 3, (uint32_t)error, 4);
    answer(fd, ERROR, &b);
}
