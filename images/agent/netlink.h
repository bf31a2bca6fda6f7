/* For network.c, which decides, routes.c, which knows the kernel's objects, and netlink.c, which knows its messages. */
#ifndef NETLINK_H
#define NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum { LINKS_MOST = 16, ADDRESSES_MOST = 128 };

struct address {
    unsigned char bytes[16];
    unsigned char family, prefix;
    uint32_t link;
};
struct link {
    uint32_t index;
    unsigned char mac[6];
    char name[16];
};
extern struct link links[LINKS_MOST];
extern size_t link_count;

struct message {
    struct nlmsghdr header;
    char body[512];
};

bool netlink_open(void);
void netlink_close(void);
bool netlink_dump(uint16_t type, unsigned char family, void (*each)(const struct nlmsghdr *, void *), void *context);
void message_begin(struct message *m, uint16_t type, uint16_t flags, const void *body, size_t size);
void message_put(struct message *m, uint16_t type, const void *value, size_t size);
bool message_send(struct message *m);
const void *attribute(const struct nlmsghdr *header, size_t body, uint16_t type, size_t size);

size_t address_size(unsigned char family);
unsigned char address_bits(unsigned char family);
bool address_parse(const char *text, size_t length, struct address *a);

bool route_allow(const struct address *to, const struct address *gateway, uint32_t link);
bool route_block(const struct address *to);
bool route_block_subnet(const struct address *net);
bool route_block_gateway(const struct address *gateway);
bool route_bound_sockets(const struct link *l, unsigned char family);
bool route_remove_address(const struct address *a);
extern const char *route_failure;

#endif
