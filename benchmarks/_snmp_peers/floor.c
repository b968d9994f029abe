/* What the kernel alone costs: one unconnected UDP socket that sends prebuilt requests and takes the answers, many at a
 * time (sendmmsg, recvmmsg). Nothing is decoded; an answer counts when it holds the request id where it must.
 *
 *     floor PORT POLLS WINDOW DEVICES FIRST REQUEST ID_AT ANSWER_ID_AT
 *
 * FIRST: low 24 bits of the first device's address. REQUEST: hexadecimal; ID_AT: where its four octets of request id
 * are, ANSWER_ID_AT: and in the answer. Prints one line of JSON, as the other clients do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, LARGEST = 2048, FIRST_ID = 0x40000000 };

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

int main(int argc, char **argv) {
    if (argc != 9)
        return 2;
    int port = atoi(argv[1]), window = atoi(argv[3]), devices = atoi(argv[4]), big = 64 << 20, size = 0;
    long polls = atol(argv[2]), id_at = atol(argv[7]), answer_id_at = atol(argv[8]);
    uint32_t first = atol(argv[5]);
    static uint8_t out[BATCH][LARGEST], in[BATCH][LARGEST];
    for (const char *hex = argv[6]; size < LARGEST && sscanf(hex, "%2hhx", &out[0][size]) == 1; hex += 2)
        size++;
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    static struct sockaddr_in to[BATCH], from[BATCH];
    static struct mmsghdr sending[BATCH], received[BATCH];
    static struct iovec out_vector[BATCH], in_vector[BATCH];
    for (int each = 0; each < BATCH; each++) {
        memcpy(out[each], out[0], size);
        to[each] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        out_vector[each] = (struct iovec){out[each], size};
        in_vector[each] = (struct iovec){in[each], LARGEST};
        sending[each].msg_hdr = (struct msghdr){
            .msg_name = &to[each], .msg_namelen = sizeof *to, .msg_iov = &out_vector[each], .msg_iovlen = 1};
        received[each].msg_hdr = (struct msghdr){
            .msg_name = &from[each], .msg_namelen = sizeof *from, .msg_iov = &in_vector[each], .msg_iovlen = 1};
    }
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    long sent = 0, got = 0, wrong = 0, lost = 0;
    while (got + lost < polls) {
        while (sent < polls && sent - got - lost <= window - BATCH) {
            int ready = 0;
            for (; ready < BATCH && sent + ready < polls; ready++) {
                uint32_t id = htonl(FIRST_ID + sent + ready);
                memcpy(out[ready] + id_at, &id, 4);
                to[ready].sin_addr.s_addr = htonl(0x7f000000u + first + (sent + ready) % devices);
            }
            int done = sendmmsg(sock, sending, ready, 0);
            if (done <= 0)
                break;
            sent += done;
        }
        int done = recvmmsg(sock, received, BATCH, 0, 0);
        if (done <= 0) {
            struct pollfd readable = {.fd = sock, .events = POLLIN};
            if (!poll(&readable, 1, 2000))
                lost = sent - got;
            continue;
        }
        for (int each = 0; each < done; each++) {
            uint32_t id;
            memcpy(&id, in[each] + answer_id_at, 4);
            id = ntohl(id) - FIRST_ID;
            wrong += id >= sent || ntohl(from[each].sin_addr.s_addr) != 0x7f000000u + first + id % devices;
            got++;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double wall = ended.tv_sec - begun.tv_sec + (ended.tv_nsec - begun.tv_nsec) / 1e9;
    double user = seconds(used.ru_utime), system = seconds(used.ru_stime);
    printf("{\"polls\": %ld, \"wrong\": %ld, \"failed\": %ld, \"cpu_us\": %.3f, \"user_us\": %.3f, \"system_us\": %.3f, "
           "\"wall_seconds\": %.3f}\n",
           got, wrong, lost, (user + system) / got * 1e6, user / got * 1e6, system / got * 1e6, wall);
    return 0;
}
