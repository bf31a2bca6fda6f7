/* The keeper: one process per command, a subreaper, so that whatever the command starts stays below it.
 * It reports through memory that it shares with the agent, and wakes the agent by its own exit, or, when
 * processes are left, through an eventfd. Anything in the sandbox may kill or stop it at any moment. */
#include "agent.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct report *reports;
static char work_folder[PATH_MAX];

/* By its name, each time: whoever removed it and made it anew means the new one. */
void enter_work_folder(void)
{
    if (work_folder[0] && chdir(work_folder))
        return; /* the removed one is as good as none, and the shell says so */
}

bool keeper_setup(void)
{
    if (!getcwd(work_folder, sizeof work_folder))
        work_folder[0] = 0;
    size_t size = MAX_COMMANDS * sizeof *reports;
    reports = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED)
        return false;
    int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (kick < 0)
        return false;
    if (kick == KICK_FD)
        return true;
    bool moved = dup3(kick, KICK_FD, O_CLOEXEC) == KICK_FD;
    close(kick);
    return moved;
}

void close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (int fd = first; fd < (int)limit.rlim_cur; fd++)
        close(fd);
}

static _Noreturn void fail(struct report *report, enum step step)
{
    report->failed_errno = errno;
    __atomic_store_n(&report->failed_step, step, __ATOMIC_RELEASE);
    _exit(127);
}

/* Like execvpe, but a file without an interpreter line is not given to a shell. */
static void execute(char *const *argv, char *const *envp)
{
    const char *path = NULL;
    for (char *const *e = envp; *e && !path; e++)
        path = strncmp(*e, "PATH=", 5) ? NULL : *e + 5;
    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, envp);
        return;
    }
    if (!path)
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char file[4096];
    size_t name = strlen(argv[0]) + 1;
    int denied = 0;
    for (bool last = false; !last; ) {
        size_t length = strcspn(path, ":");
        last = !path[length];
        if (length + 1 + name <= sizeof file) {
            memcpy(file, length ? path : ".", length ? length : 1);
            file[length ? length : 1] = '/';
            memcpy(file + (length ? length : 1) + 1, argv[0], name);
            execve(file, argv, envp);
            if (errno == EACCES)
                denied = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        path += length + 1;
    }
    errno = denied ? denied : ENOENT;
}

/* Runs in the keeper's memory (vfork) until execve: it must change nothing there but the report. */
static _Noreturn void become(const struct start *start, struct report *report)
{
    __atomic_store_n(&report->main_pid, (int32_t)getpid(), __ATOMIC_RELEASE);
    if (setsid() < 0 || (start->is_terminal && ioctl(0, TIOCSCTTY, 0) < 0))
        fail(report, STEP_SESSION);
    enter_work_folder();
    if (start->cwd && chdir(start->cwd) < 0)
        fail(report, STEP_CHDIR);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execute(start->argv, start->envp);
    fail(report, STEP_EXEC);
}

static void close_streams(void)
{
    close(0);
    close(1);
    close(2);
}

/* WNOWAIT first: were the keeper killed between reaping and reporting, nobody would know the status. */
static void reap_one(struct report *report, const siginfo_t *info)
{
    if (info->si_pid == report->main_pid && !report->done) {
        report->code = info->si_code;
        report->status = info->si_status;
        report->ended = now_us();
        __atomic_store_n(&report->done, 1, __ATOMIC_RELEASE);
    }
    siginfo_t reaped;
    waitid(P_PID, (id_t)info->si_pid, &reaped, WEXITED);
}

static void kick(void)
{
    const uint64_t one = 1;
    while (write(KICK_FD, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Until the last process below is gone. Once the main process and what ended with it are reaped, the agent is woken:
 * it need not wait for this process's own exit. */
static void keep(struct report *report)
{
    bool told = false;
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        bool none = waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | (report->done && !told ? WNOHANG : 0)) < 0;
        if (none && errno == EINTR)
            continue;
        if (!none && info.si_pid) {
            reap_one(report, &info);
            continue;
        }
        if (none)
            __atomic_store_n(&report->empty, 1, __ATOMIC_RELEASE);
        if (!told)
            kick();
        told = true;
        if (none)
            return;
    }
}

static _Noreturn void run_keeper(const struct start *start, int in, int out, struct report *report)
{
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        fail(report, STEP_FORK);
    close_from(KICK_FD + 1);   /* the standard streams are the command's by now */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = vfork();
    if (child == 0)
        become(start, report);
    if (child < 0)
        fail(report, STEP_FORK);
    close_streams();
    free(start->block);
    keep(report);
    _exit(0);
}

/* The keeper's pid, or -1 with errno. */
pid_t keeper_start(const struct start *start, int in, int out, struct report *report)
{
    *report = (struct report){.main_pid = 0};
    raise_oom_score(true);
    pid_t keeper = fork();
    if (keeper == 0)
        run_keeper(start, in, out, report);
    int error = errno;
    raise_oom_score(false);
    errno = error;
    return keeper;
}
