/* Answers SNMPv2c GET, GETNEXT and GETBULK on every address of 127.0.0.0/8; each address is one device.
 *
 *     responder PORT [-i INTERFACES] [-d EVERY] [-x] [-t]
 *
 * -d 10: every tenth device never answers. -x: none does. -t: thin agents, which hold no more of the interfaces than
 * name, state, 64-bit octets, errors and discards of what is received.
 * Values are a function of address, object and sysUpTime alone (fleet.py states it), so that a client's can be checked.
 * On SIGUSR1 one line of JSON on stdout: datagrams so far, and the names of the last GET of more than one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ber.h"

enum { GET = 0xA0, GETNEXT = 0xA1, RESPONSE = 0xA2, GETBULK = 0xA5 };
enum { NO_SUCH_INSTANCE = 0x81, END_OF_MIB_VIEW = 0x82, TOO_BIG = 1 };
enum { SYSTEM, IF_TABLE, IF_X_TABLE, ENGINE };
enum { BATCH = 64, MOST_OBJECTS = 8192, MOST_ASKED = 128, LARGEST = 1472 };

typedef struct {
    octet name[24]; /* content of the OID; no sub-identifier is above 127 */
    int size, tag, table, column, row;
} object;

static object held[MOST_OBJECTS];
static int count, interfaces = 20;
static uint32_t elapsed; /* hundredths of a second since the start */
static span last_get;
static octet last_get_octets[2048];
static long requests, answers, malformed;
static volatile sig_atomic_t told_to_stop, told_to_report;

static void hold(const octet *prefix, int size, int table, int column, int row, int tag) {
    object *new = &held[count++];
    memcpy(new->name, prefix, size);
    new->name[size] = column;
    new->name[size + 1] = row;
    new->size = size + 2;
    new->tag = tag;
    new->table = table;
    new->column = column;
    new->row = row;
}

static int compare(const octet *a, int a_size, const octet *b, int b_size) {
    int difference = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return difference ? difference : a_size - b_size;
}

static int in_order(const void *a, const void *b) {
    const object *one = a, *other = b;
    return compare(one->name, one->size, other->name, other->size);
}

static void hold_all(int thin) {
    static const octet system[] = {0x2b, 6, 1, 2, 1, 1}, number[] = {0x2b, 6, 1, 2, 1, 2};
    static const octet entry[] = {0x2b, 6, 1, 2, 1, 2, 2, 1}, x_entry[] = {0x2b, 6, 1, 2, 1, 31, 1, 1, 1};
    static const octet engine[] = {0x2b, 6, 1, 6, 3, 10, 2, 1};
    static const int of_system[] = {0, STRING, OID, TICKS, STRING, STRING, STRING, INTEGER};
    static const int of_entry[] = {0, INTEGER, STRING, INTEGER, INTEGER, GAUGE32, STRING, INTEGER, INTEGER, TICKS,
        COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER32,
        COUNTER32, GAUGE32};
    static const int of_x_entry[] = {0, STRING, COUNTER32, COUNTER32, COUNTER32, COUNTER32, COUNTER64, COUNTER64,
        COUNTER64, COUNTER64, COUNTER64, COUNTER64, COUNTER64, COUNTER64, INTEGER, GAUGE32, INTEGER, INTEGER, STRING,
        TICKS};
    for (int column = 1; column <= 7; column++)
        hold(system, sizeof system, SYSTEM, column, 0, of_system[column]);
    hold(number, sizeof number, SYSTEM, 1, 0, INTEGER);
    held[count - 1].column = 8;
    hold(engine, sizeof engine, ENGINE, 2, 0, INTEGER);
    hold(engine, sizeof engine, ENGINE, 3, 0, INTEGER);
    for (int row = 1; row <= interfaces; row++) {
        for (int column = 1; column <= 21; column++)
            if (!thin || column == 8 || column == 13 || column == 14)
                hold(entry, sizeof entry, IF_TABLE, column, row, of_entry[column]);
        for (int column = 1; column <= 19; column++)
            if (!thin || column == 1 || column == 6 || column == 10)
                hold(x_entry, sizeof x_entry, IF_X_TABLE, column, row, of_x_entry[column]);
    }
    qsort(held, count, sizeof *held, in_order);
}

