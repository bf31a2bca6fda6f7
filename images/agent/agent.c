/* The agent: first process of a sandbox. It starts commands for podexec and is the only one that always survives. */
// gcc -std=c11 -O2 -static -Wall -Wextra -Werror -DAGENT_VERSION="\"1.2.3\"" -o OUT images/agent/*.c
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EXIT_SETUP = 70, SLACK_US = 3000000, MAX_EVENTS = 64 };

const struct options *settings;
unsigned char instance[16];
int64_t lease_until = NEVER;
char *program_words;
size_t program_words_size;
unsigned char note[MAX_KEPT];
size_t note_length;
static int signal_fd = -1;
static const char *ending_reason;
static int64_t ending_until;

void lease_renew(void)
{
    if (settings->lease_ms)
        lease_until = now_us() + (int64_t)settings->lease_ms * 1000;
}

bool shutting_down(void) { return ending_reason != NULL; }

/* The agent exits when everything has ended, and at the latest when killing should have. */
void shut_down(const char *reason, uint32_t grace_ms, int signal)
{
    int64_t until = now_us() + (int64_t)grace_ms * 1000 + SLACK_US;
    if (!ending_reason || until < ending_until)
        ending_until = until;
    if (!ending_reason)
        ending_reason = reason;
    for (struct command *c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id && (command_is_busy(c) || command_has_left(c)))
            ending_begin(c, WHY_KILLED, grace_ms, signal);
}

/* Descriptors 0 to 2 exist for ever, so that no pipe of a command ever gets one of these numbers. */
static bool open_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* Everything is blocked, SIGPIPE included, and nothing is ignored: a command needs only an empty mask. */
static bool take_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL))
        return false;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return signal_fd >= 0 && watch_add(signal_fd, WATCH_SIGNAL, 0, EPOLLIN);
}

/* Sender 0: outside the sandbox. From inside, anybody may send anything: that says nothing. */
static void on_signals(void)
{
    struct signalfd_siginfo got[8];
    ssize_t size = read(signal_fd, got, sizeof got);
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *got; i++)
        if (got[i].ssi_signo != SIGCHLD && (got[i].ssi_pid == 0 || getpid() != 1))
            shut_down("signal", (uint32_t)settings->grace_ms, (int)got[i].ssi_signo);
    commands_reap();
}

static void dispatch(uint64_t event, uint32_t mask)
{
    size_t index = (size_t)(event & 0xffffffff);
    struct command *c = index < MAX_COMMANDS ? &commands[index] : commands;
    switch ((enum watch)(event >> 32)) {
    case WATCH_LISTEN: connection_accept(); break;
    case WATCH_SIGNAL: on_signals(); break;
    case WATCH_KICK: commands_kicked(); break;
    case WATCH_CONNECTION: connection_event(index, mask); break;
    case WATCH_WORKER: worker_event(index); break;
    case WATCH_OUTPUT:
        if (c->id && c->out_fd >= 0)
            output_ready(c);
        break;
    case WATCH_INPUT:
        if (c->id)
            input_flush(c);
        break;
    }
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void run(void)
{
    uint64_t events[MAX_EVENTS];
    uint32_t masks[MAX_EVENTS];
    int64_t next = NEVER;
    for (;;) {
        int count = loop_wait(least(next, ending_reason ? ending_until : lease_until), events, masks, MAX_EVENTS);
        for (int i = 0; i < count; i++)
            dispatch(events[i], masks[i]);
        int64_t now = now_us();
        if (!ending_reason && now >= lease_until)
            shut_down("lease", (uint32_t)settings->grace_ms, SIGTERM);
        next = least(commands_run_timers(now), workers_run_timers(now));
        connections_flush();
        if (ending_reason && (commands_quiet() || now >= ending_until))
            return;
    }
}

static int failed(const char *what)
{
    say("agent: %s: %s", what, strerror(errno));
    return EXIT_SETUP;
}

static int serve(const struct options *options)
{
    char complaints[256];
    snprintf(complaints, sizeof complaints, "%s.err", options->socket);
    complaint_file = complaints;
    settings = options;
    if (!open_streams() || getrandom(instance, sizeof instance, 0) != sizeof instance)
        return failed("setup");
    if (!keeper_setup() || !loop_open() || !take_signals() || !watch_add(KICK_FD, WATCH_KICK, 0, EPOLLIN))
        return failed("setup");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1))
        warn("processes that leave their command's tree are not found: %s", strerror(errno));
    if (!lock_down(options))
        return EXIT_SETUP;
    spill_setup(options->spill_dir, options->spill_limit);
    if (!listen_on(options->socket))
        return failed(options->socket);
    complaint_file = NULL;
    lease_renew();
    run();
    connections_bye(ending_reason);
#ifdef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 1); /* the leak check traces its own process */
#endif
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    program_words = argv[0];
    program_words_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        const char version[] = AGENT_VERSION "\n";
        return write(STDOUT_FILENO, version, sizeof version - 1) < 0;
    }
    if (argc >= 2 && !strcmp(argv[1], "idmap"))
        return idmap(argc - 2, argv + 2);
    int status = options_parse(argc, argv, &options);
    if (status)
        return status;
    return options.connect ? connect_relay(options.socket) : serve(&options);
}
