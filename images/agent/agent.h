/* podexec's agent: the first process of every sandbox. The protocol is in PROTOCOL.md. */
#ifndef AGENT_H
#define AGENT_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef AGENT_VERSION
#define AGENT_VERSION "development"
#endif

/* What an ERROR says when no process can be started, with errno behind it. */
#define NO_PROCESS "no process fits any more (shell_list tells what runs, shell_kill ends it)"

enum {
    PROTOCOL_VERSION = 1,
    HEADER_SIZE = 16,
    MAX_PAYLOAD = 262144,
    MAX_CONNECTIONS = 8,       /* that control; */
    MAX_WORKERS = 64,          /* and that have a purpose */
    MAX_PLACES = MAX_CONNECTIONS + MAX_WORKERS,
    MAX_RUNNING = 64,
    MAX_COMMANDS = 256,
    MAX_UNSENT = 1 << 20,      /* more unsent bytes than this stop OUTPUT and the reading of requests */
    MAX_INPUT = 262144,        /* unacknowledged bytes of standard input, one command */
    MEMORY_HALF = 32768,       /* an output record holds its first and its last half in memory */
    MAX_LEFT = 20,             /* processes that EXITED names */
    ARGS_KEPT = 2048,          /* bytes of arguments that LIST shows, one command */
    MAX_KEPT = 8192,           /* bytes of a NOTE, and of what START gives to keep */
    KICK_FD = 3,               /* the eventfd by which keepers wake the agent */
};

enum frame_type {
    HELLO = 1, START, INPUT, INPUT_END, SIGNAL, KILL, RESIZE, READ, ATTACH, FORGET, LIST, PING, SHUTDOWN,
    NOTE, PROCESSES,
    AGENT_HELLO = 65, STARTED, OUTPUT, INPUT_ACK, EXITED, DATA, LISTED, PONG, ERROR, BYE, PROCESS, OPENED,
};

enum purpose { CONTROL, FILES, WATCHES, PORT, PURPOSES };

enum why { RUNS = 0, WHY_EXITED, WHY_SIGNALLED, WHY_TIMED_OUT, WHY_KILLED, WHY_NOT_STARTED };

/* ---- frames.c: bytes to frames and back; nothing here touches a file or a process */
struct frame {
    uint8_t type;
    uint64_t command;
    const unsigned char *payload;
    uint32_t length;
};

enum parsed { FRAME_BAD = -1, FRAME_PARTIAL, FRAME_WHOLE };

struct field {
    uint8_t tag;
    uint32_t length;
    const unsigned char *bytes;
};

/* Bytes to be sent. `full` sticks when something did not fit: the connection then ends. */
struct buffer {
    unsigned char *bytes;
    size_t start, end, size;
    bool full;
};

struct start {
    char *block;               /* owns every string and both vectors */
    char **argv, **envp;
    size_t argc;
    char *cwd;
    uint32_t timeout_ms, grace_ms, head, tail;
    uint16_t rows, columns;
    bool has_input, is_terminal;
    const unsigned char *kept; /* inside the payload */
    uint32_t kept_length;
};

/* What HELLO asks for; podexec's numbers, unchecked. */
struct hello {
    unsigned version, purpose, port;
};

enum parsed frame_parse(const unsigned char *bytes, size_t length, struct frame *frame);
enum parsed field_next(const unsigned char **at, const unsigned char *end, struct field *field);
struct hello hello_parse(const unsigned char *payload, uint32_t length);
const char *start_parse(const unsigned char *payload, uint32_t length, char **environment, struct start *start);
uint16_t get16(const unsigned char *p);
uint32_t get32(const unsigned char *p);
uint64_t get64(const unsigned char *p);
void put_bytes(struct buffer *b, const void *bytes, size_t length);
void put_number(struct buffer *b, uint64_t value, unsigned width);
void put_field(struct buffer *b, uint8_t tag, const void *bytes, size_t length);
void put_field_number(struct buffer *b, uint8_t tag, uint64_t value, unsigned width);
size_t frame_begin(struct buffer *b, uint8_t type, uint64_t command);
void frame_end(struct buffer *b, size_t at);

/* ---- loop.c: the event loop's tools */

enum watch { WATCH_LISTEN = 1, WATCH_SIGNAL, WATCH_KICK, WATCH_CONNECTION, WATCH_OUTPUT, WATCH_INPUT, WATCH_WORKER };

