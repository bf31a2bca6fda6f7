/* The filter of system calls, on top of the runtime's. The agent is under it too: it needs none of these. */
#include "agent.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the agent knows x86_64 and aarch64"
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum {
    NR_OPEN_TREE_ATTR = 467,
    X32_BIT = 0x40000000,
    LEVEL_IP = 0, OPTION_IP_UNICAST_IF = 50, LEVEL_IPV6 = 41, OPTION_IPV6_UNICAST_IF = 76, OPTION_BIND_INDEX = 62,
    MAX_RULES = 240,
};

static const unsigned NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                   CLONE_NEWCGROUP;

static const int refused[] = {
    SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, NR_OPEN_TREE_ATTR, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_bpf, SYS_perf_event_open,
    SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_kexec_load, SYS_kexec_file_load,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_open_by_handle_at,
};

/* A socket that is bound to an interface, or that asks not to be routed, goes past `unreachable` routes. */
static const struct {
    unsigned level, option;
} binding[] = {
    {SOL_SOCKET, SO_BINDTODEVICE},
    {SOL_SOCKET, SO_DONTROUTE},
    {SOL_SOCKET, OPTION_BIND_INDEX},
    {LEVEL_IP, OPTION_IP_UNICAST_IF},
    {LEVEL_IPV6, OPTION_IPV6_UNICAST_IF},
};

/* Where the flags of a message stand. */
static const struct {
    int number, argument;
} sending[] = {{SYS_sendto, 3}, {SYS_sendmsg, 2}, {SYS_sendmmsg, 3}};

/* Commands have the agent's user, who may change the limits and the scheduling of its own processes: not of process 1. */
static const int tuning[] = {SYS_prlimit64, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_sched_setaffinity};

/* The kinds of setpriority and ioprio_set that reach all processes of a user, and who is meant otherwise. */
static const struct {
    int number;
    unsigned user;
} priorities[] = {{SYS_setpriority, 2}, {SYS_ioprio_set, 3}};

static const unsigned families[] = {AF_VSOCK, AF_ALG};

struct program {
    struct sock_filter code[MAX_RULES];
    unsigned short length;
};

static void emit(struct program *p, unsigned code, unsigned value, unsigned char yes, unsigned char no)
{
    if (p->length < MAX_RULES)
        p->code[p->length++] = (struct sock_filter){(unsigned short)code, yes, no, value};
}

static void load(struct program *p, size_t offset) { emit(p, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0); }
static void answer(struct program *p, int error) { emit(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error, 0, 0); }
static void allow(struct program *p) { emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0); }
static size_t argument(int i) { return offsetof(struct seccomp_data, args) + 8 * (size_t)i; }

/* Goes on with the next instruction when equal, else past `skip` of them. */
static void unless_equal(struct program *p, unsigned value, size_t skip)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)skip);
}

static void foreign_tables(struct program *p)
{
    load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    answer(p, ENOSYS);
    load(p, offsetof(struct seccomp_data, nr));
    emit(p, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1);
    answer(p, ENOSYS);
}

/* clone's low byte is the exit signal: CLONE_NEWTIME exists for unshare and clone3 only. */
static void namespaces(struct program *p, unsigned number, unsigned flags)
{
    unless_equal(p, number, 4);
    load(p, argument(0));
    emit(p, BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1);
    answer(p, EPERM);
    allow(p);
}

static void sockets(struct program *p)
{
    size_t count = sizeof families / sizeof *families;
    unless_equal(p, SYS_socket, 2 + 2 * count);
    load(p, argument(0));
    for (size_t i = 0; i < count; i++) {
        unless_equal(p, families[i], 1);
        answer(p, EAFNOSUPPORT);
    }
    allow(p);
}

static void options(struct program *p)
{
    size_t count = sizeof binding / sizeof *binding;
    unless_equal(p, SYS_setsockopt, 1 + 5 * count);
    for (size_t i = 0; i < count; i++) {
        load(p, argument(1));
        unless_equal(p, binding[i].level, 3);
        load(p, argument(2));
        unless_equal(p, binding[i].option, 1);
        answer(p, EPERM);
    }
    allow(p);
}

static void messages(struct program *p)
{
    for (size_t i = 0; i < sizeof sending / sizeof *sending; i++) {
        unless_equal(p, (unsigned)sending[i].number, 4);
        load(p, argument(sending[i].argument));
        emit(p, BPF_JMP | BPF_JSET | BPF_K, MSG_DONTROUTE, 0, 1);
        answer(p, EPERM);
        allow(p);
    }
}

static void agent_tuning(struct program *p)
{
    for (size_t i = 0; i < sizeof tuning / sizeof *tuning; i++) {
        unless_equal(p, (unsigned)tuning[i], 4);
        load(p, argument(0));
        unless_equal(p, 1, 1);
        answer(p, EPERM);
        allow(p);
    }
    for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
        unless_equal(p, (unsigned)priorities[i].number, 7);
        load(p, argument(0));
        unless_equal(p, priorities[i].user, 1);
        answer(p, EPERM);
        load(p, argument(1));
        unless_equal(p, 1, 1);
        answer(p, EPERM);
        allow(p);
    }
}

/* False with errno. no_new_privs is set already. */
bool lock_system_calls(void)
{
    static struct program p;
    foreign_tables(&p);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        unless_equal(&p, (unsigned)refused[i], 1);
        answer(&p, EPERM);
    }
    unless_equal(&p, SYS_clone3, 1);
    answer(&p, ENOSYS);
    namespaces(&p, SYS_clone, NAMESPACES);
    namespaces(&p, SYS_unshare, NAMESPACES | CLONE_NEWTIME);
    sockets(&p);
    options(&p);
    messages(&p);
    agent_tuning(&p);
    allow(&p);
    struct sock_fprog program = {.len = p.length, .filter = p.code};
    return !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ||
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
