/* How a command ends: reports of keepers, deaths of keepers, what is left behind. */
#include "agent.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEEPER_STOPS = 1000 };

/* Keepers that said their last word and have not exited yet: they are nobody's leftover. */
static pid_t leaving[MAX_COMMANDS];

static void replace_leaving(pid_t old, pid_t new)
{
    for (size_t i = 0; i < MAX_COMMANDS; i++)
        if (leaving[i] == old) {
            leaving[i] = new;
            return;
        }
}

bool keeper_is_leaving(pid_t pid)
{
    for (size_t i = 0; i < MAX_COMMANDS; i++)
        if (leaving[i] == pid)
            return true;
    return false;
}

static void count_left(struct command *c)
{
    struct processes tree;
    c->left_count = c->left_named = 0;
    if (!(c->keeper || c->orphaned) || !tree_scan(c, &tree))
        return;
    for (size_t i = 0; i < tree.count; i++) {
        if (tree.list[i].is_exiting)
            continue;
        c->left_count++;
        if (c->left_named < MAX_LEFT)
            c->left[c->left_named++] = tree.list[i].pid;
    }
    processes_free(&tree);
}

/* Whatever there is to tell is known; EXITED follows. Called again when what was left behind has been killed. */
void command_finish(struct command *c)
{
    output_drain(c);
    count_left(c);
    if (!c->main_done && !c->finished) {
        c->status = 0x100 | SIGKILL;
        c->ended = now_us();
    }
    if (!c->finished)
        c->oom_kills = oom_kills() - c->oom_before;
    c->finished = true;
    c->deadline = NEVER;
    c->end_total = c->record.total;
    c->exited_due = true;
    if (!c->keeper && !c->left_count)
        command_release(c);
    deliver_soon(c, 0);
}

/* The report is complete. */
static void main_ended(struct command *c)
{
    const struct report *r = &reports[command_index(c)];
    if (c->main_done)
        return;
    c->main_done = true;
    c->main = r->main_pid;
    c->ended = r->ended;
    c->status = (uint32_t)(r->status & 0xff) | (r->code == CLD_EXITED ? 0 : 0x100);
    if (c->why == RUNS)
        c->why = r->code == CLD_EXITED ? WHY_EXITED : WHY_SIGNALLED;
    if (c->ending.phase == NOT_ENDING && !c->finished)
        command_finish(c);
}

/* The pids limit may be reached in the keeper as well as in the agent. */
static void not_started(struct command *c, const struct report *r)
{
    c->main_done = true;
    c->failed_step = r->failed_step;
    c->failed_errno = r->failed_errno;
    c->why = WHY_NOT_STARTED;
    c->ended = now_us();
    processes_free(&c->ending.seen);
    c->ending = (struct ending){.at = NEVER};
    if (r->failed_step != STEP_FORK) {
        command_finish(c);
        return;
    }
    if (c->connection >= 0)
        send_error(&connections[c->connection], c->id, "busy", NO_PROCESS, r->failed_errno);
    command_forget(c);
}

/* Nothing is left below the keeper. Its own exit follows, and matters to nobody. */
static void keeper_ended(struct command *c)
{
    const struct report *r = &reports[command_index(c)];
    c->main = r->main_pid;
    c->keeper = 0;
    if (r->failed_step) {
        not_started(c, r);
        return;
    }
    main_ended(c);
    if (c->ending.phase != NOT_ENDING)
        ending_tree_empty(c);
    else if (c->finished) {
        output_drain(c);
        command_release(c);
    }
}

/* Killed, since a keeper that ends tells so before. */
static void keeper_killed(struct command *c)
{
    struct report *r = &reports[command_index(c)];
    c->keeper = 0;
    c->main = r->main_pid;
    c->orphaned = true;
    if (r->failed_step) {
        not_started(c, r);
        return;
    }
    if (!r->main_pid)
        *r = (struct report){.done = 1, .code = CLD_KILLED, .status = SIGKILL, .ended = now_us()};
    if (r->done)
        main_ended(c);
}

static void child_gone(const siginfo_t *info)
{
    replace_leaving(info->si_pid, 0);
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++) {
        struct report *r = &reports[command_index(c)];
        if (!c->id)
            continue;
        if (c->keeper == info->si_pid) {
            (r->empty ? keeper_ended : keeper_killed)(c);
            return;
        }
        if (r->main_pid == info->si_pid && !r->done) {
            r->code = info->si_code;
            r->status = info->si_status;
            r->ended = now_us();
            r->done = 1;
            if (c->orphaned)
                main_ended(c);
        }
        ending_child_gone(c);
    }
}

/* A keeper that something stopped would hide the end of its command. */
static void child_stopped(pid_t pid)
{
    static int stops;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id && c->keeper == pid)
            kill(pid, ++stops < KEEPER_STOPS ? SIGCONT : SIGKILL);
    worker_stopped(pid);
}

void commands_reap(void)
{
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) < 0 || !info.si_pid)
            return;
        if (info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED)
            child_stopped(info.si_pid);
        else if (!worker_gone(info.si_pid))
            child_gone(&info);
    }
}

void commands_kicked(void)
{
    uint64_t count;
    if (read(KICK_FD, &count, sizeof count) < 0)
        return;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++) {
        const struct report *r = &reports[command_index(c)];
        if (!c->id || !c->keeper)
            continue;
        bool empty = __atomic_load_n(&r->empty, __ATOMIC_ACQUIRE);
        if (empty) {
            replace_leaving(0, c->keeper);
            keeper_ended(c);
        } else if (__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) && !r->failed_step)
            main_ended(c);
    }
}
