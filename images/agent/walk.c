/* Folders in order: names chosen, sorted and bounded; and the walk through a tree of them. */
#include "find.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 100, CLOCK_TICKS = 256 };

static bool add_glob(const char *glob, void *context)
{
    struct choice *choice = context;
    struct rules *globs = &choice->globs;
    if (globs->count >= 1000)
        return false;
    struct rule *list = realloc(globs->list, (globs->count + 1) * sizeof *list);
    char *text = strdup(glob);
    if (list)
        globs->list = list;
    if (!list || !text || !ignore_rule(text, strlen(text), &list[globs->count])) {
        free(text);
        return false;
    }
    /* The rule's own text may begin behind what was copied: it is moved, so that it can be freed. */
    memmove(text, list[globs->count].text, strlen(list[globs->count].text) + 1);
    list[globs->count].text = text;
    choice->has_wanted |= !list[globs->count++].negated;
    return true;
}

/* Adds a glob, with `!` in front for what to leave out; false where it is none. */
bool choice_glob(struct choice *choice, const unsigned char *bytes, size_t length)
{
    char glob[MAX_GLOB + 1];
    if (length == 0 || length > MAX_GLOB || memchr(bytes, 0, length))
        return false;
    memcpy(glob, bytes, length);
    glob[length] = 0;
    return glob_expand(glob, add_glob, choice);
}

void choice_free(struct choice *choice)
{
    for (size_t i = 0; i < choice->globs.count; i++)
        free((char *)(uintptr_t)choice->globs.list[i].text);
    free(choice->globs.list);
    choice->globs = (struct rules){0};
}

/* Whether an entry is chosen. A plain glob that matches overrules ignore rules and hiding, as in ripgrep. */
static bool is_chosen(const struct choice *choice, const struct ignore *rules, const char *path, size_t root,
                      const char *name, unsigned char type, bool *wanted)
{
    bool is_folder = type == DT_DIR;
    enum verdict glob = ignore_decide(&choice->globs, path + root, is_folder);
    *wanted = !choice->has_wanted || glob == VERDICT_IGNORE;
    if (glob == VERDICT_KEEP || (!*wanted && !is_folder))
        return false;
    if (glob == VERDICT_IGNORE)
        return true;
    if (!choice->hidden && name[0] == '.')
        return false;
    if (!choice->ignore)
        return true;
    return strcmp(name, ".git") != 0 && !ignored(rules, path, is_folder);
}

static unsigned char type_of(int folder, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    return fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ? DT_REG : IFTODT(st.st_mode);
}

static int by_text(const void *a, const void *b)
{
    return strcmp((*(struct name *const *)a)->text, (*(struct name *const *)b)->text);
}

/* Sorts, and keeps the first `room` names. */
static void settle(struct names *names, size_t room)
{
    if (names->count)
        qsort(names->list, names->count, sizeof *names->list, by_text);
    while (names->count > room)
        free(names->list[--names->count]);
}

static bool names_add(struct names *names, const char *text, unsigned char type, bool wanted, size_t room)
{
    names->seen++;
    if (names->count == names->room) {
        if (names->count >= 2 * room + 64)
            settle(names, room);
        else {
            size_t more = names->room ? names->room * 2 : 64;
            struct name **list = realloc(names->list, more * sizeof *list);
            if (!list)
                return false;
            names->list = list;
            names->room = more;
        }
    }
    size_t size = strlen(text) + 1;
    struct name *name = malloc(sizeof *name + size);
    if (!name)
        return false;
    name->type = type;
    name->wanted = wanted;
    memcpy(name->text, text, size);
    names->list[names->count++] = name;
    return true;
}

static bool is_dots(const char *name) { return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])); }

/* False with errno where the folder cannot be read. The descriptor stays open. */
bool names_read(struct names *names, int folder, const struct choice *choice, const struct ignore *rules, char *path,
                size_t root)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    size_t base = strlen(path), ticks = 0;
    struct dirent *entry;
    *names = (struct names){0};
    if (!dir) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    while ((entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        bool wanted;
        if (++ticks % CLOCK_TICKS == 0 && now_us() > choice->until) {
            names->timed_out = true;
            break;
        }
        if (is_dots(entry->d_name))
            continue;
        if (base + length > MAX_PATH_BYTES - 1) {
            names->too_long = true;
            continue;
        }
        memcpy(path + base, entry->d_name, length + 1);
        unsigned char type = type_of(folder, entry);
        if (is_chosen(choice, rules, path, root, entry->d_name, type, &wanted) &&
            !names_add(names, entry->d_name, type, wanted, choice->room))
            break;
    }
    path[base] = 0;
    closedir(dir);
    settle(names, choice->room);
    return true;
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){0};
}

int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool walk_below(struct walk *walk, int folder, struct ignore *rules, int depth);

static bool walk_into(struct walk *walk, int folder, const char *name, struct ignore *rules, int depth)
{
    size_t base = strlen(walk->path), length = strlen(name);
    if (depth >= MAX_DEPTH || base + length + 2 > MAX_PATH_BYTES) {
        walk->cut = true;
        return true;
    }
    memcpy(walk->path + base, name, length);
    memcpy(walk->path + base + length, "/", 2);
    int fd = open_folder(folder, name);
    bool more = fd < 0 ? walk->troubled(walk, errno) : walk_below(walk, fd, rules, depth + 1);
    if (fd >= 0)
        close(fd);
    walk->path[base] = 0;
    return more;
}

static bool walk_below(struct walk *walk, int folder, struct ignore *rules, int depth)
{
    struct ignore *before = walk->rules;
    struct names names;
    bool more = true;
    if (walk->choice->ignore)
        rules = ignore_enter(rules, folder, strlen(walk->path), &walk->rules);
    if (!names_read(&names, folder, walk->choice, rules, walk->path, walk->root))
        more = walk->troubled(walk, errno);
    walk->cut |= names.seen > names.count;
    walk->cut |= names.too_long;
    walk->timed_out |= names.timed_out || now_us() > walk->choice->until;
    for (size_t i = 0; more && !walk->timed_out && i < names.count; i++) {
        if (names.list[i]->type == DT_DIR)
            more = walk_into(walk, folder, names.list[i]->text, rules, depth);
        else if (names.list[i]->type == DT_REG && names.list[i]->wanted)
            more = walk->file(walk, folder, names.list[i]->text);
    }
    names_free(&names);
    ignore_leave(&walk->rules, before);
    return more;
}

/* Visits the files below a folder in the order of their paths. walk->path is the folder's absolute path with a slash. */
bool walk_tree(struct walk *walk, int folder)
{
    struct ignore *above = walk->choice->ignore ? ignore_above(walk->path, &walk->rules) : NULL;
    bool more = walk_below(walk, folder, above, 0);
    ignore_leave(&walk->rules, NULL);
    return more;
}
