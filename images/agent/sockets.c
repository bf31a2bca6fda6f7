/* Who listens where: the kernel's tables name inodes, and the descriptors of a process name them too.
 * Time is bounded: what was not looked at when it is over cannot be told. */
#include "agent.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1024, LISTENS = 0x0a };

static struct listening found[MOST];
static size_t count;
static int64_t deadline;

/* The kernel prints an address as 32-bit numbers in its own byte order. */
static bool parse_address(const char *hex, int family, char *text)
{
    uint32_t words[4];
    char plain[INET6_ADDRSTRLEN];
    size_t size = family == AF_INET ? 1 : 4;
    for (size_t i = 0; i < size; i++)
        if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
            return false;
    if (!inet_ntop(family, words, plain, sizeof plain))
        return false;
    snprintf(text, sizeof found->address, family == AF_INET ? "%s" : "[%s]", plain);
    return true;
}

/* False at a socket that does not listen. */
static bool take_line(const char *line, int family)
{
    char hex[40], text[sizeof found->address];
    unsigned port, state;
    unsigned long long inode;
    int got = sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F:] %2x %*s %*s %*s %*u %*u %llu", hex, &port, &state, &inode);
    if (got != 4 || strlen(hex) != (family == AF_INET ? 8u : 32u))
        return true;
    if (state != LISTENS)
        return false;
    if (!parse_address(hex, family, text))
        return true;
    struct listening *s = &found[count++];
    *s = (struct listening){.inode = inode};
    snprintf(s->address, sizeof s->address, "%.45s:%u", text, port);
    return true;
}

/* Those that listen come first in the kernel's tables: however many connections there are, they are not read. */
static void read_table(const char *path, int family)
{
    char line[512];
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (count < MOST && now_us() < deadline && fgets(line, sizeof line, file) && take_line(line, family))
        ;
    fclose(file);
}

static int by_inode(const void *a, const void *b)
{
    uint64_t x = ((const struct listening *)a)->inode, y = ((const struct listening *)b)->inode;
    return (x > y) - (x < y);
}

/* What listens in the sandbox's network now; whose it is can be asked until the given time. */
void sockets_scan(int64_t until)
{
    count = 0;
    deadline = until;
    read_table("/proc/self/net/tcp", AF_INET);
    read_table("/proc/self/net/tcp6", AF_INET6);
    qsort(found, count, sizeof *found, by_inode);
}

static struct listening *socket_behind(int dir, const char *name)
{
    char target[64];
    ssize_t length = readlinkat(dir, name, target, sizeof target - 1);
    struct listening key;
    unsigned long long inode;
    if (length <= 0)
        return NULL;
    target[length] = 0;
    if (sscanf(target, "socket:[%llu]", &inode) != 1)
        return NULL;
    key.inode = inode;
    return bsearch(&key, found, count, sizeof *found, by_inode);
}

static bool is_among(const struct listening *s, const struct listening *const *list, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (list[i] == s)
            return true;
    return false;
}

/* The sockets that a process listens on, each once; answers how many. */
size_t sockets_of(pid_t pid, const struct listening *list[MAX_SOCKETS])
{
    char path[32];
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *fds = count && now_us() < deadline ? opendir(path) : NULL;
    struct dirent *entry;
    while (fds && length < MAX_SOCKETS && now_us() < deadline && (entry = readdir(fds))) {
        struct listening *s = socket_behind(dirfd(fds), entry->d_name);
        if (!s || is_among(s, list, length))
            continue;
        s->told = true;
        list[length++] = s;
    }
    if (fds)
        closedir(fds);
    return length;
}

/* Those that no process was found for. */
size_t sockets_untold(const struct listening *list[MAX_SOCKETS])
{
    size_t length = 0;
    for (size_t i = 0; i < count && length < MAX_SOCKETS; i++)
        if (!found[i].told)
            list[length++] = &found[i];
    return length;
}
