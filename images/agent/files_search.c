/* SEARCH: with the sandbox's ripgrep, or with what is built in. */
#include "files_find.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct walker {
    struct walk walk;
    struct search *search;
};

static bool search_one(struct search *search, int folder, const char *name, const char *told)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        search->unreadable++;
        if (fd >= 0)
            close(fd);
        return true;
    }
    bool more = search_file(search, fd, told);
    close(fd);
    return more;
}

static bool visit_file(struct walk *walk, int folder, const char *name)
{
    struct search *search = ((struct walker *)walk)->search;
    char told[PATH_MAX + NAME_MAX + 1];
    snprintf(told, sizeof told, "%s%s", walk->path + walk->root, name);
    return !is_cancelled(search->c) && search_one(search, folder, name, told);
}

static bool visit_trouble(struct walk *walk, int error)
{
    (void)error;
    ((struct walker *)walk)->search->unreadable++;
    return true;
}

static void search_tree(struct search *search, const struct place *place)
{
    struct walker w = {.search = search};
    w.walk = (struct walk){.choice = &search->choice, .file = visit_file, .troubled = visit_trouble};
    w.walk.root = strlen(place->path);
    memcpy(w.walk.path, place->path, w.walk.root + 1);
    walk_tree(&w.walk, place->folder);
    if (search->cut == CUT_NOT)
        search->cut = w.walk.timed_out ? CUT_TIME : w.walk.cut ? CUT_SIZE : CUT_NOT;
}

/* No capital letter that stands for itself. */
static bool is_small(const struct field *pattern)
{
    for (uint32_t i = 0; i < pattern->length; i++)
        if (pattern->bytes[i] == '\\')
            i++;
        else if (pattern->bytes[i] >= 'A' && pattern->bytes[i] <= 'Z')
            return false;
    return true;
}

/* FAIL that says why, and at which character of the pattern. */
static void refuse(struct search *search, const struct field *pattern)
{
    char text[200];
    size_t at = 1;
    for (size_t i = 0; i < search->pattern.error_at && i < pattern->length; i++)
        at += (pattern->bytes[i] & 0xC0) != 0x80;
    snprintf(text, sizeof text, "%s (character %zu)", search->pattern.error, at);
    struct buffer *b = answer_begin(search->c, FILES_FAIL);
    put_field_number(b, 1, EINVAL, 4);
    put_field(b, 2, "EPATTERN", 8);
    put_field(b, 3, text, strlen(text));
    answer_end(search->c);
}

/* False: FAIL was sent. With ripgrep only what is wrong for it too is refused here: its words do not name the place. */
static bool compile(struct search *search, const struct frame *request, bool has_ripgrep)
{
    struct field pattern = {.bytes = (const unsigned char *)""};
    uint64_t letters = request_number(request, TAG_CASE, CASE_SENSITIVE);
    request_field(request, TAG_PATTERN, &pattern);
    bool fold = letters == CASE_INSENSITIVE || (letters == CASE_SMART && is_small(&pattern));
    if (pattern_compile(&search->pattern, (const char *)pattern.bytes, pattern.length, fold,
                        request_flag(request, TAG_LITERAL)))
        return true;
    if (has_ripgrep && !search->pattern.is_invalid)
        return true;
    refuse(search, &pattern);
    return false;
}

static uint32_t up_to(uint64_t number, uint32_t most) { return number < most ? (uint32_t)number : most; }

static void search_built_in(struct search *search, const struct frame *request, const struct place *place)
{
    search->before = up_to(request_number(request, TAG_BEFORE, 0), 100);
    search->after = up_to(request_number(request, TAG_AFTER, 0), 100);
    search->most_a_file = up_to(request_number(request, TAG_MOST_A_FILE, UINT32_MAX), UINT32_MAX);
    search->left = request_number(request, TAG_LIMIT, 1000);
    if (*place->file)
        search_one(search, place->folder, place->file, place->file);
    else
        search_tree(search, place);
    struct buffer *b = answer_begin(search->c, FILES_DONE);
    put_field(b, 1, place->path, strlen(place->path));
    put_field_number(b, 2, search->cut, 1);
    put_field_number(b, 3, search->searched, 4);
    put_field_number(b, 4, search->matched, 4);
    put_field_number(b, 5, search->binary, 4);
    put_field_number(b, 6, search->unreadable, 4);
    answer_end(search->c);
}

void files_search(struct files_connection *c, const struct frame *request)
{
    struct search search = {.c = c};
    struct place place;
    char program[PATH_MAX];
    if (!choice_read(c, request, &search.choice))
        return;
    if (place_open(c, request, &place)) {
        put_info(answer_begin(c, FILES_INFO), &place.st, place.path, NULL);
        answer_end(c);
        bool has_ripgrep = !request_flag(request, TAG_BUILT_IN) && ripgrep_path(program);
        if (*place.file && !S_ISREG(place.st.st_mode))
            send_fail(c, EINVAL, place.path, what_kind(place.st.st_mode));
        else if (!compile(&search, request, has_ripgrep))
            ;
        else if (has_ripgrep)
            ripgrep_run(c, request, &place, program);
        else
            search_built_in(&search, request, &place);
        close(place.folder);
    }
    pattern_free(&search.pattern);
    choice_free(&search.choice);
}
