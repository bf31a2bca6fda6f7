/* The command line. */
#include "agent.h"
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, SWITCH };

struct flag {
    const char *name;
    enum kind kind;
    void *value;
};

static bool read_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *value <= INT64_MAX / 1000000;
}

/* How many words were used; 0 and a line on stderr for a mistake. */
static int take_flag(char **words, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct flag *f = &flags[i];
        if (strcmp(words[0], f->name))
            continue;
        if (f->kind == SWITCH) {
            *(bool *)f->value = true;
            return 1;
        }
        if (!words[1]) {
            say("agent: %s needs a value", f->name);
            return 0;
        }
        if (f->kind == TEXT)
            *(const char **)f->value = words[1];
        else if (!read_number(words[1], f->value)) {
            say("agent: %s needs a whole number, not '%s'", f->name, words[1]);
            return 0;
        }
        return 2;
    }
    say("agent: unknown flag '%s'; see images/agent/PROTOCOL.md", words[0]);
    return 0;
}

/* 0, or the status to exit with; a line on stderr says why. */
int options_parse(int argc, char **argv, struct options *o)
{
    const struct flag flags[] = {
        {"--socket", TEXT, &o->socket},         {"--lease", NUMBER, &o->lease_ms},
        {"--spill-dir", TEXT, &o->spill_dir},   {"--spill-limit", NUMBER, &o->spill_limit},
        {"--keep-caps", TEXT, &o->keep_caps},   {"--block", TEXT, &o->block},
        {"--allow", TEXT, &o->allow},           {"--lock-network", SWITCH, &o->lock_network},
        {"--grace", NUMBER, &o->grace_ms},
    };
    *o = (struct options){
        .spill_dir = "/tmp/podexec", .spill_limit = 1 << 30, .grace_ms = 2000,
        .keep_caps = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,net_bind_service",
    };
    const char *verb = argc > 1 ? argv[1] : "";
    o->connect = !strcmp(verb, "connect");
    if (!o->connect && strcmp(verb, "serve")) {
        say("agent: say `agent serve --socket PATH`, `agent connect --socket PATH` or `agent --version`");
        return 2;
    }
    for (int i = 2; i < argc;) {
        int used = take_flag(argv + i, flags, o->connect ? 1 : sizeof flags / sizeof *flags);
        if (!used)
            return 2;
        i += used;
    }
    if (o->socket)
        return 0;
    say("agent: --socket is missing");
    return 2;
}
