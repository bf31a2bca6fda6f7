/* THE table of what podexec can ask, and how each is answered. */
#include "agent.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

extern char **environ;

typedef void handler(struct connection *from, struct command *c, const struct frame *f);

/* Why the agent does not go on, or NULL. */
static const char *refuse_hello(const struct connection *from, const struct hello *hello, const struct frame *f,
                                const char **message)
{
    bool first = !from->greeted, controls = hello->purpose == CONTROL;
    *message = "the agent speaks version 1 of the protocol";
    if (hello->version < PROTOCOL_VERSION)
        return "unsupported";
    *message = "there is no such purpose";
    if (hello->purpose >= PURPOSES)
        return "unsupported";
    *message = "8 connections control the sandbox already";
    if (controls && first && connections_that_control() >= MAX_CONNECTIONS)
        return "busy";
    *message = !first ? "the connection has a purpose already" : "port: a number from 1 to 65535 is missing";
    if (!controls && (!first || (hello->purpose == PORT && !hello->port)))
        return "invalid";
    *message = "bytes came before the connection was opened";
    return controls || f->payload + f->length == from->in + from->in_end ? NULL : "invalid";
}

static void put_hello(struct buffer *b)
{
    size_t frame = frame_begin(b, AGENT_HELLO, 0);
    put_field_number(b, 1, PROTOCOL_VERSION, 2);
    put_field(b, 2, AGENT_VERSION, strlen(AGENT_VERSION));
    put_field(b, 3, instance, sizeof instance);
    for (size_t i = 0; i < warning_count; i++)
        put_field(b, 4, warnings[i], strlen(warnings[i]));
    if (note_length)
        put_field(b, 5, note, note_length);
    frame_end(b, frame);
}

static void on_hello(struct connection *from, struct command *c, const struct frame *f)
{
    (void)c;
    struct hello hello = hello_parse(f->payload, f->length);
    const char *message, *code = refuse_hello(from, &hello, f, &message);
    errno = 0;
    if (!code) {
        put_hello(&from->out);
        from->greeted = hello.purpose == CONTROL;
        if (!from->greeted)
            code = worker_start(from, (enum purpose)hello.purpose, hello.port, &message);
    }
    if (code)
        send_error(from, 0, code, message, errno);
    from->ending = code || !from->greeted;
    if (from->greeted)
        lease_renew();
}

static void on_start(struct connection *from, struct command *c, const struct frame *f)
{
    struct start start;
    const char *message;
    if (c || !f->command) {
        send_error(from, f->command, c ? "exists" : "invalid", c ? "the command is known already" : "the id is 0", 0);
        return;
    }
    const char *code = "invalid";
    message = start_parse(f->payload, f->length, environ, &start);
    errno = 0;
    if (!message)
        code = command_start(f->command, &start, (int)(from - connections), &message);
    if (code)
        send_error(from, f->command, code, message, errno);
    free(start.block);
}

static void on_input(struct connection *from, struct command *c, const struct frame *f)
{
    const char *wrong = input_take(c, f->payload, f->length);
    if (wrong)
        send_error(from, f->command, "invalid", wrong, 0);
}

static void on_input_end(struct connection *from, struct command *c, const struct frame *f)
{
    (void)from, (void)f;
    input_finish(c);
}

static void on_signal(struct connection *from, struct command *c, const struct frame *f)
{
    uint32_t signal = get32(f->payload);
    if (!c->main)
        c->main = __atomic_load_n(&reports[command_index(c)].main_pid, __ATOMIC_ACQUIRE);
    if (signal < 1 || signal > 64)
        send_error(from, f->command, "invalid", "there is no such signal", 0);
    else if (c->main_done || !c->main)
        send_error(from, f->command, "unknown", "the main process does not run", 0);
    else if (kill(c->main, (int)signal))
        send_error(from, f->command, "start", "kill", errno);
}

static void on_kill(struct connection *from, struct command *c, const struct frame *f)
{
    c->connection = (int)(from - connections);
    ending_begin(c, WHY_KILLED, get32(f->payload), SIGTERM);
}

static void on_resize(struct connection *from, struct command *c, const struct frame *f)
{
    struct winsize size = {.ws_row = get16(f->payload), .ws_col = get16(f->payload + 2)};
    if (!c->is_terminal)
        send_error(from, f->command, "invalid", "the command has no terminal", 0);
    else if (c->in_fd >= 0)
        ioctl(c->in_fd, TIOCSWINSZ, &size);
}

static void on_read(struct connection *from, struct command *c, const struct frame *f)
{
    static unsigned char bytes[MAX_PAYLOAD - 16];
    uint64_t offset = get64(f->payload), most = get32(f->payload + 8), total = c->record.total;
    if (most > sizeof bytes)
        most = sizeof bytes;
    if (offset == UINT64_MAX)
        offset = total > most ? total - most : 0;
    uint64_t start = offset;
    size_t length = record_read(&c->record, &start, bytes, (size_t)most);
    while (length && length < most) {
        uint64_t next = start + length;
        size_t more = record_read(&c->record, &next, bytes + length, (size_t)most - length);
        if (!more || next != start + length)
            break;
        length += more;
    }
    size_t frame = frame_begin(&from->out, DATA, f->command);
    put_number(&from->out, start, 8);
    put_number(&from->out, total, 8);
    put_bytes(&from->out, bytes, length);
    frame_end(&from->out, frame);
    if (length > MEMORY_HALF)
        release_pages((void *)(((uintptr_t)bytes + 4095) & ~(uintptr_t)4095), (sizeof bytes - 4096) & ~(size_t)4095);
}