#define NEVER INT64_MAX
int64_t now_us(void);
extern const char *complaint_file;
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *map_private(size_t size);
void unmap(void *address, size_t size);
void release_pages(void *address, size_t size);
bool loop_open(void);
int loop_wait(int64_t until, uint64_t *events, uint32_t *masks, int most);
bool watch_add(int fd, enum watch kind, size_t index, uint32_t mask);
void watch_change(int fd, enum watch kind, size_t index, uint32_t mask);
void watch_remove(int fd);
void watch_close(int *fd);

/* ---- options.c */

struct options {
    const char *socket, *spill_dir, *keep_caps, *block, *allow;
    uint64_t lease_ms, grace_ms, spill_limit;
    bool connect, lock_network;
};
int options_parse(int argc, char **argv, struct options *options);

/* ---- tree.c: who is below whom, from /proc */

struct process {
    pid_t pid, parent;
    uint64_t birth;            /* start time: pid and birth name a process for ever */
    uint64_t ticks, pages;     /* of CPU time, and of resident memory */
    char state;
    bool known, member, stopped, is_exiting;
};
struct processes {
    struct process *list;
    size_t count, room;
};
struct command;
bool tree_scan(const struct command *c, struct processes *tree);
bool tree_scan_all(struct processes *all);
pid_t tree_root(const struct processes *all, const struct process *p);
void processes_free(struct processes *p);
struct process *processes_find(const struct processes *p, pid_t pid);
bool processes_add(struct processes *p, const struct process *process);
pid_t parent_of(pid_t pid);
size_t command_line(pid_t pid, char *text, size_t room);

/* ---- spill.c: output that exceeds memory */

struct spill;
void spill_setup(const char *dir, uint64_t limit);
struct spill *spill_open(uint64_t id);
size_t spill_write(struct spill *s, const void *bytes, size_t length);
size_t spill_read(struct spill *s, uint64_t offset, void *bytes, size_t length);
void spill_finish(struct spill *s);
void spill_disown(struct spill *s);
uint64_t spill_size(const struct spill *s);
const char *spill_path(const struct spill *s);

/* ---- processes.c: what runs in the sandbox; sockets.c: who listens where */

enum { MAX_LISTED = 1024, MAX_SOCKETS = 64 };
struct listening {
    uint64_t inode;
    bool told;
    char address[56];
};
void put_processes(struct buffer *b, uint64_t request);
void sockets_scan(int64_t until);
size_t sockets_of(pid_t pid, const struct listening *list[MAX_SOCKETS]);
size_t sockets_untold(const struct listening *list[MAX_SOCKETS]);

/* ---- output.c: what a command wrote */

struct record {
    unsigned char *memory;     /* two halves: the first bytes, then a ring of the last */
    uint64_t total, kept;      /* written by the command; kept in the file, a prefix */
    struct spill *file;
    bool no_room;
};
bool record_add(struct record *r, uint64_t id, const unsigned char *bytes, size_t length);
size_t record_read(struct record *r, uint64_t *offset, unsigned char *bytes, size_t length);
uint64_t record_dropped(const struct record *r);
const char *record_file(const struct record *r);
void output_ready(struct command *c);
void output_drain(struct command *c);

/* ---- keeper.c */

/* Shared with the keeper, which may be killed at any instruction: every member is valid at every moment. */
struct report {
    int32_t main_pid;          /* 0 until the child exists; written by the child itself */
    int32_t done;              /* the members below are complete */
    int32_t code, status;      /* as in siginfo_t */
    int64_t ended;             /* microseconds */
    int32_t failed_step, failed_errno;
    int32_t empty;             /* no process is left below the keeper, which is about to exit */
};
void close_from(int first);
enum step { STEP_NONE, STEP_FORK, STEP_SESSION, STEP_CHDIR, STEP_EXEC };
bool keeper_setup(void);
/* The folder where commands start and relative paths begin. */
void enter_work_folder(void);
pid_t keeper_start(const struct start *start, int in, int out, struct report *report);
extern struct report *reports; /* one per place in the table of commands */

/* ---- command.c: the table of commands */

enum phase { NOT_ENDING, ENDING_TERM, ENDING_STOP, ENDING_KILL };
struct ending {
    enum phase phase;
    int64_t at, bound;         /* next step; the phase's last moment */
    struct processes seen;
    uint32_t killed, survivors;
};

