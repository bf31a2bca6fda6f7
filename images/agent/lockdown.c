/* What the sandbox must not be able to do, settled before the first command. Steps that fail become HELLO warnings. */
#include "agent.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OOM_RAISE = 200, OOM_MOST = 1000 };

char warnings[MAX_WARNINGS][WARNING_SIZE];
size_t warning_count;
static char oom_scores[2][16];
static int oom_score_fd = -1;
static int oom_fd = -1;

static const char *const names[] = {
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
    "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
    "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
    "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
    "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};

void warn(const char *format, ...)
{
    va_list args;
    if (warning_count == MAX_WARNINGS)
        return;
    va_start(args, format);
    vsnprintf(warnings[warning_count++], WARNING_SIZE, format, args);
    va_end(args);
}

static bool parse_caps(const char *list, uint64_t *keep)
{
    *keep = 0;
    while (*list) {
        size_t length = strcspn(list, ","), i = 0, count = sizeof names / sizeof *names;
        while (i < count && (strlen(names[i]) != length || memcmp(names[i], list, length)))
            i++;
        if (i == count && length) {
            say("agent: --keep-caps: there is no capability '%.*s'", (int)length, list);
            return false;
        }
        if (length)
            *keep |= 1ULL << i;
        list += length + (list[length] == ',');
    }
    return true;
}

static bool drop_bounding(uint64_t keep)
{
    int error = 0;
    unsigned long cap = 0;
    for (int has; cap < 64 && (has = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++)
        if (has && !(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap))
            error = errno;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    errno = error;
    return error == 0;
}

static bool drop_caps(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = 0}};
    if (!syscall(SYS_capget, &header, data)) {
        for (int i = 0; i < 2; i++) {
            data[i].permitted &= (uint32_t)(keep >> 32 * i);
            data[i].effective = data[i].permitted;
            data[i].inheritable = 0;
        }
    }
    return !syscall(SYS_capset, &header, data);
}

static void find_oom_score(void)
{
    char text[16] = "";
    oom_score_fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (oom_score_fd < 0 || read(oom_score_fd, text, sizeof text - 1) <= 0)
        return;
    int own = atoi(text), raised = own + OOM_RAISE;
    snprintf(oom_scores[0], sizeof oom_scores[0], "%d", own);
    snprintf(oom_scores[1], sizeof oom_scores[1], "%d", raised < OOM_MOST ? raised : OOM_MOST);
}

/* Commands go first when memory runs out. The agent raises itself for the moment of a fork: its own score may come
 * down again without a privilege, and to open a new process's file in /proc would cost more than all the rest. */
void raise_oom_score(bool raised)
{
    const char *score = oom_scores[raised];
    if (oom_score_fd >= 0 && *score && pwrite(oom_score_fd, score, strlen(score), 0) < 0)
        warn("out-of-memory score: %s", strerror(errno));
}

static void find_oom_counter(void)
{
    oom_fd = open("/sys/fs/cgroup/memory.events", O_RDONLY | O_CLOEXEC);
    if (oom_fd < 0)
        oom_fd = open("/sys/fs/cgroup/memory/memory.oom_control", O_RDONLY | O_CLOEXEC);
}

/* Out-of-memory kills in the sandbox so far. */
uint64_t oom_kills(void)
{
    char text[512];
    ssize_t got = oom_fd < 0 ? -1 : pread(oom_fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return 0;
    text[got] = 0;
    const char *at = strstr(text, "oom_kill ");
    return at ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
}

/* What a sandbox is not safe without ends it before its first command; a plain process, in tests, goes on. */
static bool lacking(const char *what)
{
    int error = errno;
    warn("%s: %s", what, strerror(error));
    if (getpid() != 1)
        return true;
    say("agent: %s: %s", what, strerror(error));
    return false;
}

/* False: the agent must not start. */
bool lock_down(const struct options *options)
{
    uint64_t keep;
    if (!parse_caps(options->keep_caps, &keep))
        return false;
    find_oom_score();
    find_oom_counter();
    if (!lock_network(options))
        return false;
    return (drop_bounding(keep) || lacking("capabilities stay in the bounding set")) &&
           (drop_caps(keep) || lacking("capabilities cannot be dropped")) &&
           (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || lacking("no_new_privs")) &&
           (lock_system_calls() || lacking("system calls are not filtered")) &&
           (!prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || lacking("the agent can be traced"));
}
