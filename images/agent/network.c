/* Where the sandbox may not connect to: link-local addresses, its own subnets and what --block names. */
#include "agent.h"
#include <unistd.h>
#include "netlink.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct addresses {
    struct address list[ADDRESSES_MOST];
    size_t count;
};
struct link links[LINKS_MOST];
size_t link_count;
static struct addresses own, subnets, gateways, blocked, allowed;

size_t address_size(unsigned char family) { return family == AF_INET ? 4 : 16; }
unsigned char address_bits(unsigned char family) { return family == AF_INET ? 32 : 128; }

static void add(struct addresses *to, const struct address *a)
{
    if (to->count < ADDRESSES_MOST)
        to->list[to->count++] = *a;
}

static bool contains(const struct address *net, const struct address *a)
{
    if (net->family != a->family)
        return false;
    for (unsigned bit = 0; bit < net->prefix; bit++)
        if ((net->bytes[bit / 8] ^ a->bytes[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static const struct address *find(const struct addresses *in, const struct address *a)
{
    for (size_t i = 0; i < in->count; i++)
        if (contains(&in->list[i], a))
            return &in->list[i];
    return NULL;
}

static void mask(struct address *a)
{
    for (unsigned bit = a->prefix; bit < address_bits(a->family); bit++)
        a->bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

/* `ADDRESS`, `ADDRESS/BITS`, an IPv6 address possibly with a zone. */
bool address_parse(const char *text, size_t length, struct address *a)
{
    char copy[64];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    char *slash = strchr(copy, '/'), *zone = strchr(copy, '%');
    if (slash)
        *slash++ = 0;
    if (zone)
        *zone = 0;
    *a = (struct address){.family = strchr(copy, ':') ? AF_INET6 : AF_INET};
    int bits = slash ? atoi(slash) : address_bits(a->family);
    if (inet_pton(a->family, copy, a->bytes) != 1 || bits < 0 || bits > address_bits(a->family))
        return false;
    a->prefix = (unsigned char)bits;
    mask(a);
    return true;
}

static bool parse_list(const char *list, struct addresses *to, const char *flag)
{
    while (list && *list) {
        size_t length = strcspn(list, ",");
        struct address a;
        if (length && !address_parse(list, length, &a)) {
            say("agent: %s: '%.*s' is not an address", flag, (int)length, list);
            return false;
        }
        if (length)
            add(to, &a);
        list += length + (list[length] == ',');
    }
    return true;
}

static void allow_name_servers(void)
{
    char line[256];
    FILE *file = fopen("/etc/resolv.conf", "re");
    while (file && fgets(line, sizeof line, file)) {
        char text[64];
        struct address a;
        if (sscanf(line, " nameserver %63s", text) == 1 && address_parse(text, strlen(text), &a))
            add(&allowed, &a);
    }
    if (file)
        fclose(file);
}

static void each_link(const struct nlmsghdr *h, void *context)
{
    (void)context;
    struct ifinfomsg info;
    memcpy(&info, NLMSG_DATA(h), sizeof info);
    if (h->nlmsg_type != RTM_NEWLINK || (info.ifi_flags & IFF_LOOPBACK) || !(info.ifi_flags & IFF_UP) || link_count == LINKS_MOST)
        return;
    struct link *l = &links[link_count++];
    l->index = (uint32_t)info.ifi_index;
    const void *mac = attribute(h, sizeof info, IFLA_ADDRESS, 6), *name = attribute(h, sizeof info, IFLA_IFNAME, 2);
    if (mac)
        memcpy(l->mac, mac, 6);
    if (name)
        snprintf(l->name, sizeof l->name, "%s", (const char *)name);
}

static bool is_linked(uint32_t index)
{
    for (size_t i = 0; i < link_count; i++)
        if (links[i].index == index)
            return true;
    return false;
}

static void each_address(const struct nlmsghdr *h, void *context)
{
    (void)context;
    struct ifaddrmsg info;
    memcpy(&info, NLMSG_DATA(h), sizeof info);
    struct address a = {.family = info.ifa_family, .prefix = info.ifa_prefixlen, .link = info.ifa_index};
    if (h->nlmsg_type != RTM_NEWADDR || !is_linked(a.link) || (a.family != AF_INET && a.family != AF_INET6))
        return;
    const void *local = attribute(h, sizeof info, IFA_LOCAL, address_size(a.family));
    const void *peer = attribute(h, sizeof info, IFA_ADDRESS, address_size(a.family));
    if (!local && !peer)
        return;
    memcpy(a.bytes, local ? local : peer, address_size(a.family));
    struct address self = a;
    self.prefix = address_bits(a.family);
    add(&own, &self);
    mask(&a);
    if (a.prefix < address_bits(a.family))
        add(&subnets, &a);
}

/* Default gateways; and networks on the link that no address of ours announces. */
static void each_route(const struct nlmsghdr *h, void *context)
{
    (void)context;
    struct rtmsg info;
    memcpy(&info, NLMSG_DATA(h), sizeof info);
    struct address a = {.family = info.rtm_family, .prefix = address_bits(info.rtm_family)};
    if (h->nlmsg_type != RTM_NEWROUTE || info.rtm_type != RTN_UNICAST || info.rtm_table != RT_TABLE_MAIN ||
        (a.family != AF_INET && a.family != AF_INET6))
        return;
    const void *oif = attribute(h, sizeof info, RTA_OIF, 4);
    const void *gateway = attribute(h, sizeof info, RTA_GATEWAY, address_size(a.family));
    const void *to = attribute(h, sizeof info, RTA_DST, address_size(a.family));
    if (!oif)
        return;
    memcpy(&a.link, oif, 4);
    if (!is_linked(a.link))
        return;
    if (gateway && !info.rtm_dst_len) {
        memcpy(a.bytes, gateway, address_size(a.family));
        add(&gateways, &a);
    } else if (!gateway && to && info.rtm_dst_len) {
        memcpy(a.bytes, to, address_size(a.family));
        a.prefix = info.rtm_dst_len;
        if (!find(&subnets, &a))
            add(&subnets, &a);
    }
}

static bool survey(void)
{
    return netlink_dump(RTM_GETLINK, AF_UNSPEC, each_link, NULL) && netlink_dump(RTM_GETADDR, AF_UNSPEC, each_address, NULL) &&
           netlink_dump(RTM_GETROUTE, AF_UNSPEC, each_route, NULL);
}

static bool has_family(unsigned char family)
{
    for (size_t i = 0; i < own.count; i++)
        if (own.list[i].family == family)
            return true;
    return false;
}

static void restrict_bound(unsigned char family)
{
    for (size_t i = 0; has_family(family) && i < link_count; i++)
        if (!route_bound_sockets(&links[i], family))
            warn("sockets bound to %s are not restricted: %s", links[i].name, strerror(errno));
}

/* On the link, or through the gateway; nothing for an address of our own. */
static bool allow(const struct address *a)
{
    const struct address *net = find(&subnets, a), *gateway = NULL;
    for (size_t i = 0; i < gateways.count && !gateway; i++)
        gateway = gateways.list[i].family == a->family ? &gateways.list[i] : NULL;
    if (find(&own, a) || (!net && !gateway))
        return true;
    return route_allow(a, net ? NULL : gateway, net ? net->link : gateway->link);
}

static bool is_link_local(const struct address *a) { return a->family == AF_INET6 && a->bytes[0] == 0xfe && a->bytes[1] == 0x80; }

static bool apply(void)
{
    bool done = true;
    restrict_bound(AF_INET);
    restrict_bound(AF_INET6);
    for (size_t i = 0; done && i < allowed.count; i++)
        done = allow(&allowed.list[i]);
    for (size_t i = 0; done && i < gateways.count; i++)
        if (gateways.list[i].family == AF_INET && !find(&allowed, &gateways.list[i]))
            done = route_block_gateway(&gateways.list[i]);
    for (size_t i = 0; done && i < own.count; i++)
        if (is_link_local(&own.list[i]))
            done = route_remove_address(&own.list[i]);
    for (size_t i = 0; done && i < subnets.count; i++)
        done = route_block_subnet(&subnets.list[i]);
    for (size_t i = 0; done && i < blocked.count; i++)
        if (has_family(blocked.list[i].family))
            done = route_block(&blocked.list[i]);
    return done;
}

/* False: the agent must not start. Without the flags the network is left alone: it may be the host's. */
bool lock_network(const struct options *o)
{
    if (!o->lock_network && !o->block && !o->allow)
        return true;
    /* Anywhere else these would be the routes of the host itself. */
    if (getpid() != 1) {
        say("agent: the network is locked only by the first process of a sandbox");
        return false;
    }
    if (!parse_list(o->block, &blocked, "--block") || !parse_list(o->allow, &allowed, "--allow"))
        return false;
    parse_list("169.254.0.0/16,224.0.0.0/4,255.255.255.255,fe80::/10", &blocked, "");
    allow_name_servers();
    bool done = netlink_open() && survey() && (!link_count || apply());
    int error = errno;
    netlink_close();
    if (done)
        return true;
    if (!o->lock_network)
        warn("the network is not locked: %s: %s", route_failure, strerror(error));
    else
        say("agent: --lock-network: %s: %s", route_failure, strerror(error));
    return !o->lock_network;
}
