/* Killing a tree: SIGTERM and a grace, then SIGSTOP until a scan finds nothing new, then SIGKILL.
 * Every step is one scan and returns to the event loop, so that a fork bomb delays nobody else. */
#include "agent.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_US = 1000000, KILL_US = 1500000, SWEEP_US = 1000, CHECK_US = 10000 };

static struct process *seen_before(const struct ending *e, const struct process *p)
{
    for (size_t i = 0; i < e->seen.count; i++)
        if (e->seen.list[i].pid == p->pid && e->seen.list[i].birth == p->birth)
            return &e->seen.list[i];
    return NULL;
}

static void signal_all(struct command *c, const struct processes *tree, int signal)
{
    for (size_t i = 0; i < tree->count; i++) {
        const struct process *p = &tree->list[i];
        kill(p->pid, signal);
        if (!seen_before(&c->ending, p) && !processes_add(&c->ending.seen, p))
            c->ending.killed++;
    }
}

/* True when everything alive had been stopped before: nothing can fork any more. */
static bool stop_all(struct command *c, const struct processes *tree)
{
    bool stable = true;
    signal_all(c, tree, SIGSTOP);
    for (size_t i = 0; i < tree->count; i++) {
        struct process *p = seen_before(&c->ending, &tree->list[i]);
        stable &= p && p->stopped;
        if (p)
            p->stopped = true;
    }
    return stable;
}

static void done(struct command *c, uint32_t survivors)
{
    struct ending *e = &c->ending;
    e->killed += (uint32_t)e->seen.count;
    e->killed -= survivors < e->killed ? survivors : e->killed;
    e->survivors = survivors;
    e->phase = NOT_ENDING;
    e->at = NEVER;
    processes_free(&e->seen);
    command_finish(c);
}

/* The keeper is the last to leave: with processes alive it stays, and its exit says that the tree is empty. */
static bool is_over(struct command *c, const struct processes *tree)
{
    if (tree->count)
        return false;
    if (c->keeper)
        kill(c->keeper, SIGCONT);
    return c->main_done && !c->keeper;
}

static void step_stop(struct command *c, const struct processes *tree, int64_t now)
{
    struct ending *e = &c->ending;
    bool stable = stop_all(c, tree);
    e->at = now + SWEEP_US;
    if (!stable && now < e->bound)
        return;
    signal_all(c, tree, SIGKILL);
    e->phase = ENDING_KILL;
    e->bound = now + KILL_US;
    e->at = now + CHECK_US;
}

static void step_kill(struct command *c, const struct processes *tree, int64_t now)
{
    signal_all(c, tree, SIGKILL);
    c->ending.at = now + CHECK_US;
    if (now >= c->ending.bound)
        done(c, (uint32_t)tree->count);
}

/* Nobody knows who is below: what can be reached is killed, and nobody may say that none survives. */
static void step_blind(struct command *c, int64_t now)
{
    if (c->main)
        kill(-c->main, SIGKILL);
    c->ending.at = now + CHECK_US;
    if (now >= c->ending.bound)
        done(c, 1);
}

void ending_step(struct command *c, int64_t now)
{
    struct processes tree;
    bool scanned = tree_scan(c, &tree);
    if (c->ending.phase == ENDING_TERM) {
        c->ending.phase = ENDING_STOP;
        c->ending.bound = now + STOP_US;
    }
    if (!scanned)
        step_blind(c, now);
    else if (is_over(c, &tree))
        done(c, 0);
    else if (c->ending.phase == ENDING_STOP)
        step_stop(c, &tree, now);
    else
        step_kill(c, &tree, now);
    processes_free(&tree);
}

/* A second call only shortens the grace. */
void ending_begin(struct command *c, enum why why, uint32_t grace_ms, int signal)
{
    struct ending *e = &c->ending;
    int64_t now = now_us(), until = now + (int64_t)grace_ms * 1000;
    if (e->phase != NOT_ENDING) {
        if (e->phase == ENDING_TERM && until < e->at)
            e->at = until;
        return;
    }
    if (!c->main_done)
        c->why = why;
    c->deadline = NEVER;
    *e = (struct ending){.phase = ENDING_TERM, .at = until};
    struct processes tree;
    bool scanned = tree_scan(c, &tree);
    if (!scanned && c->main)
        kill(-c->main, signal);
    if (grace_ms) {
        signal_all(c, &tree, signal);
        for (size_t i = 0; i < tree.count; i++)
            kill(tree.list[i].pid, SIGCONT);
    }
    bool over = scanned && c->main_done && is_over(c, &tree);
    processes_free(&tree);
    if (over)
        done(c, 0);
    else if (!grace_ms)
        ending_step(c, now);
}

void ending_tree_empty(struct command *c) { done(c, 0); }

/* Without a keeper nobody says that the tree is empty. */
void ending_child_gone(struct command *c)
{
    struct processes tree;
    if (!c->orphaned || c->ending.phase == NOT_ENDING || !c->main_done || !tree_scan(c, &tree))
        return;
    bool over = !tree.count;
    processes_free(&tree);
    if (over)
        done(c, 0);
}
