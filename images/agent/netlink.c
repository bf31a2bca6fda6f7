/* rtnetlink: just enough to read links, addresses and routes, and to add routes, rules and neighbours. */
#include "agent.h"
#include "netlink.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DUMP_SIZE = 32768 };

static int netlink_fd = -1;
static uint32_t sequence;

bool netlink_open(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return netlink_fd >= 0 && !bind(netlink_fd, (struct sockaddr *)&address, sizeof address);
}

void netlink_close(void)
{
    if (netlink_fd >= 0)
        close(netlink_fd);
    netlink_fd = -1;
}

void message_begin(struct message *m, uint16_t type, uint16_t flags, const void *body, size_t size)
{
    memset(m, 0, sizeof *m);
    m->header.nlmsg_type = type;
    m->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    m->header.nlmsg_seq = ++sequence;
    m->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    memcpy(m->body, body, size);
}

void message_put(struct message *m, uint16_t type, const void *value, size_t size)
{
    size_t at = NLMSG_ALIGN(m->header.nlmsg_len);
    struct rtattr attribute = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(size)};
    if (at + RTA_SPACE(size) > sizeof *m)
        return;
    memcpy((char *)m + at, &attribute, sizeof attribute);
    memcpy((char *)m + at + RTA_LENGTH(0), value, size);
    m->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
}

/* False with errno. What exists already is fine. */
bool message_send(struct message *m)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } reply;
    m->header.nlmsg_flags |= NLM_F_ACK;
    if (send(netlink_fd, m, m->header.nlmsg_len, 0) < 0)
        return false;
    if (recv(netlink_fd, &reply, sizeof reply, 0) < (ssize_t)NLMSG_LENGTH(sizeof reply.error))
        return false;
    errno = reply.header.nlmsg_type == NLMSG_ERROR ? -reply.error.error : EPROTO;
    return errno == 0 || errno == EEXIST;
}

/* The attribute's value when it is at least that long. */
const void *attribute(const struct nlmsghdr *header, size_t body, uint16_t type, size_t size)
{
    const char *at = (const char *)header + NLMSG_LENGTH(NLMSG_ALIGN(body));
    const char *end = (const char *)header + header->nlmsg_len;
    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        struct rtattr found;
        memcpy(&found, at, sizeof found);
        if (found.rta_len < sizeof found || found.rta_len > end - at)
            return NULL;
        if (found.rta_type == type && RTA_PAYLOAD(&found) >= size)
            return at + RTA_LENGTH(0);
        at += RTA_ALIGN(found.rta_len);
    }
    return NULL;
}

/* Calls back for each object of a table. */
bool netlink_dump(uint16_t type, unsigned char family, void (*each)(const struct nlmsghdr *, void *), void *context)
{
    static _Alignas(struct nlmsghdr) char reply[DUMP_SIZE];
    struct message m;
    struct rtgenmsg body = {.rtgen_family = family};
    message_begin(&m, type, NLM_F_DUMP, &body, sizeof body);
    if (send(netlink_fd, &m, m.header.nlmsg_len, 0) < 0)
        return false;
    for (;;) {
        ssize_t got = recv(netlink_fd, reply, sizeof reply, 0);
        if (got <= 0)
            return false;
        unsigned rest = (unsigned)got;
        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)reply; NLMSG_OK(h, rest); h = NLMSG_NEXT(h, rest)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return true;
            if (h->nlmsg_type == NLMSG_ERROR)
                return false;
            each(h, context);
        }
    }
}
