/* START's payload to what execve wants. Pure, like frames.c. */
#include "agent.h"
#include <stdlib.h>
#include <string.h>

enum tag { ARG = 1, ENV, CWD, TIMEOUT, GRACE, STDIN, HEAD, TAIL, TERMINAL, KEPT };

/* Where the next string goes inside start->block. */
struct filling {
    struct start *start;
    char *text;
    size_t env_count, inherited;
};

static bool is_text(uint8_t tag) { return tag == ARG || tag == ENV || tag == CWD; }

/* Width of a number field, 0 for texts and for tags of a newer podexec. */
static uint32_t width_of(uint8_t tag)
{
    switch (tag) {
    case STDIN: return 1;
    case TIMEOUT: case GRACE: case HEAD: case TAIL: case TERMINAL: return 4;
    default: return 0;
    }
}

static const char *check_field(const struct field *f)
{
    if (width_of(f->tag) && f->length != width_of(f->tag))
        return "a number field has another width";
    if (is_text(f->tag) && memchr(f->bytes, 0, f->length))
        return "a text holds a NUL byte";
    if (f->tag == ENV && (f->length == 0 || f->bytes[0] == '=' || !memchr(f->bytes, '=', f->length)))
        return "an environment entry is not NAME=value";
    if (f->tag == STDIN && f->bytes[0] > 1)
        return "stdin is neither 0 nor 1";
    if (f->tag == KEPT && f->length > MAX_KEPT)
        return "more than 8192 bytes are to be kept";
    if (f->tag == TERMINAL && (!get16(f->bytes) || !get16(f->bytes + 2)))
        return "the terminal has no rows or no columns";
    return NULL;
}

/* Counts what the block must hold, and checks every field before anything is stored. */
static const char *measure(const unsigned char *at, const unsigned char *end, size_t *args, size_t *envs, size_t *text)
{
    struct field f;
    enum parsed got;
    while ((got = field_next(&at, end, &f)) == FRAME_WHOLE) {
        const char *wrong = check_field(&f);
        if (wrong)
            return wrong;
        *args += f.tag == ARG;
        *envs += f.tag == ENV;
        if (is_text(f.tag))
            *text += f.length + 1;
    }
    if (got == FRAME_BAD)
        return "a field is longer than the frame";
    return *args ? NULL : "there is no program";
}

static char *keep_text(struct filling *to, const struct field *f)
{
    char *text = to->text;
    memcpy(text, f->bytes, f->length);
    text[f->length] = 0;
    to->text += f->length + 1;
    return text;
}

/* A later entry of the same name replaces an earlier one: some programs read the first, some the last. */
static void keep_env(struct filling *to, char *entry)
{
    size_t name = (size_t)(strchr(entry, '=') - entry) + 1;
    char **env = to->start->envp;
    for (size_t i = 0; i < to->env_count; i++)
        if (!strncmp(env[i], entry, name)) {
            env[i] = entry;
            return;
        }
    env[to->env_count++] = entry;
}

static void keep(struct filling *to, const struct field *f)
{
    struct start *s = to->start;
    switch (f->tag) {
    case ARG: s->argv[s->argc++] = keep_text(to, f); break;
    case ENV: keep_env(to, keep_text(to, f)); break;
    case CWD: s->cwd = keep_text(to, f); break;
    case TIMEOUT: s->timeout_ms = get32(f->bytes); break;
    case GRACE: s->grace_ms = get32(f->bytes); break;
    case STDIN: s->has_input = f->bytes[0]; break;
    case HEAD: s->head = get32(f->bytes); break;
    case TAIL: s->tail = get32(f->bytes); break;
    case TERMINAL:
        s->is_terminal = true;
        s->rows = get16(f->bytes);
        s->columns = get16(f->bytes + 2);
        break;
    case KEPT:
        s->kept = f->bytes;
        s->kept_length = f->length;
        break;
    default: break;
    }
}

/* Answers what is wrong with the payload, or NULL and a block to be freed. */
const char *start_parse(const unsigned char *payload, uint32_t length, char **environment, struct start *start)
{
    const unsigned char *end = payload + length;
    size_t args = 0, envs = 0, text = 0, inherited = 0;
    *start = (struct start){.grace_ms = 2000};
    const char *wrong = measure(payload, end, &args, &envs, &text);
    if (wrong)
        return wrong;
    while (environment[inherited])
        inherited++;
    size_t vectors = (args + 1 + inherited + envs + 1) * sizeof(char *);
    start->block = malloc(vectors + text);
    if (!start->block)
        return "no memory for the arguments";
    start->argv = (char **)(void *)start->block;
    start->envp = start->argv + args + 1;
    memcpy(start->envp, environment, inherited * sizeof(char *));
    struct filling to = {start, start->block + vectors, inherited, inherited};
    struct field f;
    for (const unsigned char *at = payload; field_next(&at, end, &f) == FRAME_WHOLE;)
        keep(&to, &f);
    start->argv[start->argc] = NULL;
    start->envp[to.env_count] = NULL;
    return start->argv[0][0] ? NULL : "the program's name is empty";
}