/* The first object whose name is greater, or `count`. */
static int successor(const octet *name, int size) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (compare(held[middle].name, held[middle].size, name, size) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int find(const octet *name, int size) {
    int next = successor(name, size);
    return next > 0 && !compare(held[next - 1].name, held[next - 1].size, name, size) ? next - 1 : -1;
}

static octet *put_value(octet *to, const object *of, uint32_t device) {
    /* 1.3.6.1.4.1.32473.1: the enterprise number for documentation (RFC 5612) */
    static const octet made_by[] = {OID, 9, 0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1};
    char text[64];
    int column = of->column, row = of->row;
    if (of->table == ENGINE)
        return put_number(to, INTEGER, column == 2 ? 3 : 123456 + elapsed / 100);
    if (of->table == SYSTEM)
        switch (column) {
        case 1: return put_text(to, "Access router, bench", 20);
        case 2: memcpy(to, made_by, sizeof made_by); return to + sizeof made_by;
        case 3: return put_number(to, TICKS, 12345600u + device + elapsed);
        case 4: return put_text(to, "noc@example.net", 15);
        case 5: return put_text(to, text, sprintf(text, "router-%06u", device));
        case 6: return put_text(to, "comms room", 10);
        case 7: return put_number(to, INTEGER, 78);
        default: return put_number(to, INTEGER, interfaces);
        }
    if (of->table == IF_TABLE)
        switch (column) {
        case 1: return put_number(to, INTEGER, row);
        case 2: return put_text(to, text, sprintf(text, "GigabitEthernet0/%d", row));
        case 3: return put_number(to, INTEGER, 6);
        case 4: return put_number(to, INTEGER, 1500);
        case 5: return put_number(to, GAUGE32, 1000000000);
        case 6: return put_text(to, text, sprintf(text, "\2\1%c%c%c%c", device >> 16, device >> 8, device, row));
        case 7: case 8: return put_number(to, INTEGER, 1);
        case 9: return put_number(to, TICKS, 4242);
        }
    else
        switch (column) {
        case 1: return put_text(to, text, sprintf(text, "Gi0/%d", row));
        case 14: case 16: case 17: return put_number(to, INTEGER, 1);
        case 15: return put_number(to, GAUGE32, 1000);
        case 18: return put_text(to, text, sprintf(text, "line %d", row));
        case 19: return put_number(to, TICKS, 0);
        }
    if (of->tag == COUNTER64 || (of->table == IF_TABLE && (column == 10 || column == 16))) {
        int moving = of->table == IF_TABLE ? (column == 10 ? 6 : 10) : column;
        uint64_t value = (1ull << 40) + device * 1000ull + moving * 100 + row;
        value += (uint64_t)elapsed * (device % 1000 + 1000 * row + moving);
        return put_number(to, of->tag, of->tag == COUNTER64 ? value : (uint32_t)value);
    }
    return put_number(to, of->tag, column * 10 + row);
}

static octet *put_binding(octet *to, const octet *name, int size, int which, int missing, uint32_t device) {
    octet *start = to;
    *to++ = 0x30;
    to++; /* its length: names and values here fit the short form */
    *to++ = OID;
    *to++ = size;
    memcpy(to, name, size);
    to += size;
    if (which >= 0)
        to = put_value(to, &held[which], device);
    else {
        *to++ = missing;
        *to++ = 0;
    }
    start[1] = to - start - 2;
    return to;
}

static octet *put_rows(octet *to, const span *asked, int names, long rows, uint32_t device) {
    octet *start = to;
    int next[MOST_ASKED];
    for (int each = 0; each < names; each++)
        next[each] = successor(asked[each].at, asked[each].end - asked[each].at);
    for (long row = 0; row < rows; row++) {
        int alive = 0;
        for (int each = 0; each < names; each++) {
            octet *before = to;
            const object *last = &held[count - 1];
            if (next[each] < count) {
                const object *found = &held[next[each]];
                to = put_binding(to, found->name, found->size, next[each]++, 0, device);
                alive = 1;
            } else
                to = put_binding(to, last->name, last->size, -1, END_OF_MIB_VIEW, device);
            if (to - start > LARGEST - 64)
                return before;
        }
        if (!alive)
            break;
    }
    return to;
}

/* The answer's size; 0 when the request is not understood. */
static int answer(const octet *datagram, int size, octet *to, uint32_t device) {
    span all = {datagram, datagram + size}, message, version, community, pdu, id, second, third, list, pair;
    static octet body[65536];
    span asked[MOST_ASKED];
    int names = 0, status = 0;
    if (!take(&all, 0x30, &message) || !take(&message, INTEGER, &version) || number_of(version) != 1)
        return 0;
    const octet *head = version.at - 2;
    if (!take(&message, STRING, &community) || message.at >= message.end)
        return 0;
    int type = *message.at;
    const octet *head_end = message.at;
    if ((type != GET && type != GETNEXT && type != GETBULK) || !take(&message, type, &pdu))
        return 0;
    const octet *id_start = pdu.at;
    if (!take(&pdu, INTEGER, &id) || !take(&pdu, INTEGER, &second) || !take(&pdu, INTEGER, &third))
        return 0;
    const octet *id_end = id.end;
    if (!take(&pdu, 0x30, &list))
        return 0;
    span names_asked = list;
    while (list.at < list.end && names < MOST_ASKED)
        if (!take(&list, 0x30, &pair) || !take(&pair, OID, &asked[names++]))
            return 0;
    octet *end = body;
    if (type == GET) {
        for (int each = 0; each < names; each++) {
            int length = asked[each].end - asked[each].at;
            end = put_binding(end, asked[each].at, length, find(asked[each].at, length), NO_SUCH_INSTANCE, device);
        }
        if (names > 1 && names_asked.end - names_asked.at <= (long)sizeof last_get_octets) {
            memcpy(last_get_octets, names_asked.at, names_asked.end - names_asked.at);
            last_get = (span){last_get_octets, last_get_octets + (names_asked.end - names_asked.at)};
        }
    } else
        end = put_rows(end, asked, names, type == GETBULK ? number_of(third) : 1, device);
    if (end - body > LARGEST - 64) {
        status = TOO_BIG;
        end = body;
    }
    /* From the inside out, so that each length is known: list, PDU, message. */
    octet numbers[16], list_head[8], pdu_head[8], message_head[8], *at;
    int list_size = end - body;
    at = put_number(put_number(numbers, INTEGER, status), INTEGER, 0);
    int numbers_size = at - numbers;
    *list_head = 0x30;
    int list_head_size = put_length(list_head + 1, list_size) - list_head;
    int pdu_size = (id_end - id_start) + numbers_size + list_head_size + list_size;
    *pdu_head = RESPONSE;
    int pdu_head_size = put_length(pdu_head + 1, pdu_size) - pdu_head;
    int message_size = (head_end - head) + pdu_head_size + pdu_size;
    *message_head = 0x30;
    int message_head_size = put_length(message_head + 1, message_size) - message_head;
    octet *start = to;
    to = mempcpy(to, message_head, message_head_size);
    to = mempcpy(to, head, head_end - head);
    to = mempcpy(to, pdu_head, pdu_head_size);
    to = mempcpy(to, id_start, id_end - id_start);
    to = mempcpy(to, numbers, numbers_size);
    to = mempcpy(to, list_head, list_head_size);
    to = mempcpy(to, body, list_size);
    return to - start;
}

static void report(void) {
    span pair, name, list = last_get;
    printf("{\"requests\": %ld, \"answers\": %ld, \"malformed\": %ld, \"last\": [", requests, answers, malformed);
    for (const char *comma = ""; list.at < list.end && take(&list, 0x30, &pair) && take(&pair, OID, &name); comma = ", ") {
        printf("%s\"1.3", comma);
        unsigned long part = 0;
        for (const octet *at = name.at + 1; at < name.end; at++) {
            part = part << 7 | (*at & 0x7f);
            if (!(*at & 0x80)) {
                printf(".%lu", part);
                part = 0;
            }
        }
        printf("\"");
    }
    printf("]}\n");
    fflush(stdout);
}

static void stop(int signal) { (void)signal; told_to_stop = 1; }
static void ask_report(int signal) { (void)signal; told_to_report = 1; }

static int opened(int port) {
    int sock = socket(AF_INET, SOCK_DGRAM, 0), one = 1, big = 64 << 20;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    /* All of 127.0.0.0/8 needs the wildcard address; the device keeps everybody else out. */
    if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)) {
        perror("loopback only");
        exit(1);
    }
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    if (setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big))
        setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    setsockopt(sock, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
    if (bind(sock, (void *)&here, sizeof here)) {
        perror("bind");
        exit(1);
    }
    return sock;
}