struct command {
    uint64_t id;               /* 0: a free place */
    pid_t keeper, main;        /* keeper 0: gone; main 0: not known yet */
    bool main_done, finished, orphaned, is_terminal;
    enum why why;
    uint32_t status;
    int failed_step, failed_errno;
    int64_t started, ended, deadline;
    uint32_t grace_ms;
    struct ending ending;
    int out_fd, in_fd;
    struct record record;
    unsigned char *input;      /* MAX_INPUT bytes, a ring; mapped when first used */
    uint64_t input_got, input_taken;
    bool input_end, input_watched, ack_due;
    unsigned char last_input;
    int connection;            /* that gets the frames, or -1 */
    uint64_t pushed, head_end; /* deliver.c */
    uint32_t tail;
    bool started_due, exited_due;
    int64_t push_at;
    uint64_t end_total, oom_before, oom_kills;
    uint32_t left_count, left_named;
    pid_t left[MAX_LEFT];
    unsigned char *listed;     /* fields as LISTED carries them: arguments, and what START gave to keep */
    size_t listed_length;
};
extern struct command commands[MAX_COMMANDS];

struct command *command_find(uint64_t id);
const char *command_start(uint64_t id, struct start *start, int connection, const char **message);
void command_forget(struct command *c);
void command_release(struct command *c);
void command_finish(struct command *c);
bool command_has_left(struct command *c);
size_t command_index(const struct command *c);
bool command_is_busy(const struct command *c);
bool commands_quiet(void);
int64_t commands_run_timers(int64_t now);

/* ---- reap.c */
void commands_reap(void);
void commands_kicked(void);
bool keeper_is_leaving(pid_t pid);

/* ---- ending.c: killing a tree */

void ending_begin(struct command *c, enum why why, uint32_t grace_ms, int signal);
void ending_step(struct command *c, int64_t now);
void ending_tree_empty(struct command *c);
void ending_child_gone(struct command *c);

/* ---- input.c */

const char *input_take(struct command *c, const unsigned char *bytes, size_t length);
void input_finish(struct command *c);
void input_flush(struct command *c);
void input_release(struct command *c);

/* ---- deliver.c: what the attached connection gets */

void deliver_soon(struct command *c, int64_t delay_us);
void deliver(struct command *c);
void deliver_connection(int connection);
void put_exited(struct buffer *b, struct command *c, uint8_t tag_offset);

/* ---- connection.c */

struct connection {
    int fd;
    bool greeted, ending;      /* greeted: it controls */
    uint32_t mask;
    unsigned char *in;
    size_t in_start, in_end;
    struct buffer out;
};
extern struct connection connections[MAX_PLACES];
bool listen_on(const char *path);
void connection_accept(void);
void connection_event(size_t index, uint32_t mask);
bool connection_has_room(const struct connection *c);
void connections_flush(void);
void connections_bye(const char *reason);
size_t connections_that_control(void);
bool connection_send(struct connection *c);
pid_t peer_of(int fd);
void send_error(struct connection *to, uint64_t command, const char *code, const char *message, int error);

/* ---- requests.c: THE table of what podexec can ask */
bool request(struct connection *from, const struct frame *frame);

/* ---- worker.c: connections with a purpose, each in a process of its own */

/* NULL when a worker has taken the connection over, else an ERROR's code, with its message and errno. */
const char *worker_start(struct connection *from, enum purpose purpose, unsigned port, const char **message);
bool worker_is(pid_t pid);
bool worker_serves(pid_t peer);
bool worker_gone(pid_t pid);
void worker_stopped(pid_t pid);
void worker_event(size_t index);
int64_t workers_run_timers(int64_t now);
/* For workers, on a blocking descriptor: OPENED, after which the connection is the worker's own; or ERROR. */
bool worker_opened(int fd);
void worker_refuse(int fd, const char *code, const char *message, int error);

/* What a worker does: each answers worker_opened or worker_refuse first, and returns when the connection is over.
 * Descriptors 0 to 2 and the connection are all that is open, no signal is blocked, SIGPIPE is ignored. */
int port_serve(int fd, unsigned port);
int files_serve(int fd);
int watch_serve(int fd);

/* ---- agent.c */

extern const struct options *settings;
extern char *program_words;    /* the command line, as `ps` shows it */
extern size_t program_words_size;
extern unsigned char instance[16];
extern int64_t lease_until;
void lease_renew(void);
void shut_down(const char *reason, uint32_t grace_ms, int signal);
bool shutting_down(void);
extern unsigned char note[MAX_KEPT];
extern size_t note_length;

/* ---- lockdown.c, network.c, seccomp.c */

enum { MAX_WARNINGS = 16, WARNING_SIZE = 200 };
extern char warnings[MAX_WARNINGS][WARNING_SIZE];
extern size_t warning_count;
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool lock_down(const struct options *options);
bool lock_network(const struct options *options);
bool lock_system_calls(void);
void raise_oom_score(bool raised);
uint64_t oom_kills(void);

/* ---- connect.c */
int connect_relay(const char *path);

/* ---- idmap.c */
int idmap(int count, char **words);

#endif