static void on_attach(struct connection *from, struct command *c, const struct frame *f)
{
    uint64_t offset = get64(f->payload);
    uint32_t head = get32(f->payload + 8);
    c->connection = (int)(from - connections);
    c->pushed = offset < c->record.total ? offset : c->record.total;
    c->head_end = c->pushed + head;
    c->tail = get32(f->payload + 12);
    c->started_due = true;
    c->ack_due = c->input_got > 0;
    c->exited_due = c->finished;
    deliver_soon(c, 0);
}

static void on_forget(struct connection *from, struct command *c, const struct frame *f)
{
    if (command_is_busy(c) || command_has_left(c))
        send_error(from, f->command, "running", c->finished ? "processes are left" : "the main process runs", 0);
    else
        command_forget(c);
}

static void put_listed(struct buffer *b, struct command *c)
{
    uint8_t state = !c->finished ? 1 : command_has_left(c) ? 3 : 2;
    if (!c->main)
        c->main = __atomic_load_n(&reports[command_index(c)].main_pid, __ATOMIC_ACQUIRE);
    size_t frame = frame_begin(b, LISTED, c->id);
    put_field_number(b, 1, state, 1);
    put_field_number(b, 2, (uint32_t)c->main, 4);
    put_field_number(b, 3, c->record.total, 8);
    put_bytes(b, c->listed, c->listed_length);
    put_field_number(b, 5, (uint64_t)(now_us() - c->started) / 1000, 8);
    put_field_number(b, 7, c->input_got, 8);
    if (c->finished)
        put_exited(b, c, 32);
    frame_end(b, frame);
}

static void on_list(struct connection *from, struct command *c, const struct frame *f)
{
    (void)c, (void)f;
    for (c = commands; c < commands + MAX_COMMANDS; c++)
        if (c->id)
            put_listed(&from->out, c);
    frame_end(&from->out, frame_begin(&from->out, LISTED, 0));
}

static void on_ping(struct connection *from, struct command *c, const struct frame *f)
{
    (void)c;
    size_t frame = frame_begin(&from->out, PONG, f->command);
    put_bytes(&from->out, f->payload, f->length);
    frame_end(&from->out, frame);
}

static void on_shutdown(struct connection *from, struct command *c, const struct frame *f)
{
    (void)from, (void)c;
    shut_down("shutdown", get32(f->payload), SIGTERM);
}

static void on_note(struct connection *from, struct command *c, const struct frame *f)
{
    (void)from, (void)c;
    if (f->length)
        memcpy(note, f->payload, f->length);
    note_length = f->length;
}

static void on_processes(struct connection *from, struct command *c, const struct frame *f)
{
    (void)c;
    put_processes(&from->out, f->command);
}

enum subject { NOTHING, MAYBE_COMMAND, COMMAND };

static const struct kind {
    handler *handle;
    enum subject subject;
    uint32_t least, most;      /* bytes of payload */
} kinds[] = {
    [HELLO] = {on_hello, NOTHING, 0, MAX_PAYLOAD},
    [START] = {on_start, MAYBE_COMMAND, 0, MAX_PAYLOAD},
    [INPUT] = {on_input, COMMAND, 0, MAX_PAYLOAD},
    [INPUT_END] = {on_input_end, COMMAND, 0, 0},
    [SIGNAL] = {on_signal, COMMAND, 4, 4},
    [KILL] = {on_kill, COMMAND, 4, 4},
    [RESIZE] = {on_resize, COMMAND, 4, 4},
    [READ] = {on_read, COMMAND, 12, 12},
    [ATTACH] = {on_attach, COMMAND, 16, 16},
    [FORGET] = {on_forget, COMMAND, 0, 0},
    [LIST] = {on_list, NOTHING, 0, 0},
    [PING] = {on_ping, NOTHING, 0, 64},
    [SHUTDOWN] = {on_shutdown, NOTHING, 4, 4},
    [NOTE] = {on_note, NOTHING, 0, MAX_KEPT},
    [PROCESSES] = {on_processes, NOTHING, 0, 0},
};

/* False ends the connection. */
bool request(struct connection *from, const struct frame *f)
{
    const struct kind *kind = f->type < sizeof kinds / sizeof *kinds ? &kinds[f->type] : kinds;
    struct command *c = kind->subject == NOTHING ? NULL : command_find(f->command);
    if (!kind->handle)
        send_error(from, f->command, "unsupported", "there is no such request", 0);
    else if (f->length < kind->least || f->length > kind->most)
        send_error(from, f->command, "invalid", "the payload has another length", 0);
    else if (kind->subject == COMMAND && !c)
        send_error(from, f->command, "unknown", "there is no such command", 0);
    else
        kind->handle(from, c, f);
    return true;
}
