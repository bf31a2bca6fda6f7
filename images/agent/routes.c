/* The kernel's routes, rules and neighbours. What is blocked gets an `unreachable` route, which fails at once; but a
 * socket that is bound to an interface is sent past such routes, so for those a rule leads to a table in which what is
 * blocked goes to a neighbour that is this very interface: no bridge hands a frame back to where it came from. */
#include "agent.h"
#include "netlink.h"
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { TABLE = 7700, RULE = 7700 };

const char *route_failure = "reading addresses and routes";

struct route {
    const struct address *to, *via;
    uint32_t link, table;
    unsigned char type;
};

/* errno stays. */
static void describe(const struct route *r)
{
    static char text[100];
    char address[INET6_ADDRSTRLEN];
    int error = errno;
    inet_ntop(r->to->family, r->to->bytes, address, sizeof address);
    snprintf(text, sizeof text, "route to %s/%u", address, (unsigned)r->to->prefix);
    route_failure = text;
    errno = error;
}

static bool add_route(const struct route *r)
{
    struct message m;
    struct rtmsg body = {
        .rtm_family = r->to->family, .rtm_dst_len = r->to->prefix, .rtm_table = RT_TABLE_UNSPEC, .rtm_protocol = RTPROT_STATIC,
        .rtm_type = r->type, .rtm_scope = r->type == RTN_UNICAST && !r->via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_flags = r->via ? RTNH_F_ONLINK : 0,
    };
    uint32_t first = 1;
    message_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
    message_put(&m, RTA_TABLE, &r->table, 4);
    message_put(&m, RTA_DST, r->to->bytes, address_size(r->to->family));
    if (r->to->family == AF_INET6)
        message_put(&m, RTA_PRIORITY, &first, 4);
    if (r->link)
        message_put(&m, RTA_OIF, &r->link, 4);
    if (r->via)
        message_put(&m, RTA_GATEWAY, r->via->bytes, address_size(r->via->family));
    if (message_send(&m))
        return true;
    describe(r);
    return false;
}

/* Nobody has these addresses: class E, and a link-local one. */
static struct address nobody(unsigned char family)
{
    struct address a = {.family = family, .bytes = {240, 0, 0, 1}};
    if (family == AF_INET6)
        address_parse("fe80::dead:dead:dead:dead", 25, &a);
    return a;
}

static bool add_nobody(const struct link *l, unsigned char family)
{
    struct message m;
    struct address a = nobody(family);
    struct ndmsg body = {.ndm_family = family, .ndm_ifindex = (int)l->index, .ndm_state = NUD_PERMANENT};
    message_begin(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof body);
    message_put(&m, NDA_DST, a.bytes, address_size(family));
    message_put(&m, NDA_LLADDR, l->mac, sizeof l->mac);
    return message_send(&m);
}

static bool add_bound_rule(const struct link *l, unsigned char family, uint32_t table)
{
    struct message m;
    struct fib_rule_hdr body = {.family = family, .action = FR_ACT_TO_TBL};
    uint32_t order = RULE;
    message_begin(&m, RTM_NEWRULE, NLM_F_CREATE, &body, sizeof body);
    message_put(&m, FRA_OIFNAME, l->name, strlen(l->name) + 1);
    message_put(&m, FRA_TABLE, &table, 4);
    message_put(&m, FRA_PRIORITY, &order, 4);
    return message_send(&m);
}

bool route_bound_sockets(const struct link *l, unsigned char family)
{
    return add_nobody(l, family) && add_bound_rule(l, family, TABLE + (uint32_t)(l - links));
}

/* The gateway must stay a valid source, or its ARP requests would be dropped where reverse paths are filtered:
 * it is routed to nobody, and a rule refuses what asks for it. */
static bool add_gateway_rule(const struct address *gateway, unsigned char protocol)
{
    struct message m;
    struct fib_rule_hdr body = {.family = AF_INET, .dst_len = 32, .action = FR_ACT_UNREACHABLE};
    uint32_t order = RULE + 1;
    message_begin(&m, RTM_NEWRULE, NLM_F_CREATE, &body, sizeof body);
    message_put(&m, FRA_DST, gateway->bytes, 4);
    message_put(&m, FRA_IP_PROTO, &protocol, 1);
    message_put(&m, FRA_PRIORITY, &order, 4);
    return message_send(&m);
}

bool route_block_gateway(const struct address *g)
{
    struct address none = nobody(AF_INET);
    bool done = add_route(&(struct route){g, &none, g->link, RT_TABLE_MAIN, RTN_UNICAST});
    add_gateway_rule(g, IPPROTO_TCP);
    add_gateway_rule(g, IPPROTO_UDP);
    return done;
}

/* For bound sockets too. */
bool route_allow(const struct address *to, const struct address *gateway, uint32_t link)
{
    struct route r = {to, gateway, link, RT_TABLE_MAIN, RTN_UNICAST};
    for (size_t i = 0; i < link_count; i++)
        if (links[i].index == link) {
            r.table = TABLE + (uint32_t)i;
            add_route(&r);
        }
    r.table = RT_TABLE_MAIN;
    return add_route(&r);
}

bool route_block(const struct address *a)
{
    struct address none = nobody(a->family);
    bool done = add_route(&(struct route){a, NULL, 0, RT_TABLE_MAIN, RTN_UNREACHABLE});
    for (size_t i = 0; i < link_count; i++)
        add_route(&(struct route){a, &none, links[i].index, TABLE + (uint32_t)i, RTN_UNICAST});
    return done;
}

/* Two halves are more specific than the kernel's own route to the whole, whatever its metric is. */
bool route_block_subnet(const struct address *net)
{
    struct address half = *net;
    half.prefix++;
    bool done = route_block(&half);
    half.bytes[net->prefix / 8] |= (unsigned char)(0x80 >> net->prefix % 8);
    return route_block(&half) && done;
}

bool route_remove_address(const struct address *a)
{
    struct message m;
    struct ifaddrmsg body = {.ifa_family = a->family, .ifa_prefixlen = 64, .ifa_index = a->link};
    message_begin(&m, RTM_DELADDR, 0, &body, sizeof body);
    message_put(&m, IFA_LOCAL, a->bytes, address_size(a->family));
    route_failure = "remove an IPv6 link-local address";
    return message_send(&m);
}