int main(int argc, char **argv) {
    int dead_every = 0, silent = 0, thin = 0, option;
    while ((option = getopt(argc, argv, "i:d:xt")) > 0)
        switch (option) {
        case 'i': interfaces = atoi(optarg); break;
        case 'd': dead_every = atoi(optarg); break;
        case 'x': silent = 1; break;
        case 't': thin = 1; break;
        default: return 2;
        }
    if (optind >= argc || interfaces < 1 || interfaces > 100)
        return 2;
    hold_all(thin);
    int sock = opened(atoi(argv[optind]));
    struct sigaction on_stop = {.sa_handler = stop}, on_report = {.sa_handler = ask_report};
    sigaction(SIGTERM, &on_stop, 0);
    sigaction(SIGINT, &on_stop, 0);
    sigaction(SIGUSR1, &on_report, 0);
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    printf("ready\n");
    fflush(stdout);
    static octet in[BATCH][2048], out[BATCH][2048];
    static struct sockaddr_in from[BATCH];
    static char control[BATCH][64];
    struct mmsghdr received[BATCH], sent[BATCH];
    struct iovec in_vector[BATCH], out_vector[BATCH];
    while (!told_to_stop) {
        if (told_to_report) {
            told_to_report = 0;
            report();
        }
        for (int each = 0; each < BATCH; each++) {
            in_vector[each] = (struct iovec){in[each], sizeof *in};
            received[each].msg_hdr = (struct msghdr){.msg_name = &from[each], .msg_namelen = sizeof *from,
                .msg_iov = &in_vector[each], .msg_iovlen = 1, .msg_control = control[each],
                .msg_controllen = sizeof *control};
        }
        int got = recvmmsg(sock, received, BATCH, MSG_WAITFORONE, 0), ready = 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = (now.tv_sec - begun.tv_sec) * 100 + (now.tv_nsec - begun.tv_nsec) / 10000000;
        for (int each = 0; each < got; each++) {
            struct msghdr *header = &received[each].msg_hdr;
            struct in_pktinfo *asked = (void *)CMSG_DATA(CMSG_FIRSTHDR(header));
            uint32_t device = ntohl(asked->ipi_addr.s_addr) & 0xffffff;
            requests++;
            if (silent || (dead_every && device % dead_every == 0))
                continue;
            int size = answer(in[each], received[each].msg_len, out[ready], device);
            if (!size) {
                malformed++;
                continue;
            }
            asked->ipi_spec_dst = asked->ipi_addr;
            asked->ipi_ifindex = 0;
            out_vector[ready] = (struct iovec){out[ready], size};
            sent[ready].msg_hdr = (struct msghdr){.msg_name = &from[each], .msg_namelen = header->msg_namelen,
                .msg_iov = &out_vector[ready], .msg_iovlen = 1, .msg_control = control[each],
                .msg_controllen = header->msg_controllen};
            ready++;
        }
        for (int done = 0; done < ready;) {
            int more = sendmmsg(sock, sent + done, ready - done, 0);
            done += more > 0 ? more : 1;
            answers += more > 0 ? more : 0;
        }
    }
    return 0;
}
