/* Runs the sandbox's own ripgrep without a shell and passes on what it prints. */
#include "files_find.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORDS = 1100, MAX_COMPLAINT = 8192, MAX_PRINTED = 64 << 20 };

bool ripgrep_path(char path[PATH_MAX])
{
    const char *at = getenv("PATH");
    struct stat st;
    for (at = at ? at : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        if (*at == '/' && length + 4 < PATH_MAX) {
            memcpy(path, at, length);
            memcpy(path + length, "/rg", 4);
            if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
                return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}

struct words {
    char *list[MAX_WORDS + 1];
    size_t count;
};

static void word(struct words *words, const char *prefix, const void *bytes, size_t length)
{
    char *text = malloc(strlen(prefix) + length + 1);
    if (!text || words->count >= MAX_WORDS) {
        free(text);
        return;
    }
    strcpy(text, prefix);
    memcpy(text + strlen(prefix), bytes, length);
    text[strlen(prefix) + length] = 0;
    words->list[words->count++] = text;
}

static void flag(struct words *words, const char *text) { word(words, text, "", 0); }

static void flag_number(struct words *words, const char *prefix, uint64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    if (number)
        word(words, prefix, digits, (size_t)length);
}

static void make_words(struct words *words, const struct frame *request, const struct place *place)
{
    static const char *const fixed[] = {"rg", "--json", "--no-config", "--sort=path", "--no-require-git",
                                        "--no-ignore-global", "--no-ignore-exclude"};
    static const char *const cases[] = {"--case-sensitive", "--ignore-case", "--smart-case"};
    struct field f;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        flag(words, fixed[i]);
    flag(words, cases[request_number(request, TAG_CASE, 0) % 3]);
    bool hidden = request_flag(request, TAG_HIDDEN), ignore = request_flag(request, TAG_IGNORE);
    if (hidden)
        flag(words, "--hidden");
    flag(words, !ignore ? "--no-ignore" : hidden ? "--glob=!.git" : "--ignore");
    if (request_flag(request, TAG_LITERAL))
        flag(words, "--fixed-strings");
    flag_number(words, "--max-count=", request_number(request, TAG_MOST_A_FILE, 0));
    flag_number(words, "--before-context=", request_number(request, TAG_BEFORE, 0));
    flag_number(words, "--after-context=", request_number(request, TAG_AFTER, 0));
    for (size_t i = 0; request_field_nth(request, TAG_GLOB, i, &f); i++)
        word(words, "--glob=", f.bytes, f.length);
    f = (struct field){.bytes = (const unsigned char *)""};
    request_field(request, TAG_PATTERN, &f);
    word(words, "--regexp=", f.bytes, f.length);
    flag(words, "--");
    word(words, "./", place->file, strlen(place->file));
    words->list[words->count] = NULL;
}

struct running {
    pid_t pid;
    int out, err;
};

static void become(const char *program, struct words *words, const struct place *place, int out, int err)
{
    int nothing = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || fchdir(place->folder))
        _exit(126);
    close_from(3);
    execv(program, words->list);
    _exit(127);
}

static bool run(struct running *r, const char *program, struct words *words, const struct place *place)
{
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC))
        return false;
    if (pipe2(err, O_CLOEXEC)) {
        close(out[0]), close(out[1]);
        return false;
    }
    r->pid = fork();
    if (r->pid == 0)
        become(program, words, place, out[1], err[1]);
    close(out[1]), close(err[1]);
    r->out = out[0];
    r->err = err[0];
    if (r->pid < 0)
        close(r->out), close(r->err);
    return r->pid > 0;
}

struct told {
    char complaint[MAX_COMPLAINT];
    size_t complaint_length;
    uint64_t printed;
    enum cut cut;
};

static bool pass_on(struct files_connection *c, struct running *r, struct told *told, struct pollfd *ask)
{
    static char bytes[65536];
    if (ask[1].revents) {
        ssize_t got = read(r->err, bytes, sizeof bytes);
        size_t room = sizeof told->complaint - told->complaint_length, kept = got > 0 ? (size_t)got : 0;
        kept = kept < room ? kept : room;
        memcpy(told->complaint + told->complaint_length, bytes, kept);
        told->complaint_length += kept;
        if (got <= 0)
            ask[1].fd = -1;
    }
    if (ask[0].revents) {
        ssize_t got = read(r->out, bytes, sizeof bytes);
        if (got <= 0)
            ask[0].fd = -1;
        else if ((told->printed += (uint64_t)got) > MAX_PRINTED)
            told->cut = CUT_SIZE;
        else
            return send_chunk(c, bytes, (size_t)got);
    }
    return true;
}

static void listen_to(struct files_connection *c, struct running *r, struct told *told, int64_t until)
{
    struct pollfd ask[] = {{r->out, POLLIN, 0}, {r->err, POLLIN, 0}, {c->fd, POLLRDHUP, 0}};
    while (told->cut == CUT_NOT && (ask[0].fd >= 0 || ask[1].fd >= 0)) {
        int64_t left = until - now_us();
        if (left <= 0)
            told->cut = CUT_TIME;
        else if (poll(ask, 3, (int)(left / 1000) + 1) > 0 && (ask[2].revents || !pass_on(c, r, told, ask)))
            c->gone = true;
        if (c->gone)
            return;
    }
}

/* The exit status; what closed its output and does not end within a second is killed too. */
static int end(struct running *r, bool at_once)
{
    int status = 0;
    for (int tries = at_once ? 1000 : 0; tries < 1000; tries++) {
        pid_t got = waitpid(r->pid, &status, WNOHANG);
        if (got == r->pid)
            return status;
        usleep(1000);
    }
    kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* Output as CHUNK frames, then DONE with the exit status and what it complained of. */
void ripgrep_run(struct files_connection *c, const struct frame *request, const struct place *place, const char *program)
{
    struct words words = {0};
    struct running r;
    struct told told = {0};
    int status = 0;
    uint64_t limit = request_number(request, TAG_TIME_MS, 10000);
    make_words(&words, request, place);
    if (run(&r, program, &words, place)) {
        listen_to(c, &r, &told, now_us() + (int64_t)(limit < MAX_TIME_MS ? limit : MAX_TIME_MS) * 1000);
        status = end(&r, told.cut != CUT_NOT || c->gone);
        close(r.out), close(r.err);
        struct buffer *b = answer_begin(c, FILES_DONE);
        put_field(b, 1, place->path, strlen(place->path));
        put_field_number(b, 2, told.cut, 1);
        put_field_number(b, 16, WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 128, 4);
        put_field(b, 17, told.complaint, told.complaint_length);
        answer_end(c);
    } else {
        send_fail(c, errno, NULL, NULL);
    }
    while (words.count)
        free(words.list[--words.count]);
}
